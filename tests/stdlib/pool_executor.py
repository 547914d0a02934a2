"""`Pool` under the names by which the standard library's executor tests know a process pool.

Whatever can be said in both languages is translated here, word by word: the names of arguments
and attributes, two sentences that the tests look for, and the moment at which a call that cannot
be pickled is refused. Nothing about how the pool behaves is changed.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import select
import signal
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pool import PayloadError, Pool, PoolBroken, TaskFuture

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import BaseContext

    from pool.loop import Loop

# What the pool says, and what the standard tests look for instead.
WORDS = {
    "size must be at least 1": "max_workers must be greater than 0: size must be at least 1",
    "pool.errors.PoolShutdown: cannot submit": "RuntimeError: cannot schedule new futures",
}

LIMIT = 60.0  # seconds in which a process ends that is said to end


class Process:
    """One worker, with the two methods of a standard process that the tests call."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def join(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if not select.select([descriptor], [], [], LIMIT)[0]:
                raise AssertionError(f"worker process {self.pid} has not ended in {LIMIT} s")
        finally:
            os.close(descriptor)


class Processes(Mapping[int, Process]):
    """The live workers by process identifier; after the pool's end, those that were ever seen."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop  # not the pool: these must not keep it from being collected
        self._seen: dict[int, Process] = {}

    def _now(self) -> dict[int, Process]:
        pids = self._loop.pids().values()
        self._seen.update((pid, Process(pid)) for pid in pids if pid not in self._seen)
        return {pid: self._seen[pid] for pid in pids}

    def __getitem__(self, pid: int) -> Process:
        return self._now()[pid]

    def __iter__(self) -> Iterator[int]:
        return iter(self._now() or self._seen)

    def __len__(self) -> int:
        return len(self._now())

    def values(self) -> Any:
        return (self._now() or self._seen).values()


class NoQueue:
    """The pool has no queue with a feeding thread; so there is none to wait for."""

    def join_thread(self) -> None:
        """The thread that is not there has ended."""


class PoolExecutor(Pool):
    """The pool, made and asked like `ProcessPoolExecutor`."""

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        self._mp_context = mp_context or multiprocessing.get_context()
        method = self._mp_context.get_start_method()
        settings: dict[str, Any] = {} if max_workers is None else {"size": max_workers}
        try:
            super().__init__(
                **settings,
                start_method=method,
                lazy=method != "fork",  # the standard one forks all at once, others on demand
                initializer=initializer,
                initargs=initargs,
                tasks_max=max_tasks_per_child,
            )
        except ValueError as error:
            raise ValueError(translated(str(error))) from None
        self._max_workers = self.config.size
        self._processes = Processes(self._loop)
        self._executor_manager_thread = self._loop._thread
        self._call_queue = NoQueue()
        self.broke: list[BaseException] = []  # what clients were told once it was broken

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As the pool's, but a call that cannot be pickled makes a future that says so."""
        try:
            future = super().submit(fn, *args, **kwargs)
        except PayloadError as error:
            refused: concurrent.futures.Future[Any] = concurrent.futures.Future()
            refused.set_exception(error)
            return refused
        future.add_done_callback(partial(_note, self.broke))  # and not the pool
        return future

    @property
    def _broken(self) -> bool:
        return self._desk.core.phase == "broken"


def _note(broke: list[BaseException], future: TaskFuture[Any]) -> None:
    if not future.cancelled() and isinstance(error := future.exception(), PoolBroken):
        broke.append(error)


class ProcessPoolExecutor(PoolExecutor):
    """The same, where tests take it from `concurrent.futures`.

    The mixins' own executor is another class than this one, so that no test skips itself because
    it knows that the standard process pool would hang.
    """


class Owner:
    """Stands where the desk stands, for a future whose state a test sets by hand."""

    def __init__(self) -> None:
        self.future: Future | None = None

    def cancel(self, _task: int) -> bool:
        assert self.future is not None
        return concurrent.futures.Future.cancel(self.future)

    def runs(self, _task: int) -> bool:
        assert self.future is not None
        return concurrent.futures.Future.running(self.future)

    def listen(self, _future: Any, _timeout: float | None) -> None:
        """There is no worker to listen to."""


class Future(TaskFuture[Any]):
    """A task's future without a pool, under the name that the standard tests look for."""

    def __init__(self) -> None:
        owner = Owner()
        super().__init__(0, owner, b"")
        owner.future = self


def translated(words: str) -> str:
    """The pool's sentence in the standard library's words."""
    for ours, theirs in WORDS.items():
        words = words.replace(ours, theirs)
    return words

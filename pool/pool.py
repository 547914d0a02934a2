"""The pool's public face: an executor whose workers are processes."""

from __future__ import annotations

import concurrent.futures
import itertools
import time
import weakref
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pool.config import PoolConfig
from pool.loop import Loop
from pool.session import Session
from pool.submitter import Options, Submitter

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from types import TracebackType

    from pool.futures import TaskFuture
    from pool.stats import PoolStats

P = ParamSpec("P")
T = TypeVar("T")


class Pool(concurrent.futures.Executor):
    """Runs functions in worker processes and tells the truth about each.

    Either `Pool(size=4, …)` with the fields of `PoolConfig`, or `Pool(config=…)`.

    Args:
        config: the whole configuration; no other argument may be given with it.
        **settings: fields of `PoolConfig`.

    Raises:
        ValueError: a setting is out of its range.
        TypeError: a setting is unknown, of a wrong type, or given besides `config`.
    """

    def __init__(self, *, config: PoolConfig | None = None, **settings: Any) -> None:
        if config is not None and settings:
            raise TypeError(f"give config or {', '.join(sorted(settings))}, not both")
        self.config = config if config is not None else PoolConfig(**settings)
        self._loop = Loop(self.config)
        self._desk = self._loop.desk
        # A pool that is dropped runs what it accepted and then ends, like the standard one.
        weakref.finalize(self, self._loop.let_go).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """The call is accepted, and its future returned.

        Args:
            fn: what a worker calls; importable there.
            *args: its positional arguments.
            **kwargs: its keyword arguments; no option of the pool ever takes one of them.

        Raises:
            PoolSaturated: `queue_limit` tasks are waiting.
            PoolShutdown: the pool was shut down.
            PoolBroken: its workers do not start any more.
            PoolForked: this process is a child of the pool's.
            PayloadError: the call cannot be pickled.
        """
        return self._desk.submit((fn, args, kwargs))

    def options(
        self, *, deadline: float | None = None, idempotent: bool = False, retries: int | None = None
    ) -> Submitter:
        """A view of this pool is returned whose `submit` applies these options.

        Args:
            deadline: seconds from the submit until the task must have resolved.
            idempotent: whether the function may be started again after its worker was lost.
            retries: how many times; 1 unless given. Needs `idempotent`.

        Raises:
            ValueError: a value is out of its range, or `retries` is given without `idempotent`.
        """
        if retries is not None and not idempotent:
            raise ValueError("retries needs idempotent=True: only such a function may start twice")
        if retries is None:
            retries = 1 if idempotent else 0
        return Submitter(self._desk, Options(deadline, retries))

    def session(self, name: Hashable) -> Session:
        """The session of this name is returned, opened if there is none.

        Its tasks run on one worker, in the order submitted, and each is handed the dictionary that
        lives there for it. A session that was lost with its worker is not opened again by this:
        its `submit` raises `SessionLost` until its client says `reopen`.

        Args:
            name: any value that can be a dictionary's key.

        Raises:
            PoolShutdown: the pool was shut down.
            PoolBroken: its workers do not start any more.
            PoolForked: this process is a child of the pool's.
        """
        return Session(self._desk, name, self._desk.open_session(name), Options())

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """The function's results are yielded in the order of its arguments.

        All calls are accepted before this returns. When the iterator is closed, or a call raises,
        those that still wait are cancelled.

        Args:
            fn: takes as many arguments as there are iterables.
            *iterables: of arguments; the shortest one ends the map.
            timeout: seconds from now until the last result must have come; None for no bound.
            chunksize: how many calls make one task: more cost less each, but spread less evenly.

        Raises:
            ValueError: chunksize is less than 1.
            TimeoutError: a result did not come in time.
            PoolSaturated, PoolShutdown, PoolBroken, PayloadError: as for `submit`.
        """
        if chunksize < 1:
            raise ValueError(f"chunksize must be at least 1, not {chunksize}")
        until = None if timeout is None else time.monotonic() + timeout
        calls = zip(*iterables, strict=False)
        futures: deque[TaskFuture[list[T]]] = deque()
        try:
            while chunk := tuple(itertools.islice(calls, chunksize)):
                futures.append(self.submit(partial(_apply, fn), chunk))
        except BaseException:
            _cancel(futures)
            raise
        return _results(futures, until)

    def stats(self) -> PoolStats:
        """What the pool has done and is doing at this moment, as one frozen value."""
        return self._desk.stats()

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False, grace: float | None = None
    ) -> None:
        """The pool accepts nothing more, and ends; when `wait` is true, it has ended.

        Args:
            wait: whether to return only when nothing of the pool is left.
            cancel_futures: whether waiting tasks are cancelled instead of run.
            grace: seconds after which what still runs is killed and resolves with `PoolShutdown`;
                None lets the accepted tasks finish.
        """
        if grace is not None and not grace >= 0:
            raise ValueError(f"grace must be at least 0 seconds, not {grace!r}")
        self._loop.shutdown(cancel_waiting=cancel_futures, grace=grace)
        if wait:
            self._loop.join()

    def pids(self) -> dict[int, int]:
        """The process identifier of each live worker, by the worker's number."""
        return self._loop.pids()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The pool has ended; after an interrupt from the keyboard without finishing its tasks."""
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        try:
            self.shutdown(cancel_futures=interrupted, grace=0.0 if interrupted else None)
        except KeyboardInterrupt:
            self.shutdown(cancel_futures=True, grace=0.0)
            raise


def _apply(fn: Callable[..., T], chunk: tuple[tuple[Any, ...], ...]) -> list[T]:
    return [fn(*args) for args in chunk]


def _results(futures: deque[TaskFuture[list[T]]], until: float | None) -> Iterator[T]:
    try:
        while futures:
            left = None if until is None else max(0.0, until - time.monotonic())
            # Taken from where it is held, so that what was yielded is held no longer.
            chunk = futures.popleft().result(left)[::-1]
            while chunk:
                yield chunk.pop()
    finally:
        _cancel(futures)


def _cancel(futures: Iterable[TaskFuture[Any]]) -> None:
    for future in futures:
        future.cancel()

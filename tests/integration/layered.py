"""One face for a pool on any layer, so that a scenario is written once and run on all.

On `sim`, `wire` and `real` a schedule moves when somebody waits; on `free` processes move by
themselves. What a task does is named: `echo` answers, `fail` raises, `stick` never ends, and has a
deadline an hour away, as every such task on a schedule must have one.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from layered_work import meet, noted, perform, perform_in

from machines import trace
from machines.harness import StagedPool, ensure_pool_ready, isolated, wait_for
from machines.suites.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from machines.harness import Instance

LAYERS: Final = ("sim", "wire", "real", "free")
SETTINGS: Final = load()
_HELD_S: Final = 3600.0


class Layered(Protocol):
    """A pool on one layer."""

    pool: Any

    def submit(self, name: str = "echo", session: Any = None, **options: Any) -> Future[Any]:
        """The named task is accepted."""

    def submit_held(self, count: int) -> list[Future[Any]]:
        """So many tasks, each of which ends only when all of them have started."""

    def open(self) -> Any:
        """A session is open."""

    def begun(self, future: Future[Any], after: int | None = None) -> int:
        """The task has started, on another worker than that; who runs it is returned."""

    def kill(self, worker: int) -> None:
        """The worker's process is dead, or what stands for one."""

    def place(self, future: Future[Any]) -> int:
        """The worker on which the task ran, which has returned."""

    def marks(self, future: Future[Any]) -> list[int]:
        """What a session's task found in its state: the numbers of the tasks before it."""

    def number(self, future: Future[Any]) -> int:
        """The number by which a session's state knows the task."""

    def at_once(self, calls: list[Callable[[], Any]]) -> None:
        """Clients have done all that, at once where there are several threads."""


class Staged:
    """A pool that a schedule drives."""

    def __init__(self, pool: StagedPool) -> None:
        self.pool = pool

    def submit(self, name: str = "echo", session: Any = None, **options: Any) -> Future[Any]:
        where = self.pool if session is None else session
        future: Future[Any] = where.submit(name, **_timed(name, options))
        return future

    def submit_held(self, count: int) -> list[Future[Any]]:
        futures = [self.submit() for _ in range(count)]
        # A schedule opens gates one after another; here none is opened until all stand at theirs.
        started = len(self.pool.started) + count
        world = self.pool.run.world
        for body in list(world.active.values()):
            while len(self.pool.started) < started and body.receptive:
                self.pool.do(trace.Receive(body.number))
        assert len(self.pool.started) == started
        return futures

    def open(self) -> Any:
        return self.pool.session()

    def begun(self, future: Any, after: int | None = None) -> int:
        self.pool.go_on(lambda: dict(self.pool.started).get(future.task, after) != after)
        return self._worker(future)

    def kill(self, worker: int) -> None:
        assert self.pool.do(trace.Crash(worker))

    def place(self, future: Any) -> int:
        future.result()
        return self._worker(future)

    def marks(self, future: Any) -> list[int]:
        found: list[int] = future.result()[0]
        return found

    def number(self, future: Any) -> int:
        number: int = future.task
        return number

    def at_once(self, calls: list[Callable[[], Any]]) -> None:
        for call in calls:
            call()

    def _worker(self, future: Any) -> int:
        worker = dict(self.pool.started)[future.task]
        assert worker is not None
        return worker


def _timed(name: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"deadline": _HELD_S, **options} if name == "stick" else options


class Free:
    """The production pool."""

    def __init__(self, pool: Any, notes: Path) -> None:
        self.pool = pool
        self._notes = str(notes)
        notes.touch()
        self._numbers: dict[int, int] = {}
        self._next = 0
        self._sessions = 0
        self._lock = threading.Lock()
        self._workers: dict[int, int] = {}
        self._learn()

    def submit(self, name: str = "echo", session: Any = None, **options: Any) -> Future[Any]:
        where = self.pool if session is None else session
        if "retries" in options:
            options["idempotent"] = True
        options = _timed(name, options)
        if options:
            where = where.options(**options)
        function: Any = perform if session is None else perform_in
        future: Future[Any] = self._submit(
            lambda number: where.submit(function, name, number, self._notes)
        )
        return future

    def submit_held(self, count: int) -> list[Any]:
        party = list(range(self._next, self._next + count))
        return [
            self._submit(lambda number: self.pool.submit(meet, number, self._notes, party))
            for _ in range(count)
        ]

    def open(self) -> Any:
        with self._lock:
            self._sessions += 1
            return self.pool.session(self._sessions)

    def begun(self, future: Any, after: int | None = None) -> int:
        number = self.number(future)
        wait_for(lambda: number in noted(self._notes))
        wait_for(lambda: self._worker(noted(self._notes)[number]) != after)
        return self._worker(noted(self._notes)[number])

    def kill(self, worker: int) -> None:
        os.kill(self.pool.pids()[worker], signal.SIGKILL)

    def place(self, future: Any) -> int:
        return self._worker(future.result(SETTINGS.on("free").task_timeout)[0])

    def marks(self, future: Any) -> list[int]:
        found: list[int] = future.result(SETTINGS.on("free").task_timeout)[2]
        return found

    def number(self, future: Any) -> int:
        return self._numbers[id(future)]

    def at_once(self, calls: list[Callable[[], Any]]) -> None:
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _submit(self, submit: Callable[[int], Any]) -> Any:
        with self._lock:
            number = self._next
            self._next += 1
        future = submit(number)
        self._numbers[id(future)] = number
        return future

    def _worker(self, pid: int) -> int:
        self._learn()
        return self._workers[pid]

    def _learn(self) -> None:
        """Which worker each process is; one that has died since was known before."""
        self._workers.update({pid: worker for worker, pid in self.pool.pids().items()})


def layered(instance: Instance) -> Layered:
    """The instance's pool, as scenarios speak to it."""
    if isinstance(instance.pool, StagedPool):
        return Staged(instance.pool)
    return Free(instance.pool, instance.folder / "notes")


def on(layer: str, **config: Any) -> isolated:
    """A fresh pool on that layer, as the suites' configuration says, without prefetching.

    Args:
        layer: where.
        **config: fields of its configuration that a scenario chooses.
    """
    settings = SETTINGS.on(layer)
    chosen = settings.isolation()
    chosen["pool_config"] = {**chosen["pool_config"], "prefetch": 0, **config}
    return isolated(**chosen, otherwise="wire" if layer == "real" else None)


def settle(futures: Iterable[Future[Any]], layer: str) -> None:
    """Each has its answer, whatever it is."""
    for future in futures:
        future.exception(SETTINGS.on(layer).task_timeout)


def whole(one: Layered) -> None:
    """The pool is at full strength."""
    ensure_pool_ready(one.pool, one.pool.config.size)


def spread(places: Iterable[int]) -> Counter[int]:
    """How many tasks ran on which worker."""
    return Counter(places)


def by_turns(lists: list[list[Any]]) -> Iterator[Any]:
    """The first of each list, then the second of each, and so on."""
    for turn in zip(*lists, strict=True):
        yield from turn

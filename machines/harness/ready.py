"""Readiness: how many workers of a pool can take work now, whatever pool it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.harness import inside
from machines.harness.staged import StagedPool
from machines.harness.waiting import TIMEOUT_S, WaitedTooLong, wait_for
from pool.lifecycle import Health, WorkerState

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pool.stats import PoolStats

_AT_WORK: Final = (WorkerState.READY, WorkerState.BUSY)
_LOOK_S: Final = 0.001


def ensure_pool_ready(pool: Any, min_workers: int, timeout: float = TIMEOUT_S) -> list[int]:
    """So many workers of the pool can take work.

    A pool that starts its workers when it is given work is given some.

    Args:
        pool: this project's, on any layer; a standard executor; or what has `pids()`.
        min_workers: how many, at least 1.
        timeout: seconds; virtual ones on a layer with a schedule.

    Returns:
        Their numbers; or process identifiers, of a pool that does not number its workers.

    Raises:
        ValueError: so many workers will never be asked of a pool.
        TypeError: nothing is known of such a pool.
        WaitedTooLong: they are not ready in time; the message says how each worker was last.
    """
    if min_workers < 1:
        raise ValueError(f"min_workers must be at least 1, not {min_workers}")
    if isinstance(pool, StagedPool):
        return _staged(pool, min_workers, timeout)
    if hasattr(pool, "stats"):
        return _told(pool, min_workers, timeout)
    return _seen(pool, min_workers, timeout)


def worker_pids(pool: Any) -> list[int]:
    """The process identifiers of a pool's workers that are known now, in order.

    Args:
        pool: as for `ensure_pool_ready`.

    Raises:
        TypeError: nothing is known of such a pool.
    """
    if hasattr(pool, "pids"):
        return sorted(pool.pids().values())
    processes = getattr(pool, "_processes", None)
    if isinstance(processes, dict):  # concurrent.futures.ProcessPoolExecutor
        return sorted(processes)
    members = getattr(pool, "_pool", None)
    if isinstance(members, list):  # multiprocessing.Pool
        return sorted(process.pid for process in members)
    if processes is None and hasattr(pool, "submit"):
        return []  # an executor that was shut down
    raise TypeError(f"{pool!r} does not say which processes its workers are: it has no `pids()`")


def ready_of(stats: PoolStats) -> list[int]:
    """The numbers of the workers that can take work now, or hold some."""
    return [
        worker.number
        for worker in stats.workers
        if worker.state in _AT_WORK and worker.health is not Health.UNHEALTHY
    ]


def _staged(pool: StagedPool, count: int, timeout: float) -> list[int]:
    try:
        pool.go_on(lambda: len(ready_of(pool.stats())) >= count, timeout)
    except TimeoutError:
        raise _too_few(pool.stats(), count, f"{timeout:g} virtual seconds") from None
    return ready_of(pool.stats())


def _told(pool: Any, count: int, timeout: float) -> list[int]:
    def enough() -> list[int]:
        ready = ready_of(pool.stats())
        return ready if len(ready) >= count else []

    if getattr(getattr(pool, "config", None), "lazy", False):
        for _ in range(count):
            pool.submit(inside.nothing)
    try:
        return wait_for(enough, timeout, _LOOK_S)
    except WaitedTooLong:
        raise _too_few(pool.stats(), count, f"{timeout:g} s") from None


def _seen(pool: Any, count: int, timeout: float) -> list[int]:
    asked: list[Future[None]] = []
    if hasattr(pool, "submit"):  # an executor starts one for each task, while none is idle
        asked = [pool.submit(inside.nothing) for _ in range(count)]

    def enough() -> list[int]:
        pids = worker_pids(pool)
        return pids if len(pids) >= count and all(future.done() for future in asked) else []

    try:
        return wait_for(enough, timeout, _LOOK_S)
    except WaitedTooLong:
        words = f"{count} workers were not ready within {timeout:g} s"
        raise WaitedTooLong(f"{words}: {len(worker_pids(pool))} have started", None) from None


def _too_few(stats: PoolStats, count: int, time: str) -> WaitedTooLong:
    how = ", ".join(f"worker {w.number} is {w.state} and {w.health}" for w in stats.workers)
    words = f"{count} workers were not ready within {time}: {how or 'there is none'}"
    return WaitedTooLong(f"{words}; the pool is {stats.phase}", stats)

"""Statistics: what a pool has done and is doing, at one moment, as a frozen value."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pool.breaker import BreakerState
    from pool.core import Core
    from pool.effects import Ending
    from pool.lifecycle import Health, WorkerState
    from pool.sessions import SessionState
    from pool.state import Phase, Worker


@frozen
class WorkerStats:
    """One worker at one moment.

    Attributes:
        number: how the pool calls it; never used twice.
        pid: its process identifier; None while it has no process.
        state: where in its life it is.
        health: what is known of its health.
        task: the number of the task that it holds; None if it holds none.
        ahead: how many tasks were sent to it beyond that one.
        sessions: how many sessions live on it.
        served: how many tasks it has answered.
    """

    number: int
    pid: int | None
    state: WorkerState
    health: Health
    task: int | None
    ahead: int
    sessions: int
    served: int


@frozen
class PoolStats:
    """A pool at one moment.

    Every accepted task is counted once: `submitted` is the sum of `resolved` and of `waiting`,
    `running`, `ahead`, `retrying` and `failed_over`.

    Attributes:
        phase: where in its life the pool is.
        workers: its workers, by number.
        sessions: how many sessions there are in each state.
        breaker: whether starts of workers are let through.
        submitted: tasks that were accepted.
        resolved: tasks that have resolved, by how.
        waiting: tasks that no worker has been handed yet.
        running: tasks that a worker holds.
        ahead: tasks that were sent to a worker which is at work on another.
        retrying: tasks that wait to be handed out again.
        failed_over: tasks that the fallback executor has.
        retried: how many times a task was handed out again.
        started: how many workers were started.
        restarted: how many of them in the place of one that had ended.
    """

    phase: Phase
    workers: tuple[WorkerStats, ...]
    sessions: Mapping[SessionState, int]
    breaker: BreakerState
    submitted: int
    resolved: Mapping[Ending, int]
    waiting: int
    running: int
    ahead: int
    retrying: int
    failed_over: int
    retried: int
    started: int
    restarted: int


def stats_of(core: Core, pids: Mapping[int, int]) -> PoolStats:
    """The pool's statistics at this moment are returned; the core is not changed.

    Args:
        core: the pool's, between two events.
        pids: the process identifier of each worker that has a process.
    """
    unresolved = len(core.tasks)
    retrying, away = len(core.returning) + len(core.resting), len(core.away)
    ahead = sum(task.worker is worker for worker in core.workers.values() for task in worker.ahead)
    running = unresolved - core.queued - retrying - away - ahead
    return PoolStats(
        phase=core.phase,
        workers=tuple(_worker(worker, pids) for worker in core.workers.values()),
        sessions=dict(Counter(it.state for it in core.sessions.values())),
        breaker=core.breaker.state,
        submitted=core.accepted,
        resolved=dict(core.endings),
        waiting=core.queued,
        running=running,
        ahead=ahead,
        retrying=retrying,
        failed_over=away,
        retried=core.retried,
        started=core.started,
        restarted=core.started - core.live_most,
    )


def _worker(worker: Worker, pids: Mapping[int, int]) -> WorkerStats:
    return WorkerStats(
        worker.number,
        pids.get(worker.number),
        worker.state,
        worker.health,
        None if worker.task is None else worker.task.number,
        len(worker.ahead),
        len(worker.sessions),
        worker.served,
    )

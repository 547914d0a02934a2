"""What frames mean to the core, and what the core's outcomes mean to clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pool import errors
from pool.effects import Ending, Outcome, Refusal
from pool.events import HealthReported, Reply, ResultReceived, WorkerInitFailed, WorkerReady
from pool.frames import Flag, Frame, Kind
from pool.recovery import BASE_SEVERITY, Category, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig
    from pool.events import Event

_REPLIES: Final = {
    Kind.RETURNED: Reply.RETURNED,
    Kind.RAISED: Reply.RAISED,
    Kind.EXHAUSTED: Reply.EXHAUSTED,
}
_HEAVY: Final = int(Flag.HEAVY)


def event_of(worker: int, frame: Frame) -> Event:
    """The fact that a verified frame from a worker tells the core is returned.

    Args:
        worker: the number of the worker whose pipe it came through.
        frame: of one of the kinds in `FROM_WORKER`.
    """
    heavy = bool(frame.flags & _HEAVY)
    reply = _REPLIES.get(frame.kind)
    if reply is not None:
        return ResultReceived(worker, frame.task, frame.attempt, reply, frame.payload, heavy)
    if frame.kind is Kind.HEALTH:
        return HealthReported(worker, frame.task, heavy)
    if frame.kind is Kind.READY:
        return WorkerReady(worker)
    return WorkerInitFailed(worker, bytes(frame.payload).decode(errors="replace"))


def error_of(task: int, outcome: Outcome, config: PoolConfig, session: Any) -> errors.PoolError:
    """The error that tells a client truthfully how its task ended is returned.

    Args:
        task: the task's number.
        outcome: any but `returned`, `raised` and `cancelled`, whose answers are not pool errors.
        config: for the bounds that the message names.
        session: its session's name; None for an anonymous task.
    """
    kind, words = _ERRORS[outcome.ending]
    ran = "it may have started" if outcome.started else "it never started"
    return kind(
        f"task {task} {words(outcome, config, session)}; {ran}",
        task=task,
        session=session,
        worker=outcome.worker,
        attempt=outcome.attempt,
        started=outcome.started,
        category=outcome.category,
        severity=outcome.severity,
        strategy=outcome.strategy,
        cause=outcome.detail,
    )


def refusal_of(task: int, why: Refusal, config: PoolConfig, session: Any) -> errors.PoolError:
    """The error with which a submit, or the opening of a session, is refused is returned."""
    kind, category, words = _REFUSALS[why]
    return kind(
        words.format(limit=config.queue_limit, session=session),
        task=task,
        session=session,
        category=category,
        severity=BASE_SEVERITY[category],
        strategy=Strategy.ABANDON,
    )


def _broken(outcome: Outcome, _: PoolConfig, __: Any) -> str:
    return f"was given up: {outcome.detail or 'workers do not start any more'}"


_ERRORS: Final[
    dict[Ending, tuple[type[errors.PoolError], Callable[[Outcome, PoolConfig, Any], str]]]
] = {
    Ending.TIMEOUT: (errors.TaskTimeout, lambda *_: "passed its deadline"),
    Ending.KILLED: (errors.TaskCancelled, lambda o, *_: f"was killed with worker {o.worker}"),
    Ending.LOST: (
        errors.WorkerLost,
        lambda o, *_: f"was lost with worker {o.worker}: {o.detail}",
    ),
    Ending.SESSION_LOST: (
        errors.SessionLost,
        lambda o, _, session: f"was lost with its session {session!r}: {o.detail}",
    ),
    Ending.SHUTDOWN: (
        errors.PoolShutdown,
        lambda *_: "was unfinished when the pool's grace ended",
    ),
    Ending.BROKEN: (errors.PoolBroken, _broken),
}

_REFUSALS: Final = {
    Refusal.SATURATED: (
        errors.PoolSaturated,
        Category.RESOURCE,
        "the queue is full: {limit} tasks are waiting",
    ),
    Refusal.SHUTDOWN: (errors.PoolShutdown, Category.SYSTEM, "cannot submit after shutdown"),
    Refusal.BROKEN: (
        errors.PoolBroken,
        Category.INITIALIZATION,
        "cannot submit: workers do not start any more",
    ),
    Refusal.SESSION_LOST: (
        errors.SessionLost,
        Category.SESSION,
        "session {session!r} is lost, closed or expired; reopen() starts it with an empty state",
    ),
}

"""What frames mean to the core, and what the core's outcomes mean to clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pool import errors
from pool.effects import Ending, Outcome, Refusal
from pool.events import Reply, ResultReceived, WorkerInitFailed, WorkerReady
from pool.frames import Frame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig
    from pool.events import Event

_REPLIES: Final = {Kind.RETURNED: Reply.RETURNED, Kind.RAISED: Reply.RAISED}


def event_of(worker: int, frame: Frame) -> Event:
    """The fact that a verified frame from a worker tells the core is returned.

    Args:
        worker: the number of the worker whose pipe it came through.
        frame: of one of the kinds in `FROM_WORKER`.
    """
    if frame.kind is Kind.READY:
        return WorkerReady(worker)
    if frame.kind is Kind.INIT_FAILED:
        return WorkerInitFailed(worker)
    return ResultReceived(worker, frame.task, frame.attempt, _REPLIES[frame.kind], frame.payload)


def error_of(task: int, outcome: Outcome, config: PoolConfig) -> errors.PoolError:
    """The error that tells a client truthfully how its task ended is returned.

    Args:
        task: the task's number.
        outcome: any but `returned`, `raised` and `cancelled`, whose answers are not pool errors.
        config: for the bounds that the message names.
    """
    kind, words = _ERRORS[outcome.ending]
    ran = "it may have started" if outcome.started else "it never started"
    message = f"task {task} {words(outcome, config)}; {ran}"
    return kind(
        message,
        task=task,
        worker=outcome.worker,
        attempt=outcome.attempt,
        started=outcome.started,
    )


def refusal_of(task: int, why: Refusal, config: PoolConfig) -> errors.PoolError:
    """The error with which a submit is refused is returned."""
    kind, words = _REFUSALS[why]
    return kind(words.format(limit=config.queue_limit), task=task)


_ERRORS: Final[
    dict[Ending, tuple[type[errors.PoolError], Callable[[Outcome, PoolConfig], str]]]
] = {
    Ending.TIMEOUT: (errors.TaskTimeout, lambda *_: "passed its deadline"),
    Ending.KILLED: (errors.TaskCancelled, lambda o, _: f"was killed with worker {o.worker}"),
    Ending.LOST: (errors.WorkerLost, lambda o, _: f"was lost with worker {o.worker}: {o.detail}"),
    Ending.SHUTDOWN: (errors.PoolShutdown, lambda *_: "was unfinished when the pool's grace ended"),
    Ending.BROKEN: (
        errors.PoolBroken,
        lambda o, c: (
            f"was given up: "
            f"{o.detail or f'workers failed to start {c.start_failures_max} times in a row'}"
        ),
    ),
}

_REFUSALS: Final = {
    Refusal.SATURATED: (errors.PoolSaturated, "the queue is full: {limit} tasks are waiting"),
    Refusal.SHUTDOWN: (errors.PoolShutdown, "cannot submit after shutdown"),
    Refusal.BROKEN: (errors.PoolBroken, "cannot submit: workers do not start any more"),
}

"""The one map between the pool's words and the model's.

Written out word by word, so that a word which changes its meaning in one of the two has to be
changed here by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from model import history as saw
from pool import effects as do
from pool.effects import Ending, Refusal
from pool.lifecycle import Because, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

STATES: Final = {
    WorkerState.INITIALIZING: "initializing",
    WorkerState.READY: "ready",
    WorkerState.BUSY: "busy",
    WorkerState.TERMINATING: "terminating",
    WorkerState.TERMINATED: "terminated",
}

REASONS: Final = {
    Because.INIT_COMPLETE: "init_complete",
    Because.INIT_FAILED: "init_failed",
    Because.INIT_TIMEOUT: "init_timeout",
    Because.SPAWN_FAILED: "spawn_failed",
    Because.CHECKOUT: "checkout",
    Because.CHECKIN_SUCCESS: "checkin_success",
    Because.CHECKIN_ERROR: "checkin_error",
    Because.TIMEOUT: "timeout",
    Because.CANCELLED: "cancelled",
    Because.EXITED: "exited",
    Because.CORRUPT: "corrupt",
    Because.SHUTDOWN: "shutdown",
    Because.REAPED: "reaped",
}

ENDINGS: Final = {
    Ending.RETURNED: "returned",
    Ending.RAISED: "raised",
    Ending.CANCELLED: "cancelled",
    Ending.KILLED: "killed",
    Ending.TIMEOUT: "timeout",
    Ending.LOST: "lost",
    Ending.SHUTDOWN: "shutdown",
    Ending.BROKEN: "broken",
}

REFUSALS: Final = {
    Refusal.SATURATED: "saturated",
    Refusal.SHUTDOWN: "shutdown",
    Refusal.BROKEN: "broken",
}


def _moved(effect: do.WorkerMoved) -> saw.Moved:
    before, after = STATES[effect.before], STATES[effect.after]
    return saw.Moved(effect.worker, before, REASONS[effect.because], after)


_RECORDS: Final[dict[type, Callable[[Any], saw.Record]]] = {
    do.SendTask: lambda e: saw.Assigned(e.task, e.worker),
    do.RefuseTask: lambda e: saw.Refused(e.task, REFUSALS[e.why]),
    do.WorkerMoved: _moved,
    do.PoolBroke: lambda _: saw.Broke(),
    do.PoolClosed: lambda _: saw.Closed(),
}


def record_of(effect: do.Effect) -> saw.Record | None:
    """What an effect says to whoever watches the pool; None if it says nothing by itself.

    Resolutions are not here: only the driver can tell what value they carry.
    """
    make = _RECORDS.get(type(effect))
    return None if make is None else make(effect)


def resolved(effect: do.ResolveTask, value: Any) -> saw.Resolved:
    """A resolution, with the value that the driver found in its payload."""
    outcome = effect.outcome
    return saw.Resolved(effect.task, ENDINGS[outcome.ending], value, outcome.started)

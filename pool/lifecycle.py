"""The worker lifecycle which the core obeys: one literal table, and the lookup.

A worker is one process. It is `initializing` from the moment the core asks for the process,
and `terminated` only when that process is reaped (or never existed). Whatever ends a worker
in between, it passes through `terminating`, so that "terminated" always means "no process".

Rows are grouped by source state in life order. An absent row is an error: the event is
refused and nothing changes. The comment behind a row names the promise that it protects.

Source: design, "Worker lifecycle"; decisions 2 and 6 in docs/decisions/ say which rows differ
from the design's and why.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pool.errors import LifecycleError

if TYPE_CHECKING:
    from collections.abc import Mapping


class WorkerState(StrEnum):
    """Where in its life a worker is."""

    INITIALIZING = "initializing"
    READY = "ready"
    BUSY = "busy"
    DEGRADED = "degraded"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class Health(StrEnum):
    """What is known of a worker's health, beside its state."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Because(StrEnum):
    """The lifecycle event that moved a worker."""

    INIT_COMPLETE = "init_complete"
    INIT_FAILED = "init_failed"
    INIT_TIMEOUT = "init_timeout"
    SPAWN_FAILED = "spawn_failed"
    CHECKOUT = "checkout"
    CHECKIN_SUCCESS = "checkin_success"
    CHECKIN_ERROR = "checkin_error"
    HEALTH_CHECK_FAILED = "health_check_failed"
    HEALTH_CHECK_LIMIT = "health_check_limit"
    HEALTH_RESTORED = "health_restored"
    RECOVERY_DEGRADE = "recovery_degrade"
    RECYCLE = "recycle"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    EXITED = "exited"
    CORRUPT = "corrupt"
    SHUTDOWN = "shutdown"
    REAPED = "reaped"


class Action(StrEnum):
    """What the core must ask of the driver when a row fires."""

    SEND = "send"
    STOP = "stop"
    KILL = "kill"
    CHECK = "check"


Row = tuple[WorkerState, tuple[Action, ...]]
Table = dict[WorkerState, dict[Because, Row]]

_INITIALIZING, _READY, _BUSY, _DEGRADED, _TERMINATING, _TERMINATED = WorkerState

LIFECYCLE: Final[Mapping[WorkerState, Mapping[Because, Row]]] = {
    _INITIALIZING: {
        Because.INIT_COMPLETE: (_READY, ()),
        Because.INIT_FAILED: (_TERMINATING, (Action.KILL,)),  # L2
        Because.INIT_TIMEOUT: (_TERMINATING, (Action.KILL,)),  # L2
        Because.SPAWN_FAILED: (_TERMINATED, ()),  # L2: there was no process
        Because.EXITED: (_TERMINATING, (Action.KILL,)),  # S13: an exit is not yet a reaped process
        Because.CORRUPT: (_TERMINATING, (Action.KILL,)),  # S14
        Because.SHUTDOWN: (_TERMINATING, (Action.STOP,)),  # L3
    },
    _READY: {
        Because.CHECKOUT: (_BUSY, (Action.SEND,)),  # S4
        Because.HEALTH_CHECK_FAILED: (_DEGRADED, ()),  # it takes no work until it answers
        Because.RECYCLE: (_TERMINATING, (Action.STOP,)),
        Because.EXITED: (_TERMINATING, (Action.KILL,)),  # S13
        Because.CORRUPT: (_TERMINATING, (Action.KILL,)),  # S14
        Because.SHUTDOWN: (_TERMINATING, (Action.STOP,)),  # L3
    },
    _BUSY: {
        Because.CHECKIN_SUCCESS: (_READY, ()),
        Because.CHECKIN_ERROR: (_READY, ()),
        Because.RECOVERY_DEGRADE: (_DEGRADED, (Action.CHECK,)),  # is it still good for anything?
        Because.TIMEOUT: (_TERMINATING, (Action.KILL,)),  # S10
        Because.CANCELLED: (_TERMINATING, (Action.KILL,)),
        Because.EXITED: (_TERMINATING, (Action.KILL,)),  # S1, S13
        Because.CORRUPT: (_TERMINATING, (Action.KILL,)),  # S14
        Because.SHUTDOWN: (_TERMINATING, (Action.KILL,)),  # L3: its grace is over
    },
    _DEGRADED: {
        Because.HEALTH_RESTORED: (_READY, ()),
        Because.HEALTH_CHECK_LIMIT: (_TERMINATING, (Action.KILL,)),  # L2
        Because.EXITED: (_TERMINATING, (Action.KILL,)),  # S13
        Because.CORRUPT: (_TERMINATING, (Action.KILL,)),  # S14
        Because.RECYCLE: (_TERMINATING, (Action.STOP,)),
        Because.SHUTDOWN: (_TERMINATING, (Action.STOP,)),  # L3
    },
    _TERMINATING: {
        Because.REAPED: (_TERMINATED, ()),  # S9: only now may another start; L2
    },
    _TERMINATED: {},
}


def next_row(
    table: Mapping[WorkerState, Mapping[Because, Row]],
    worker: int,
    state: WorkerState,
    because: Because,
) -> Row:
    """The row that fires for this worker is returned; nothing is changed.

    Args:
        table: the lifecycle, by state and then by lifecycle event.
        worker: the worker's number, for the error's sake.
        state: the state that the worker is in.
        because: the lifecycle event.

    Raises:
        LifecycleError: the state has no row for this event.
    """
    row = table[state].get(because)
    if row is None:
        legal = ", ".join(sorted(table[state])) or "nothing"
        raise LifecycleError(f"worker {worker} cannot take {because} in {state}; legal: {legal}")
    return row

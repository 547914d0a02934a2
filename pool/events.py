"""Events: past-tense facts told to the core, each a frozen value.

Times are seconds of the driver's clock; tasks and workers are numbers that the driver and the
core hand out and never use twice. A payload is opaque here: whoever made it reads it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from attrs import frozen


class TimerKind(StrEnum):
    """What a timer bounds."""

    DEADLINE = "deadline"
    INIT = "init"
    GRACE = "grace"


class Timer(NamedTuple):
    """One timer, named by what it bounds and the task's or worker's number (0 for the pool)."""

    kind: TimerKind
    number: int


class Reply(StrEnum):
    """How a task's function ended."""

    RETURNED = "returned"
    RAISED = "raised"


@frozen
class PoolStarted:
    """The pool exists and wants its workers."""


@frozen
class TaskSubmitted:
    """A client handed in a task.

    Attributes:
        task: its number.
        deadline: seconds from now until it must have resolved; None for no bound.
        retries: how many times its function may be started again; 0 unless idempotent.
    """

    task: int
    deadline: float | None = None
    retries: int = 0


@frozen
class CancelRequested:
    """A client cancelled a task; only a waiting one can be."""

    task: int


@frozen
class KillRequested:
    """A client wants a task ended now, with its worker if it is running."""

    task: int


@frozen
class ShutdownRequested:
    """A client wants the pool to end.

    Attributes:
        cancel_waiting: whether waiting tasks are cancelled instead of run.
        grace: seconds for everything to finish; None lets the accepted tasks run to their end.
    """

    cancel_waiting: bool = False
    grace: float | None = None


@frozen
class WorkerReady:
    """A worker's process is up and its initializer returned."""

    worker: int


@frozen
class WorkerInitFailed:
    """A worker's initializer raised."""

    worker: int


@frozen
class SpawnFailed:
    """The operating system refused a worker's process."""

    worker: int


@frozen
class ResultReceived:
    """A well-formed reply came from a worker."""

    worker: int
    task: int
    attempt: int
    reply: Reply
    payload: Any


@frozen
class FrameCorrupt:
    """What came from a worker is no frame, or not one that it may send.

    Attributes:
        reason: the frame decoder's word for it.
    """

    worker: int
    reason: str


@frozen
class WorkerExited:
    """A worker's process ended without having been killed by the pool.

    Attributes:
        code: its exit code; minus the signal's number if a signal ended it; None if unknown.
        unstarted: how many of the tasks sent to it it certainly never started.
    """

    worker: int
    code: int | None
    unstarted: int


@frozen
class WorkerReaped:
    """A worker's process is dead and reaped, and its descriptors are closed."""

    worker: int


@frozen
class TimerFired:
    """A timer that the core had set is due."""

    timer: Timer


Event = (
    PoolStarted
    | TaskSubmitted
    | CancelRequested
    | KillRequested
    | ShutdownRequested
    | WorkerReady
    | WorkerInitFailed
    | SpawnFailed
    | ResultReceived
    | FrameCorrupt
    | WorkerExited
    | WorkerReaped
    | TimerFired
)

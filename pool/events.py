"""Events: past-tense facts told to the core, each a value that nobody changes.

Times are seconds of the driver's clock; tasks and workers are numbers that the driver and the
core hand out and never use twice. A payload is opaque here: whoever made it reads it. Those two
that are made for every task are `define`d, not `frozen`, because that halves what they cost.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from attrs import define, frozen


class TimerKind(StrEnum):
    """What a timer bounds."""

    DEADLINE = "deadline"
    INIT = "init"
    GRACE = "grace"
    RETRY = "retry"
    HEALTH = "health"
    CHECK = "check"
    AGE = "age"
    STOP = "stop"
    SPARE = "spare"
    BREAKER = "breaker"
    SESSION = "session"
    STALL = "stall"


class Timer(NamedTuple):
    """One timer: what it bounds, and the task's, worker's or session's number (0: the pool)."""

    kind: TimerKind
    number: int


class Reply(StrEnum):
    """How a task's function ended; `exhausted` is an exception for want of a resource."""

    RETURNED = "returned"
    RAISED = "raised"
    EXHAUSTED = "exhausted"


@frozen
class PoolStarted:
    """The pool exists and wants its workers."""


@define(unsafe_hash=True)
class TaskSubmitted:
    """A client handed in a task.

    Attributes:
        task: its number.
        deadline: seconds from now until it must have resolved; None for no bound.
        retries: how many times its function may be started again; 0 unless idempotent.
        session: the session that it belongs to; None for an anonymous task.
    """

    task: int
    deadline: float | None = None
    retries: int = 0
    session: int | None = None


@frozen
class CancelRequested:
    """A client cancelled a task; only a waiting one can be."""

    task: int


@frozen
class KillRequested:
    """A client wants a task ended now, with its worker if it is running."""

    task: int


@frozen
class SessionOpened:
    """A client opened a session."""

    session: int


@frozen
class SessionReopened:
    """A client wants a lost session again, with a new and empty state."""

    session: int


@frozen
class SessionCloseRequested:
    """A client will submit nothing more to a session; what it submitted still runs."""

    session: int


@frozen
class FallbackEnded:
    """The fallback executor is done with a task.

    Attributes:
        reply: how the function ended there; None if the executor did not run it.
        detail: why it did not.
    """

    task: int
    reply: Reply | None
    payload: Any = None
    detail: str = ""


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
    """A worker's initializer raised.

    Attributes:
        detail: what it raised, in a few words.
    """

    worker: int
    detail: str = ""


@frozen
class SpawnFailed:
    """The operating system refused a worker's process.

    Attributes:
        detail: why, in a few words.
    """

    worker: int
    detail: str = ""


@define(unsafe_hash=True)
class ResultReceived:
    """A well-formed reply came from a worker.

    Attributes:
        heavy: whether the worker says that it is over its memory limit.
    """

    worker: int
    task: int
    attempt: int
    reply: Reply
    payload: Any
    heavy: bool = False


@frozen
class TasksRecalled:
    """Tasks that were sent ahead were taken back before the worker came to them.

    Attributes:
        tasks: the last of those that the worker holds, in order; none of them started or will.
    """

    worker: int
    tasks: tuple[int, ...]


@frozen
class HealthReported:
    """A worker answered a health check.

    Attributes:
        check: the number of the check that it answers.
        heavy: whether the worker says that it is over its memory limit.
    """

    worker: int
    check: int
    heavy: bool = False


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
    """A worker's process is dead and reaped, and its descriptors are closed.

    Attributes:
        unstarted: how many of the tasks sent to it it certainly never started.
    """

    worker: int
    unstarted: int = 0


@frozen
class TimerFired:
    """A timer that the core had set is due."""

    timer: Timer


Event = (
    PoolStarted
    | TaskSubmitted
    | CancelRequested
    | KillRequested
    | SessionOpened
    | SessionReopened
    | SessionCloseRequested
    | FallbackEnded
    | ShutdownRequested
    | WorkerReady
    | WorkerInitFailed
    | SpawnFailed
    | ResultReceived
    | TasksRecalled
    | HealthReported
    | FrameCorrupt
    | WorkerExited
    | WorkerReaped
    | TimerFired
)

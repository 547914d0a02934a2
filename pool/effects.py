"""Effects: imperatives that the core asks of its driver, in the order in which it must act.

Those that are made for every task are `define`d, not `frozen`, because that halves what it costs to
make one. Nobody changes them all the same; they are compared and hashed by value like the others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

if TYPE_CHECKING:
    from pool.breaker import BreakerBecause, BreakerState
    from pool.events import Timer
    from pool.lifecycle import Because, WorkerState
    from pool.recovery import Category, Severity, Strategy, Treatment
    from pool.sessions import SessionBecause, SessionState


class Ending(StrEnum):
    """How an accepted task resolved."""

    RETURNED = "returned"
    RAISED = "raised"
    CANCELLED = "cancelled"
    KILLED = "killed"
    TIMEOUT = "timeout"
    LOST = "lost"
    SESSION_LOST = "session_lost"
    SHUTDOWN = "shutdown"
    BROKEN = "broken"


class Refusal(StrEnum):
    """Why a submit was not accepted."""

    SATURATED = "saturated"
    SHUTDOWN = "shutdown"
    BROKEN = "broken"
    SESSION_LOST = "session_lost"


@define(unsafe_hash=True)
class Outcome:
    """The one answer to an accepted task.

    Attributes:
        ending: how it resolved.
        payload: what the worker sent, for `returned` and `raised`; never unpickled by the core.
        worker: the worker that held it last; None if none ever did.
        attempt: how many times it was handed to a worker and not taken back.
        started: False only if its function certainly never started.
        detail: what led to it, in a few words.
        session: the session that it belonged to; None for an anonymous task.
        category: what kind of trouble it was; None for `returned` and `cancelled`.
        severity: how bad it was; None for those two.
        strategy: what the pool did about it at last; None for those two.
    """

    ending: Ending
    payload: Any = None
    worker: int | None = None
    attempt: int = 0
    started: bool = False
    detail: str = ""
    session: int | None = None
    category: Category | None = None
    severity: Severity | None = None
    strategy: Strategy | None = None


@frozen
class SpawnWorker:
    """Start a process; answer that it is ready, failed to start, was refused, or exited."""

    worker: int


@define(unsafe_hash=True)
class SendTask:
    """Send a task to a worker; answer `ResultReceived` when its reply comes.

    Attributes:
        session: whose state its function is handed; None for an anonymous task.
        opens: whether the worker must make that state first.
        ahead: whether the worker is still at work on another task.
    """

    worker: int
    task: int
    attempt: int
    session: int | None = None
    opens: bool = False
    ahead: bool = False


@frozen
class RecallTasks:
    """Take back what was sent ahead to a worker; answer `TasksRecalled` at once."""

    worker: int


@frozen
class DropSession:
    """Tell a worker to forget a session's state."""

    worker: int
    session: int


@frozen
class CheckWorker:
    """Ask an idle worker whether it is well; answer `HealthReported`."""

    worker: int
    check: int


@frozen
class FailOver:
    """Give a task to the fallback executor; answer `FallbackEnded`."""

    task: int


@frozen
class StopWorker:
    """Tell an idle worker to end by itself; answer `WorkerExited`."""

    worker: int


@frozen
class KillWorker:
    """Make sure that the process is dead, reaped and closed; answer `WorkerReaped`."""

    worker: int


@define(unsafe_hash=True)
class ResolveTask:
    """Give a task's client its one outcome."""

    task: int
    outcome: Outcome


@frozen
class RefuseTask:
    """Tell the submitting client at once that its task is not accepted."""

    task: int
    why: Refusal


@frozen
class RefuseSession:
    """Tell the client at once that its session is not opened."""

    session: int
    why: Refusal


@frozen
class SetTimer:
    """Answer `TimerFired` at this time (driver seconds), unless cleared before."""

    timer: Timer
    at: float


@frozen
class ClearTimer:
    """Forget a timer; one that is not set is no error."""

    timer: Timer


@define(unsafe_hash=True)
class WorkerMoved:
    """A worker changed state; told for whoever watches, nothing is to be done."""

    worker: int
    before: WorkerState
    because: Because
    after: WorkerState


@frozen
class SessionMoved:
    """A session changed state; told for whoever watches, nothing is to be done."""

    session: int
    before: SessionState
    because: SessionBecause
    after: SessionState


@frozen
class BreakerMoved:
    """The circuit breaker changed state; told for whoever watches."""

    before: BreakerState
    because: BreakerBecause
    after: BreakerState


@frozen
class Trouble:
    """A worker failed; told for whoever watches.

    Attributes:
        category: what kind of trouble it is.
        severity: how bad.
        treatment: what becomes of the worker.
        detail: what happened, in a few words.
    """

    worker: int
    category: Category
    severity: Severity
    treatment: Treatment
    detail: str


@frozen
class RetryPlanned:
    """A task whose worker was lost will be handed out again; told for whoever watches.

    Attributes:
        attempt: which delivery it will be, counted from 1.
        delay: seconds until it may be.
        strategy: why it may.
    """

    task: int
    attempt: int
    delay: float
    strategy: Strategy


@frozen
class ResultDropped:
    """A reply came after its worker had been given up; told for whoever watches."""

    worker: int
    task: int
    attempt: int


@frozen
class PoolBroke:
    """The pool gave up starting workers and failed what was waiting.

    Attributes:
        detail: what the last failure was.
    """

    detail: str = ""


@frozen
class PoolClosed:
    """Shutdown is complete: no task is unresolved and no process left."""


Effect = (
    SpawnWorker
    | SendTask
    | StopWorker
    | KillWorker
    | RecallTasks
    | DropSession
    | CheckWorker
    | FailOver
    | ResolveTask
    | RefuseTask
    | RefuseSession
    | SetTimer
    | ClearTimer
    | WorkerMoved
    | SessionMoved
    | BreakerMoved
    | Trouble
    | RetryPlanned
    | ResultDropped
    | PoolBroke
    | PoolClosed
)

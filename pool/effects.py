"""Effects: imperatives that the core asks of its driver, in the order in which it must act."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from pool.events import Timer
    from pool.lifecycle import Because, WorkerState


class Ending(StrEnum):
    """How an accepted task resolved."""

    RETURNED = "returned"
    RAISED = "raised"
    CANCELLED = "cancelled"
    KILLED = "killed"
    TIMEOUT = "timeout"
    LOST = "lost"
    SHUTDOWN = "shutdown"
    BROKEN = "broken"


class Refusal(StrEnum):
    """Why a submit was not accepted."""

    SATURATED = "saturated"
    SHUTDOWN = "shutdown"
    BROKEN = "broken"


@frozen
class Outcome:
    """The one answer to an accepted task.

    Attributes:
        ending: how it resolved.
        payload: what the worker sent, for `returned` and `raised`; never unpickled by the core.
        worker: the worker that held it last; None if none ever did.
        attempt: how many times it was handed to a worker.
        started: False only if its function certainly never started.
        detail: what ended the worker, for `lost`.
    """

    ending: Ending
    payload: Any = None
    worker: int | None = None
    attempt: int = 0
    started: bool = False
    detail: str = ""


@frozen
class SpawnWorker:
    """Start a process; answer that it is ready, failed to start, was refused, or exited."""

    worker: int


@frozen
class SendTask:
    """Send a task to a worker; answer `ResultReceived` when its reply comes."""

    worker: int
    task: int
    attempt: int


@frozen
class StopWorker:
    """Tell an idle worker to end by itself; answer `WorkerExited`."""

    worker: int


@frozen
class KillWorker:
    """Make sure that the process is dead, reaped and closed; answer `WorkerReaped`."""

    worker: int


@frozen
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
class SetTimer:
    """Answer `TimerFired` at this time (driver seconds), unless cleared before."""

    timer: Timer
    at: float


@frozen
class ClearTimer:
    """Forget a timer; one that is not set is no error."""

    timer: Timer


@frozen
class WorkerMoved:
    """A worker changed state; told for whoever watches, nothing is to be done."""

    worker: int
    before: WorkerState
    because: Because
    after: WorkerState


@frozen
class ResultDropped:
    """A reply came after its worker had been given up; told for whoever watches."""

    worker: int
    task: int
    attempt: int


@frozen
class PoolBroke:
    """The pool gave up starting workers and failed what was waiting."""


@frozen
class PoolClosed:
    """Shutdown is complete: no task is unresolved and no process left."""


Effect = (
    SpawnWorker
    | SendTask
    | StopWorker
    | KillWorker
    | ResolveTask
    | RefuseTask
    | SetTimer
    | ClearTimer
    | WorkerMoved
    | ResultDropped
    | PoolBroke
    | PoolClosed
)

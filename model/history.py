"""The history: what clients, workers and the operating system saw of a pool, in order.

These records are all that a promise is judged by. They speak the design's words and know no
pool: whoever drives one translates what it sees. Times are seconds of the driver's clock; tasks
and workers are logical numbers; values compare by equality.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from model.configured import Configured


@frozen
class Opened:
    """The pool exists.

    Attributes:
        size: how many workers it keeps.
        queue_limit: how many tasks may wait; None for no bound.
        grace: seconds its workers get to end by themselves once no task is left.
        max_overflow: how many more workers may live while tasks wait.
        lazy: whether workers start only when tasks wait for them.
        failures_max: so many failed starts in a row open the breaker.
        probes_max: how many starts a half-open breaker lets through at once.
    """

    size: int
    queue_limit: int | None
    grace: float
    max_overflow: int = 0
    lazy: bool = False
    failures_max: int = 3
    probes_max: int = 1


@frozen
class Submitted:
    """A client's task was accepted.

    Attributes:
        deadline_at: when it must have resolved; None for no bound.
        retries: how many times its function may be started again.
        session: the session that it belongs to; None for an anonymous task.
    """

    task: int
    deadline_at: float | None
    retries: int
    session: int | None = None


@frozen
class Refused:
    """A client's task was not accepted.

    Attributes:
        why: `saturated`, `shutdown`, `broken` or `session_lost`.
        session: the session that it was for; None for an anonymous task.
    """

    task: int
    why: str
    session: int | None = None


@frozen
class CancelAsked:
    """A client asked for a task's end; `forcibly` if also while it runs."""

    task: int
    forcibly: bool


@frozen
class SessionAsked:
    """A client asked something for a session.

    Attributes:
        wish: `open`, `reopen` or `close`.
    """

    session: int
    wish: str


@frozen
class SessionRefused:
    """The pool did not open a session.

    Attributes:
        why: as for a task that is refused.
    """

    session: int
    why: str


@frozen
class SessionMoved:
    """A session changed state."""

    session: int
    before: str
    because: str
    after: str


@frozen
class Assigned:
    """The pool handed a task to a worker.

    Attributes:
        ahead: whether the worker is still at work on another, and may not come to it.
    """

    task: int
    worker: int
    ahead: bool = False


@frozen
class Recalled:
    """The pool took back tasks that it had sent ahead; that worker will never start them."""

    worker: int
    tasks: tuple[int, ...]


@frozen
class Diverted:
    """The pool gave a task to the fallback executor."""

    task: int


@frozen
class FallbackRefused:
    """The fallback executor did not run a task."""

    task: int


@frozen
class Started:
    """A worker called the task's function; the fallback executor did if `worker` is None."""

    task: int
    worker: int | None


@frozen
class Finished:
    """The task's function ended in a worker, with this value or exception."""

    task: int
    worker: int | None
    ending: str
    value: Any


@frozen
class Found:
    """A task's function has told what it found in its session's state.

    Attributes:
        marks: the tasks that had left their mark there, in order; empty for an anonymous task;
            None if there was no state.
    """

    task: int
    marks: tuple[int, ...] | None


@frozen
class Resolved:
    """The task's client has an answer.

    Attributes:
        ending: `returned`, `raised`, `cancelled`, `killed`, `timeout`, `lost`,
            `session_lost`, `shutdown`, `broken`.
        value: for `returned` and `raised`.
        started: what the answer says: False claims that the function never started.
    """

    task: int
    ending: str
    value: Any
    started: bool


@frozen
class Answered:
    """What the answer to a task, which was just told as `Resolved`, says of its history.

    Attributes:
        category: what kind of error it is; None for none.
        severity: how bad.
        strategy: what was done about it at last.
        attempt: how many times it was handed out.
        worker: who held it last; None if nobody did.
        session: the session that it belonged to; None for an anonymous task.
        words: what led to it; empty where nothing went wrong.
    """

    task: int
    category: str | None
    severity: str | None
    strategy: str | None
    attempt: int
    worker: int | None
    session: int | None
    words: str = ""


@frozen
class RetryPlanned:
    """The pool said that a lost task will be handed out again.

    Attributes:
        attempt: which time that will be, counted from 1.
        delay: seconds until it may be.
        strategy: why it may.
    """

    task: int
    attempt: int
    delay: float
    strategy: str


@frozen
class Troubled:
    """The pool said that a worker failed.

    Attributes:
        category: what kind of error that is.
        severity: how bad.
        treatment: what becomes of the worker.
        words: what happened.
    """

    worker: int
    category: str
    severity: str
    treatment: str
    words: str = ""


@frozen
class CheckAsked:
    """The pool asked a worker whether it is well; its checks are counted from 1."""

    worker: int
    check: int


@frozen
class CheckAnswered:
    """The pool has heard from a worker that it is well, in answer to that check."""

    worker: int
    check: int


@frozen
class Bloated:
    """A worker has told the pool that it is over its memory limit."""

    worker: int


@frozen
class Moved:
    """A worker changed state."""

    worker: int
    before: str
    because: str
    after: str


@frozen
class Misfit:
    """The pool met an event that its own lifecycle has no row for."""

    sentence: str


@frozen
class BreakerMoved:
    """The breaker between failed starts and further ones changed state."""

    before: str
    because: str
    after: str


@frozen
class StartAsked:
    """The pool asked for a worker's process."""

    worker: int


@frozen
class Launched:
    """A worker's process lives."""

    worker: int


@frozen
class Died:
    """A worker's process is dead."""

    worker: int


@frozen
class Struck:
    """A frame that is none, or one for a task that its worker does not hold, reached the pool."""

    worker: int
    how: str


@frozen
class Unpickled:
    """The pool unpickled what it took for a task's reply."""

    task: int


@frozen
class ShutdownAsked:
    """A client shut the pool down.

    Attributes:
        grace: seconds for everything to finish; None lets the accepted tasks run to their end.
        cancels: whether waiting tasks are to be cancelled.
    """

    grace: float | None
    cancels: bool = False


@frozen
class Broke:
    """The pool said that it is broken."""


@frozen
class Closed:
    """The pool said that it has ended."""


@frozen
class LeftOver:
    """After the pool had ended, this was still there."""

    what: str


@frozen
class Told:
    """The pool has dealt with one event; what came before belongs together.

    Attributes:
        at: the time of the event.
    """

    at: float


@frozen
class Overslept:
    """Nothing ran for a while: what was due meanwhile is late, and comes now.

    Attributes:
        at: the time now.
    """

    at: float


@frozen
class Healed:
    """Faults have stopped, the schedule was fair, and nothing more can happen.

    Attributes:
        complete: False if the budget ran out first; then nothing is known.
        ready: how many workers are ready.
    """

    complete: bool
    ready: int


__all__ = ["Configured", "Record"]

Record = (
    Opened
    | Configured
    | Submitted
    | Refused
    | CancelAsked
    | SessionAsked
    | SessionRefused
    | SessionMoved
    | Assigned
    | Recalled
    | Diverted
    | FallbackRefused
    | Started
    | Finished
    | Found
    | Resolved
    | Answered
    | RetryPlanned
    | Troubled
    | CheckAsked
    | CheckAnswered
    | Bloated
    | Moved
    | Misfit
    | BreakerMoved
    | StartAsked
    | Launched
    | Died
    | Struck
    | Unpickled
    | ShutdownAsked
    | Broke
    | Closed
    | LeftOver
    | Told
    | Overslept
    | Healed
)

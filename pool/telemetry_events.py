"""What the pool tells those who watch it: typed events, each a value and a sentence.

`at` is when it happened, in seconds of the driver's clock (`time.monotonic`). `str(event)` is
the sentence that a log gets, and `level` how loud it is there, as `logging` counts.

What happens once per task comes in batches, as `TasksResolved`; everything else is rare and comes
by itself. A worker's moves to `busy` and back are not told: `TasksResolved` says all that they say.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import field, frozen

from pool.breaker import BreakerState
from pool.effects import Ending
from pool.sessions import SessionState

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from pool.breaker import BreakerBecause
    from pool.effects import Refusal
    from pool.lifecycle import Because, WorkerState
    from pool.recovery import Category, Severity, Strategy, Treatment
    from pool.sessions import SessionBecause

# How a task ends that the pool did right by; the others are worth a warning.
FAIR: Final = frozenset(
    {Ending.RETURNED, Ending.RAISED, Ending.CANCELLED, Ending.KILLED, Ending.SHUTDOWN}
)


@frozen
class TelemetryEvent:
    """Something happened in the pool.

    Attributes:
        at: when, in driver seconds.
    """

    at: float

    @property
    def level(self) -> int:
        """How loud it is in a log, as `logging` counts."""
        return logging.DEBUG


class TaskDone(NamedTuple):
    """One task that has resolved.

    Attributes:
        task: its number.
        function: the function's name.
        session: the name of the session that it belonged to; None for an anonymous task.
        worker: the number of the worker that held it last; None if none ever did.
        ending: how it resolved.
        attempt: how many times it was handed to a worker and not taken back.
        submitted_at: when the client submitted it, in driver seconds.
        started_at: when that worker came to it, as far as the pool could see; None if its function
            certainly never started, or was started by the fallback executor.
        ended_at: when it resolved, in driver seconds.
    """

    task: int
    function: str
    session: Hashable
    worker: int | None
    ending: Ending
    attempt: int
    submitted_at: float
    started_at: float | None
    ended_at: float

    @property
    def waited(self) -> float:
        """Seconds from its submit until it was started, or ended without."""
        return (self.ended_at if self.started_at is None else self.started_at) - self.submitted_at

    @property
    def ran(self) -> float | None:
        """Seconds from when it was started until it ended; None if it is not known to have."""
        return None if self.started_at is None else self.ended_at - self.started_at


@frozen(eq=False)
class TasksResolved(TelemetryEvent):
    """These tasks have resolved since the delivery before; `at` is when the last of them did.

    Attributes:
        tasks: they, in the order in which they resolved; `len()` of the event is how many.
    """

    tasks: tuple[TaskDone, ...] = field(repr=lambda tasks: f"{len(tasks)} tasks")

    @property
    def endings(self) -> Mapping[Ending, int]:
        """How many of them ended in which way."""
        return Counter([done.ending for done in self.tasks])

    @property
    def level(self) -> int:
        """A warning if the pool failed any of them."""
        return logging.DEBUG if FAIR.issuperset(self.endings) else logging.WARNING

    def __len__(self) -> int:
        return len(self.tasks)

    def __str__(self) -> str:
        counts = sorted((ending.value, count) for ending, count in self.endings.items())
        words = ", ".join(f"{count} {ending}" for ending, count in counts)
        return f"tasks resolved: {words}"


@frozen
class FactsMissed(TelemetryEvent):
    """Nobody will be told of some facts, because a callback could not keep up.

    Attributes:
        count: how many.
    """

    count: int

    @property
    def level(self) -> int:
        """A warning: whoever counts counts too few."""
        return logging.WARNING

    def __str__(self) -> str:
        return f"{self.count} facts were missed: a telemetry callback is too slow"


@frozen
class TaskRefused(TelemetryEvent):
    """A submit was refused at once.

    Attributes:
        task: the number that it would have had.
        why: why.
    """

    task: int
    why: Refusal

    @property
    def level(self) -> int:
        """Information: its client was told."""
        return logging.INFO

    def __str__(self) -> str:
        return f"task {self.task} was refused: {self.why}"


@frozen
class RetryPlanned(TelemetryEvent):
    """A task that did not end well will be handed out again.

    Attributes:
        task: its number.
        attempt: which delivery it will be, counted from 1.
        delay: seconds until it may be.
        strategy: why it may.
    """

    task: int
    attempt: int
    delay: float
    strategy: Strategy

    @property
    def level(self) -> int:
        """Information: nobody has to do anything."""
        return logging.INFO

    def __str__(self) -> str:
        return f"task {self.task} gets attempt {self.attempt} in {self.delay:g} s ({self.strategy})"


@frozen
class TaskFailedOver(TelemetryEvent):
    """A task was given to the fallback executor.

    Attributes:
        task: its number.
    """

    task: int

    @property
    def level(self) -> int:
        """A warning: no worker can run it."""
        return logging.WARNING

    def __str__(self) -> str:
        return f"task {self.task} was given to the fallback executor"


@frozen
class ResultDropped(TelemetryEvent):
    """A reply came after its worker had been given up.

    Attributes:
        worker: who replied.
        task: to which task.
        attempt: to which delivery of it.
    """

    worker: int
    task: int
    attempt: int

    @property
    def level(self) -> int:
        """Information: nobody has to do anything."""
        return logging.INFO

    def __str__(self) -> str:
        return f"worker {self.worker} answered task {self.task} too late (attempt {self.attempt})"


@frozen
class WorkerStarted(TelemetryEvent):
    """A worker's process was asked for.

    Attributes:
        worker: its number.
    """

    worker: int

    def __str__(self) -> str:
        return f"worker {self.worker} starts"


@frozen
class WorkerMoved(TelemetryEvent):
    """A worker changed state otherwise than by taking a task or answering it.

    Attributes:
        worker: its number.
        before: its state until now.
        because: what moved it.
        after: its state from now on.
    """

    worker: int
    before: WorkerState
    because: Because
    after: WorkerState

    def __str__(self) -> str:
        return f"worker {self.worker}: {self.before} → {self.after} ({self.because})"


@frozen
class Trouble(TelemetryEvent):
    """A worker failed.

    Attributes:
        worker: its number.
        category: what kind of trouble it is.
        severity: how bad.
        treatment: what becomes of the worker; it is lost unless this is `degrade`.
        detail: what happened, in a few words.
    """

    worker: int
    category: Category
    severity: Severity
    treatment: Treatment
    detail: str

    @property
    def level(self) -> int:
        """A warning: the pool goes on without it, or with another."""
        return logging.WARNING

    def __str__(self) -> str:
        what = f"{self.category}, {self.severity.name.lower()}: {self.treatment}"
        return f"worker {self.worker} failed: {self.detail} ({what})"


@frozen
class SessionMoved(TelemetryEvent):
    """A session changed state.

    Attributes:
        session: its name.
        before: its state until now.
        because: what moved it.
        after: its state from now on.
    """

    session: Hashable
    before: SessionState
    because: SessionBecause
    after: SessionState

    @property
    def level(self) -> int:
        """A warning if its state is lost."""
        return logging.WARNING if self.after is SessionState.LOST else logging.DEBUG

    def __str__(self) -> str:
        return f"session {self.session!r}: {self.before} → {self.after} ({self.because})"


@frozen
class SessionRefused(TelemetryEvent):
    """A session was not opened.

    Attributes:
        session: its name.
        why: why.
    """

    session: Hashable
    why: Refusal

    @property
    def level(self) -> int:
        """Information: its client was told."""
        return logging.INFO

    def __str__(self) -> str:
        return f"session {self.session!r} was refused: {self.why}"


@frozen
class BreakerMoved(TelemetryEvent):
    """The circuit breaker changed state.

    Attributes:
        before: its state until now.
        because: what moved it.
        after: its state from now on.
    """

    before: BreakerState
    because: BreakerBecause
    after: BreakerState

    @property
    def level(self) -> int:
        """An error if it opened: no worker starts until it has cooled."""
        return logging.ERROR if self.after is BreakerState.OPEN else logging.INFO

    def __str__(self) -> str:
        return f"breaker: {self.before} → {self.after} ({self.because})"


@frozen
class PoolBroke(TelemetryEvent):
    """The pool gave up starting workers.

    Attributes:
        detail: what the last failure was.
    """

    detail: str

    @property
    def level(self) -> int:
        """An error: nothing runs any more."""
        return logging.ERROR

    def __str__(self) -> str:
        return f"the pool broke: {self.detail or 'its workers do not start'}"


@frozen
class PoolClosed(TelemetryEvent):
    """Shutdown is complete: no task is unresolved and no process left."""

    def __str__(self) -> str:
        return "the pool is closed"

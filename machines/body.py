"""A worker's body, as the world keeps book of it: what it holds, and what must come of it.

The same book on every layer, so that every layer agrees on what is possible; what really comes
is the driver's to tell.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, StrEnum
from typing import Any, Final

from attrs import define, field, frozen

from machines.workload import NEVER
from pool.events import Reply


class Condition(Enum):
    """What the operating system would say of the process."""

    RUNNING = "running"
    HUNG = "hung"
    STOPPED = "stopped"
    DEAD = "dead"
    REAPED = "reaped"


class Gate(Enum):
    """Whether a function waits at the worker's gate, and whether the gate was opened for it."""

    EMPTY = "empty"
    CLOSED = "closed"
    OPENED = "opened"


# A global costs a small part of an enumeration's member, and these are looked at all the time.
_RUNNING: Final = Condition.RUNNING
_DEAD: Final = Condition.DEAD
_REAPED: Final = Condition.REAPED
_EMPTY: Final = Gate.EMPTY
_CLOSED: Final = Gate.CLOSED


class FactKind(StrEnum):
    """What the pool hears of a worker when the next fact is delivered."""

    READY = "ready"
    INIT_FAILED = "init failed"
    REPLY = "reply"
    BAD = "bad frame"
    REFUSED = "refused"
    EXIT = "exit"
    REAP = "reaped"
    HEALTH = "health"


FRAMES = (FactKind.READY, FactKind.INIT_FAILED, FactKind.REPLY, FactKind.HEALTH)


@frozen
class Fact:
    """One thing on its way from a worker to the pool.

    Attributes:
        task: the number of the task, or of the health check that is answered.
        struck: in which way it is no proper frame of its worker; empty if it is one.
        heavy: whether it says that its worker is over its memory limit.
    """

    kind: FactKind
    task: int = 0
    attempt: int = 0
    reply: Reply = Reply.RETURNED
    value: Any = None
    code: int = 0
    reason: str = ""
    struck: str = ""
    heavy: bool = False


class OrderKind(StrEnum):
    """What the pool wants of a worker."""

    TASK = "task"
    STOP = "stop"
    CHECK = "check"
    DROP = "drop"


@frozen
class Order:
    """A frame on its way from the pool to a worker.

    Attributes:
        number: the task's, health check's or session's; 0 for a stop.
        session: the session that a task belongs to; None for an anonymous one.
        opens: whether that session's state is to be made first.
        ahead: whether the task may be taken back until the worker comes to it.
        fatal: the exit code of a worker that reads it, for the frame is damaged; None if it is not.
    """

    kind: OrderKind
    number: int = 0
    attempt: int = 0
    operation: str = ""
    session: int | None = None
    opens: bool = False
    ahead: bool = False
    fatal: int | None = None


@define(eq=False)
class Body:
    """One worker.

    Attributes:
        inbox: what the pool sent and the worker has not taken yet.
        facts: what the pool has not heard yet, in the order in which it will.
        at_gate: the order whose function waits at the gate.
        sent: how many tasks the pool has sent.
        begun: how many of them were started.
        skipped: those in its inbox that were taken back.
        marks: for each session whose state it has, the tasks that left their mark there.
        found: what the function at its gate found there; None for an anonymous one.
        heavy: whether it is over its memory limit.
    """

    number: int
    condition: Condition = Condition.RUNNING
    inbox: deque[Order] = field(factory=deque)
    facts: deque[Fact] = field(factory=deque)
    at_gate: Order | None = None
    gate: Gate = Gate.EMPTY
    sent: int = 0
    begun: int = 0
    skipped: set[int] = field(factory=set)
    marks: dict[int, list[int]] = field(factory=dict)
    found: list[int] | None = None
    heavy: bool = False

    @property
    def alive(self) -> bool:
        """Whether there is a living process."""
        return self.condition is not _DEAD and self.condition is not _REAPED

    @property
    def receptive(self) -> bool:
        """Whether it can take the next order now."""
        return bool(self.inbox) and self.condition is _RUNNING and self.gate is _EMPTY

    @property
    def openable(self) -> bool:
        """Whether a function that will ever return waits at its closed gate."""
        return self.gate is _CLOSED and self.alive and not self.stuck

    @property
    def running(self) -> bool:
        """Whether a function is at work at its closed gate, in a process that is not stopped."""
        return self.gate is _CLOSED and self.condition is _RUNNING

    @property
    def stuck(self) -> bool:
        """Whether its function never returns."""
        return self.at_gate is not None and self.at_gate.operation in NEVER

    def die(self) -> None:
        """The process is dead; what it had not sent never comes."""
        self.condition = Condition.DEAD
        self.at_gate = None
        self.gate = Gate.EMPTY

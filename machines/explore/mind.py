"""How the mind is kept: the core with its timers, what the world knows of tasks, and the roll.

The roll is what clients and watchers still reckon with: tasks without an answer, workers that were
asked for and are not terminated, sessions that are not closed. A name that stands neither there
nor in the core nor in a body can never be heard of again, and is given to something new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from machines.explore.core_form import CoreForm
from machines.explore.form import (
    CLOCK,
    PLAIN,
    SESSIONS,
    TASK,
    TASKS,
    WORKERS,
    Enumerated,
    Fields,
    Sequence,
    Table,
)
from machines.explore.names import Kind
from machines.gate import Start
from model import history as saw
from pool.events import Timer, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from machines.explore.names import Names, Naming
    from pool.core import Core

OF: Final = {
    TimerKind.DEADLINE: Kind.TASK,
    TimerKind.RETRY: Kind.TASK,
    TimerKind.INIT: Kind.WORKER,
    TimerKind.CHECK: Kind.WORKER,
    TimerKind.AGE: Kind.WORKER,
    TimerKind.SPARE: Kind.WORKER,
    TimerKind.STOP: Kind.WORKER,
    TimerKind.SESSION: Kind.SESSION,
}


@define
class Roll:
    """Who is still reckoned with.

    Attributes:
        over: whether a task was resolved before.
    """

    tasks: set[int] = field(factory=set)
    workers: set[int] = field(factory=set)
    sessions: set[int] = field(factory=set)
    over: bool = False

    def read(self, records: Iterable[saw.Record]) -> None:
        """The records were seen."""
        for record in records:
            if isinstance(record, saw.Submitted):
                self.tasks.add(record.task)
            elif isinstance(record, saw.Resolved):
                self.tasks.discard(record.task)
                self.over = True
            elif isinstance(record, saw.StartAsked):
                self.workers.add(record.worker)
            elif isinstance(record, saw.Moved):
                if record.after == "terminated":
                    self.workers.discard(record.worker)
            else:
                self._read_of_session(record)

    def _read_of_session(self, record: saw.Record) -> None:
        if isinstance(record, saw.SessionAsked) and record.wish != "close":
            self.sessions.add(record.session)
        if isinstance(record, saw.SessionMoved) and record.after == "closed":
            self.sessions.discard(record.session)
        if isinstance(record, saw.SessionRefused) and record.why != "session_lost":
            self.sessions.discard(record.session)


@define
class Mind:
    """What one event changes all at once.

    Attributes:
        operations: what each task does that may still be sent.
    """

    core: Core
    timers: dict[Timer, float]
    operations: dict[int, str]
    diverted: list[int]
    closed: bool
    next_start: Start
    roll: Roll


class _Timers:
    """The timers that are set: what each is of depends on its kind."""

    def freeze(self, value: Any, now: float) -> Any:
        due = CLOCK.freeze
        return tuple(sorted([(t.kind.value, t.number, due(at, now)) for t, at in value.items()]))

    def thaw(self, frozen: Any) -> Any:
        return {Timer(TimerKind(kind), number): at for kind, number, at in frozen}

    def rename(self, frozen: Any, naming: Naming) -> Any:
        renamed = []
        for word, number, at in frozen:
            kind = OF.get(TimerKind(word))
            renamed.append((word, number if kind is None else naming.of(kind, number), at))
        return tuple(sorted(renamed))

    def meet(self, frozen: Any, names: Names) -> None:
        """Whatever a timer is of is met, so that its going off is told of the same thing."""
        for word, number, _ in frozen:
            kind = OF.get(TimerKind(word))
            if kind is not None:
                names.meet(kind, number)


_ROLL: Final = Fields(
    Roll, {"tasks": TASKS, "workers": WORKERS, "sessions": SESSIONS, "over": PLAIN}
)
# Where in a frozen mind its parts stand.
CORE_AT, TIMERS_AT, OPERATIONS_AT, DIVERTED_AT, CLOSED_AT, START_AT, ROLL_AT = range(7)


def form_of(core: Core) -> Fields:
    """How minds are kept whose core is this one."""
    return Fields(
        lambda: Mind.__new__(Mind),
        {
            "core": CoreForm(core),
            "timers": _Timers(),
            "operations": Table(TASK, PLAIN),
            "diverted": Sequence(TASK),
            "closed": PLAIN,
            "next_start": Enumerated(Start),
            "roll": _ROLL,
        },
    )

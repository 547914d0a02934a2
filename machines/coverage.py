"""Coverage: which moves fired in a run, and which of them met a fault.

A fault strikes the worker that it names, the task that it names, or whichever worker is asked to
start next. It stays with that one until the worker has terminated or continues, or until the task
is resolved. A move meets the last fault that is with its worker when it fires: for a task the
worker that holds it, or held it last; for a session the worker that it lives on, or lived on last;
for the breaker the worker that moved with it. A fault that strikes nobody in particular is met by
every move of its own step. `docs/transitions.md` has examples.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.firings import Coverage, named
from machines.gate import Start
from model import history as saw
from model.sometimes import Sometimes
from model.task import LAST as DONE
from model.worker import LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from machines.trace import Command
    from model.moves import Move, Row

Firing = tuple["Row", "str | None"]
Victim = tuple[str, int]
NEXT_START: Final[Victim] = ("next start", 0)


def fault_in(command: Command) -> str | None:
    """The fault that the command is; a start that is to go well is none."""
    if type(command) not in trace.FAULTS:  # which is so most of the time
        return None
    return None if getattr(command, "how", None) is Start.NORMAL else trace.fault_of(command)


HANGS: Final = f"{trace.NextStart.do}:{Start.HANGS.value}"


def faults() -> Iterator[str]:
    """The name of every fault, in every sort."""
    for kind in trace.FAULTS:
        how = attrs.fields_dict(kind).get("how")
        every: Any = () if how is None else type(how.default)
        sorts = [sort for sort in every if sort is not Start.NORMAL]
        yield from [f"{kind.do}:{sort.value}" for sort in sorts] or [kind.do]


class Lookout:
    """Watches one run, and knows which fault is with whom.

    Attributes:
        rows: how often each move fired, with the fault that it met or None.
        with_: the fault that is with each worker, task, or the next start.
        moves: reads the moves off the records.
    """

    def __init__(self) -> None:
        self.rows: Counter[Firing] = Counter()
        self.with_: dict[Victim, str] = {}
        self._before: dict[Victim, str] = {}
        self._step: str | None = None
        self._calm = False
        self._sometimes = Sometimes()
        self._watched = self._sometimes.watched
        self.moves = self._sometimes.moves
        self._pending: list[Move] = []
        self._commands: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()

    def before(self, command: Command) -> None:
        """The command comes next; what has fired until now did not meet it."""
        self._settle()
        self._step = None
        fault = fault_in(command)
        if fault is not None:
            self._before = dict(self.with_)
            victim = _victim(command)
            if victim is None:
                self._step = fault
            else:
                self.with_[victim] = fault
        elif isinstance(command, trace.NextStart):
            self.with_.pop(NEXT_START, None)

    def done(self, command: Command) -> None:
        """The command was carried out."""
        if isinstance(command, trace.Continue):
            victim = ("worker", command.worker)
            if self.with_.get(victim) == trace.Stop.do:
                del self.with_[victim]
        fault = fault_in(command)
        name = fault or command.do
        if isinstance(command, trace.Submit):
            name = f"{command.do}:{command.operation}"
        self._commands[name] += 1
        if self.moves.in_flight:
            self._in_flight[name] += 1
            if fault is not None or isinstance(command, trace.Continue):
                self._sometimes.struck(name)

    def undone(self, command: Command) -> None:
        """The command was impossible, and so has changed nothing."""
        if fault_in(command) is not None:
            self._step, self.with_ = None, self._before

    def calm(self) -> None:
        """Faults stop: the next start goes well, and whoever is stopped continues at once."""
        self._settle()
        self._calm, self._step = True, None
        self.with_.pop(NEXT_START, None)
        for victim in [victim for victim, fault in self.with_.items() if fault == trace.Stop.do]:
            del self.with_[victim]

    def observe(self, record: saw.Record) -> None:
        """The record is taken into account."""
        if type(record) in self._watched:
            self._pending += self._sometimes.observe(record)
        if isinstance(record, saw.Told):
            self._settle()
        elif isinstance(record, saw.StartAsked) and NEXT_START in self.with_:
            self.with_["worker", record.worker] = self.with_.pop(NEXT_START)

    def names(self) -> Iterator[str]:
        """Every tuple that fired so far, and all that happened of what must happen sometimes."""
        self._settle()
        for row, fault in self.rows:
            yield named(row)
            if fault is not None:
                yield named(row, fault)
        yield from self._sometimes.happened

    def coverage(self) -> Coverage:
        """What has fired so far."""
        self._settle()
        fired: Counter[str] = Counter()
        happened = Counter(self._sometimes.happened)
        for (row, fault), count in self.rows.items():
            fired[named(row)] += count
            if fault is not None:
                fired[named(row, fault)] += count
        return Coverage(fired, Counter(self._commands), Counter(self._in_flight), happened)

    def _settle(self) -> None:
        """What has fired is counted with the faults that are with whom it concerns."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        if not self.with_:  # which is so most of the time
            for move in pending:
                self.rows[move.row, self._step] += 1
            return
        for move in pending:
            met = self._met(move, pending)
            self.rows[move.row, met] += 1
            if self._calm and move.because == "init_timeout" and met is not None:
                self._sometimes.timed_out(met)
        for move in pending:
            if move.of == "worker" and move.after == LAST:
                self.with_.pop(("worker", move.number), None)
            elif move.of == "task" and move.after in DONE:
                self.with_.pop(("task", move.number), None)

    def _met(self, move: Move, together: list[Move]) -> str | None:
        concerned: list[Victim] = []
        if move.of == "worker":
            concerned = [("worker", move.number)]
        elif move.of == "task":
            concerned = [("task", move.number), ("worker", self.moves.holder.get(move.number, -1))]
        elif move.of == "session":
            concerned = [("worker", self.moves.home.get(move.number, -1))]
        else:
            concerned = [("worker", other.number) for other in together if other.of == "worker"]
        if move.of == "worker" and any(kind == "task" for kind, _ in self.with_):
            held = self.moves.holder.items()
            concerned += [("task", task) for task, worker in held if worker == move.number]
        return next((self.with_[who] for who in concerned if who in self.with_), self._step)


def look_back(
    steps: Sequence[Command],
    impossible: Iterable[int],
    showed: Sequence[Sequence[saw.Record]],
) -> Coverage:
    """What fired in a finished run.

    Args:
        steps: its commands.
        impossible: the indices of those that were impossible where they stood.
        showed: what was shown at the start, by each step, and at the end.
    """
    lookout = Lookout()
    undone = frozenset(impossible)
    for record in showed[0]:
        lookout.observe(record)
    for at, step in enumerate(steps):
        if at in undone:
            continue
        lookout.before(step)
        for record in showed[at + 1]:
            lookout.observe(record)
        lookout.done(step)
    lookout.calm()
    for records in showed[len(steps) + 1 :]:
        for record in records:
            lookout.observe(record)
    return lookout.coverage()


def _victim(command: Command) -> Victim | None:
    """Whom the fault strikes; None if nobody in particular."""
    if isinstance(command, trace.NextStart):
        return NEXT_START
    for kind in ("worker", "task"):
        number = getattr(command, kind, None)
        if number is not None:
            return kind, number
    return None

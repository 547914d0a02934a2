"""The bench: the world's own code, at work on one component of a state at a time.

A `MindBench` tells the core one thing and takes down what it asks of bodies; a `BodyBench` does to
one body what the schedule, a fault or the core says. Neither knows more of the rest than it is
given, so whatever comes of it depends on that alone, and may be remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.drivers.sim import SimDriver
from machines.explore.mind import Mind, Roll, form_of
from machines.harm import Harm
from machines.world import World
from pool import effects as do
from pool import events as told

if TYPE_CHECKING:
    from machines import trace
    from machines.body import Body
    from machines.explore.form import Fields
    from machines.parts import Parts
    from model import history as saw
    from pool.config import PoolConfig

# What the core may ask of a body.
_TO_BODIES: Final = (
    do.SendTask,
    do.CheckWorker,
    do.DropSession,
    do.StopWorker,
    do.KillWorker,
)


@frozen
class Asked:
    """Something that the core asked of a body which was there before.

    Attributes:
        at: how many records of the turn come before.
        operation: what the task does that is to be sent; empty for anything else.
    """

    worker: int
    effect: Any
    at: int
    operation: str = ""


@frozen
class Turn:
    """What came of telling the core something.

    Attributes:
        mind: after it, as plain data.
        seconds: how far the clock has moved on.
        records: what was seen, but for the deaths of those bodies that were there before.
        asked: what is to be done to these.
        born: new bodies, by their workers' numbers.
    """

    mind: Any
    seconds: float
    records: tuple[saw.Record, ...]
    asked: tuple[Asked, ...]
    born: tuple[tuple[int, Body], ...]


class _Bench(World):
    """A world that can be put into any state.

    Args:
        config: the pool's configuration.
        parts: the pool, perhaps with a bug planted in it.
    """

    def __init__(self, config: PoolConfig, parts: Parts) -> None:
        self.seen: list[saw.Record] = []
        super().__init__(config, parts, SimDriver(config, parts), self._note)

    def _note(self, record: saw.Record) -> None:
        self.seen.append(record)

    def clear(self) -> None:
        """There are no bodies, and nothing was seen; it is second nought."""
        self.now = 0.0
        self.log.clear()
        self.seen.clear()
        self._book.all.clear()
        self._book.active.clear()


class MindBench(_Bench):
    """Tells the core things.

    Args:
        config: the pool's configuration.
        parts: the pool, perhaps with a bug planted in it.
    """

    def __init__(self, config: PoolConfig, parts: Parts) -> None:
        super().__init__(config, parts)
        self.form: Fields = form_of(self.core)
        self._asked: list[Asked] = []
        self._roll = Roll()
        self._roll.read(self.seen)
        self.first = Turn(self._frozen(), 0.0, tuple(self.seen), (), tuple(self._book.all.items()))
        self._real = {kind: self._performers[kind] for kind in _TO_BODIES}
        self._performers |= dict.fromkeys(_TO_BODIES, self._take_down)

    def tell(self, mind: Any, event: told.Event, before: tuple[saw.Record, ...]) -> Turn:
        """The core is told one event, after what was seen of it."""
        self._put(mind)
        self.seen.extend(before)
        self._tell(event)
        return self._turn()

    def do_to(self, mind: Any, command: trace.Command) -> Turn | None:
        """A command that is no body's is carried out; None if it is impossible."""
        self._put(mind)
        return self._turn() if self.do(command) else None

    def put(self, mind: Any) -> None:
        """The core, the timers and the operations are these, to be looked at."""
        self._put(mind)

    def _put(self, mind: Any) -> None:
        self.clear()
        self._asked.clear()
        state: Mind = self.form.thaw(mind)
        self.timers.clear()
        self.timers.update(state.timers)
        self._book.operations.clear()
        self._book.operations.update(state.operations)
        self.diverted[:] = state.diverted
        self.closed = state.closed
        self._book.next_start = state.next_start
        self._roll = state.roll
        self.session_of.clear()

    def _turn(self) -> Turn:
        self._roll.read(self.seen)
        return Turn(
            self._frozen(),
            self.now,
            tuple(self.seen),
            tuple(self._asked),
            tuple(self._book.all.items()),
        )

    def _frozen(self) -> Any:
        known = self._roll.tasks | set(self.core.tasks) | set(self.diverted)
        operations = {t: what for t, what in self.operations.items() if t in known}
        next_start, closed = self._book.next_start, self.closed
        mind = Mind(
            self.core, self.timers, operations, self.diverted, closed, next_start, self._roll
        )
        return self.form.freeze(mind, self.now)

    def _take_down(self, effect: Any) -> told.Event | None:
        if effect.worker in self._book.all:  # it was born in this turn
            return self._real[type(effect)](effect)
        operation = ""
        if isinstance(effect, do.SendTask):
            operation = self._book.operations.get(effect.task, "")
        self._asked.append(Asked(effect.worker, effect, len(self.seen), operation))
        return None


@frozen
class Deed:
    """What came of something that was done to a body.

    Attributes:
        records: what was seen.
        event: what the core is to be told; None for nothing.
    """

    records: tuple[saw.Record, ...]
    event: told.Event | None


class BodyBench(_Bench):
    """Does things to one body at a time.

    Args:
        config: the pool's configuration.
        parts: the pool, perhaps with a bug planted in it.
        minds: where the mind that some faults look at was put.
    """

    def __init__(self, config: PoolConfig, parts: Parts, minds: MindBench) -> None:
        super().__init__(config, parts)
        self._event: told.Event | None = None
        self.core = minds.core
        self.timers = minds.timers
        self._harm = Harm(self._book, self._driver, minds.core, minds.timers)
        self._commands |= self._harm.commands

    def put(self, body: Body, operations: dict[int, str]) -> None:
        """This is the only body; these are the tasks there were."""
        self.clear()
        self._event = None
        self._book.all[body.number] = self._book.active[body.number] = body
        self._book.operations.clear()
        self._book.operations.update(operations)
        self._book.doomed.clear()

    def carry_out(self, command: trace.Command) -> Deed | None:
        """A command is carried out on the body; None if it is impossible."""
        return self._deed() if self.do(command) else None

    def perform(self, asked: Asked) -> Deed:
        """What the core asked is done to the body."""
        self._book.operations[getattr(asked.effect, "task", -1)] = asked.operation
        self._performers[type(asked.effect)](asked.effect)
        return self._deed()

    def _deed(self) -> Deed:
        return Deed(tuple(self.seen), self._event)

    def _tell(self, event: told.Event) -> None:
        self._event = event

"""Scenes: the core with its timers, and every body; and what may happen in each.

A scene is what a state is, but for what was seen of it and what is left of the bounds. Minds and
bodies are kept once each, and what one thing does to one of them is worked out once, by the
world's own code, and remembered; a scene's moves are put together from that.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import frozen

from machines import trace
from machines.body import Condition
from machines.explore import body_form
from machines.explore.bench import BodyBench, MindBench
from machines.explore.canon import Canon
from machines.explore.core_form import PHASE_AT, SESSIONS_AT, WORKERS_AT
from machines.explore.judge import Shown
from machines.explore.mind import (
    CORE_AT,
    DIVERTED_AT,
    OPERATIONS_AT,
    ROLL_AT,
    START_AT,
    TIMERS_AT,
)
from machines.explore.names import FRESH, Naming
from machines.explore.store import Store
from machines.gate import Start
from machines.trace import Elsewhere, How, Toward, Way
from model import history as saw
from pool.events import TimerKind
from pool.sessions import SessionState
from pool.state import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.body import Body
    from machines.explore.bench import Asked, Turn
    from machines.explore.bounds import Bounds
    from machines.parts import Parts
    from machines.trace import Command


class Cost(IntEnum):
    """What of the bounds a move uses up."""

    NOTHING = 0
    CLOCK = 1
    FAULT = 2
    ASK = 3
    TASK = 4
    SESSION = 5


@frozen
class Move:
    """Something that may happen in a scene.

    Attributes:
        command: with the scene's names.
        to: the scene after it.
        shown: the number of what it shows.
    """

    command: Command
    cost: Cost
    to: int
    shown: int


@frozen
class _Act:
    """What one body may do by itself.

    Attributes:
        body: after it, as its number.
        told: the number of what the core is told, and what is seen before; -1 for nothing.
        records: what is seen.
    """

    command: Command
    cost: Cost
    body: int
    told: int
    records: tuple[saw.Record, ...]


@frozen
class Scene:
    """A mind and the bodies, by their workers' names from 0 on; all as numbers."""

    mind: int
    bodies: tuple[int, ...]


class Scenes:
    """Every scene that was met.

    Args:
        bounds: of the search.
        parts: the pool, perhaps with a bug planted in it.
        symmetric: whether of scenes that differ in names alone one is kept.
    """

    def __init__(self, bounds: Bounds, parts: Parts, *, symmetric: bool) -> None:
        self.bounds = bounds
        config = attrs.evolve(bounds.setting, size=bounds.workers).config()
        self._minds = MindBench(config, parts)
        self._bodies = BodyBench(config, parts, self._minds)
        self._canon = Canon(self._minds.form, symmetric=symmetric)
        self.minds, self.bodies = Store(), Store()
        self.scenes: list[Scene] = []
        self.shown: list[Shown] = []
        self.namings: list[Naming] = []
        self._scene_numbers: dict[Scene, int] = {}
        self._shown_numbers: dict[Any, int] = {}
        self._naming_numbers: dict[Any, int] = {}
        self._told: list[tuple[tuple[saw.Record, ...], Any]] = []
        self._told_numbers: dict[str, int] = {}
        self._moves: dict[int, tuple[Move, ...]] = {}
        self._placed: dict[Any, tuple[int, tuple[int, ...]]] = {}
        self._turns: dict[tuple[int, int], Turn] = {}
        self._wishes: dict[int, tuple[tuple[Command, Cost, Turn], ...]] = {}
        self._acts: dict[Any, tuple[_Act, ...]] = {}
        self._looks: dict[tuple[int, int], Any] = {}
        self._performed: dict[Any, tuple[int, tuple[saw.Record, ...]]] = {}
        self.opening = self._minds.first.records
        self.first = self._open()

    def moves(self, scene: int) -> tuple[Move, ...]:
        """Everything that may happen, in the order of workers; the bounds are not asked."""
        known = self._moves.get(scene)
        if known is None:
            known = self._moves[scene] = tuple(self._find_moves(self.scenes[scene]))
        return known

    # The scene itself.

    def mind_of(self, scene: int) -> Any:
        """The scene's mind, as plain data."""
        return self.minds.values[self.scenes[scene].mind]

    def bodies_of(self, scene: int) -> list[Any]:
        """The scene's bodies, as plain data."""
        return [self.bodies.values[body] for body in self.scenes[scene].bodies]

    def number(self, scene: Scene) -> int:
        """The scene's number."""
        known = self._scene_numbers.setdefault(scene, len(self.scenes))
        if known == len(self.scenes):
            self.scenes.append(scene)
        return known

    def _open(self) -> int:
        first = self._minds.first
        born = {number: self.bodies.number(body_form.freeze(body)) for number, body in first.born}
        scene, _ = self._place(self.minds.number(first.mind), born)
        return scene

    def _place(self, mind: int, bodies: dict[int, int]) -> tuple[int, tuple[int, ...]]:
        """The canonical scene, and the renamings that lead to it."""
        key = (mind, *bodies.items())
        known = self._placed.get(key)
        if known is None:
            plain = {worker: self.bodies.values[body] for worker, body in bodies.items()}
            value = self.minds.values[mind]
            namings = self._canon.namings(value, plain)
            renamed, rest = self._canon.renamed(value, plain, namings[0])
            numbers = tuple([self.bodies.number(body) for body in rest])
            scene = self.number(Scene(self.minds.number(renamed), numbers))
            known = self._placed[key] = scene, tuple([self._number_naming(n) for n in namings])
        return known

    def _number_naming(self, naming: Naming) -> int:
        known = self._naming_numbers.setdefault(naming.key, len(self.namings))
        if known == len(self.namings):
            self.namings.append(naming)
        return known

    def _show(
        self, seconds: float, records: tuple[saw.Record, ...], namings: tuple[int, ...]
    ) -> int:
        known = self._shown_numbers.setdefault(
            (seconds, repr(records), namings), len(self.shown)
        )
        if known == len(self.shown):
            self.shown.append(Shown(seconds, records, namings))
        return known

    # Its moves.

    def _find_moves(self, scene: Scene) -> Iterator[Move]:
        wishes = self._wishes.get(scene.mind)
        if wishes is None:
            wishes = self._wishes[scene.mind] = tuple(self._find_wishes(scene.mind))
        for command, cost, turn in wishes:
            yield self._after(scene, command, cost, turn, dict(enumerate(scene.bodies)))
        for worker in range(len(scene.bodies)):
            for act in self._acts_of(scene, worker):
                yield self._acted(scene, worker, act)

    def _acted(self, scene: Scene, worker: int, act: _Act) -> Move:
        bodies = dict(enumerate(scene.bodies))
        bodies[worker] = act.body
        if act.told >= 0:
            key = (scene.mind, act.told)
            turn = self._turns.get(key)
            if turn is None:
                before, event = self._told[act.told]
                turn = self._minds.tell(self.minds.values[scene.mind], event, before)
                self._turns[key] = turn
            return self._after(scene, act.command, act.cost, turn, bodies)
        to, namings = self._place(scene.mind, bodies)
        return Move(act.command, act.cost, to, self._show(0.0, act.records, namings))

    def _after(
        self, scene: Scene, command: Command, cost: Cost, turn: Turn, bodies: dict[int, int]
    ) -> Move:
        """The move to where the core has had its turn, and bodies have done what it asked."""
        records = list(turn.records)
        more = 0
        for worker, body in turn.born:
            bodies[worker] = self.bodies.number(body_form.freeze(body))
        for asked in turn.asked:
            bodies[asked.worker], seen = self._perform(bodies[asked.worker], asked)
            records[asked.at + more : asked.at + more] = seen
            more += len(seen)
        to, namings = self._place(self.minds.number(turn.mind), bodies)
        return Move(command, cost, to, self._show(turn.seconds, tuple(records), namings))

    def _perform(self, body: int, asked: Asked) -> tuple[int, tuple[saw.Record, ...]]:
        key = (body, asked.effect, asked.operation)
        known = self._performed.get(key)
        if known is None:
            thawed = body_form.thaw(self.bodies.values[body], asked.worker)
            self._bodies.put(thawed, {})
            deed = self._bodies.perform(asked)
            known = self.bodies.number(body_form.freeze(thawed)), deed.records
            self._performed[key] = known
        return known

    # What bodies may do.

    def _acts_of(self, scene: Scene, worker: int) -> tuple[_Act, ...]:
        body = scene.bodies[worker]
        key = (body, worker, self._look(scene.mind, worker, self.bodies.values[body]))
        known = self._acts.get(key)
        if known is None:
            known = self._acts[key] = tuple(self._find_acts(scene.mind, body, worker))
        return known

    def _look(self, mind: int, worker: int, body: Any) -> Any:
        """All that a fault may see of the mind; nothing if no frame is on its way."""
        if not body[1] and not body[2]:
            return None
        key = (mind, worker)
        known = self._looks.get(key)
        if known is None:
            value = self.minds.values[mind]
            rows = [row for row in value[CORE_AT][WORKERS_AT] if row[0] == worker]
            timers = [
                (kind, number)
                for kind, number, _ in value[TIMERS_AT]
                if kind == TimerKind.DEADLINE.value
                or (number == worker and kind in (TimerKind.CHECK, TimerKind.STOP, TimerKind.INIT))
            ]
            held = [(row[1] == "terminating", row[2], row[3]) for row in rows]
            known = repr((held, timers, self._others(value)))
            self._looks[key] = known
        return known

    def _others(self, mind: Any) -> tuple[int, ...]:
        """The tasks that a frame may name instead; for all that are resolved one stands."""
        there = tuple([task for task, _ in mind[OPERATIONS_AT]])
        return (*there, FRESH - 1) if mind[ROLL_AT][3] else there

    def _find_acts(self, mind: int, body: int, worker: int) -> Iterator[_Act]:
        value, plain = self.minds.values[mind], self.bodies.values[body]
        operations = dict(value[OPERATIONS_AT])
        operations |= {task: "echo" for task in self._others(value)[len(operations) :]}
        looked = False
        for command, cost in _body_commands(body_form.thaw(plain, worker)):
            if isinstance(command, (trace.Mangle, trace.Garble)) and not looked:
                self._minds.put(value)
                looked = True
            thawed = body_form.thaw(plain, worker)
            self._bodies.put(thawed, operations)
            deed = self._bodies.carry_out(command)
            if deed is None:
                continue
            told = -1 if deed.event is None else self._number_told(deed.records, deed.event)
            after = self.bodies.number(body_form.freeze(thawed))
            yield _Act(command, cost, after, told, deed.records)

    def _number_told(self, records: tuple[saw.Record, ...], event: Any) -> int:
        known = self._told_numbers.setdefault(repr((records, event)), len(self._told))
        if known == len(self._told):
            self._told.append((records, event))
        return known

    # What clients, the clock and the next start may do.

    def _find_wishes(self, mind: int) -> Iterator[tuple[Command, Cost, Turn]]:
        value = self.minds.values[mind]
        for command, cost in _mind_commands(value, self.bounds):
            turn = self._minds.do_to(value, command)
            if turn is not None:
                yield command, cost, turn


def _body_commands(body: Body) -> Iterator[tuple[Command, Cost]]:
    """Whatever may be possible for a body."""
    worker = body.number
    if body.facts:
        yield trace.Deliver(worker), Cost.NOTHING
    if body.receptive:
        yield trace.Receive(worker), Cost.NOTHING
    if body.openable and body.at_gate is not None:
        yield trace.Open(body.at_gate.number), Cost.NOTHING
    if body.condition is Condition.STOPPED:
        yield trace.Continue(worker), Cost.NOTHING
    if body.alive:
        yield trace.Crash(worker), Cost.FAULT
        yield trace.Stop(worker), Cost.FAULT
        for way in Way:
            yield trace.Exit(worker, way), Cost.FAULT
        yield trace.Swell(worker), Cost.FAULT
    if body.receptive:
        yield trace.Crash(worker, half=True), Cost.FAULT
    if body.facts:
        for how in How:
            yield trace.Mangle(worker, how), Cost.FAULT
    if body.inbox:
        for toward in Toward:
            yield trace.Garble(worker, toward), Cost.FAULT


def _mind_commands(mind: Any, bounds: Bounds) -> Iterator[tuple[Command, Cost]]:
    """Whatever clients, the clock, the fallback and the next start may do."""
    yield from _submits(mind, bounds)
    yield from _asks(mind, bounds)
    for task in mind[DIVERTED_AT]:
        for elsewhere in Elsewhere:
            yield trace.Divert(task, elsewhere), Cost.NOTHING
    due = [at for _, _, at in mind[TIMERS_AT]]
    if due:
        wait = max(0.0, min(due))
        yield trace.Advance(wait), Cost.CLOCK
        yield trace.Jump(wait), Cost.FAULT
    if mind[START_AT] == Start.NORMAL.value and mind[CORE_AT][PHASE_AT] == Phase.OPEN.value:
        for start in Start:
            yield trace.NextStart(start), Cost.FAULT


def _submits(mind: Any, bounds: Bounds) -> Iterator[tuple[Command, Cost]]:
    sessions = mind[ROLL_AT][2]
    for submit in bounds.submits:
        yield attrs.evolve(submit, task=FRESH), Cost.TASK
    for session in sessions:
        for submit in bounds.session_submits:
            yield attrs.evolve(submit, task=FRESH, session=session), Cost.TASK


def _asks(mind: Any, bounds: Bounds) -> Iterator[tuple[Command, Cost]]:
    core, (tasks, _, sessions, _) = mind[CORE_AT], mind[ROLL_AT]
    if core[PHASE_AT] in (Phase.OPEN.value, Phase.BROKEN.value):
        yield trace.OpenSession(FRESH), Cost.SESSION
        for shutdown in bounds.shutdowns:
            yield shutdown, Cost.ASK
    for task in tasks:
        yield trace.Cancel(task), Cost.ASK
        yield trace.Kill(task), Cost.ASK
    states = {row[0]: row[1] for row in core[SESSIONS_AT]}
    for session in sessions:
        if states.get(session) != SessionState.CLOSING.value:
            yield trace.CloseSession(session), Cost.ASK
        yield trace.Reopen(session), Cost.ASK
        yield trace.OpenSession(session), Cost.ASK

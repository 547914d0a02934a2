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
from machines.explore.names import FRESH
from machines.explore.store import Store
from machines.explore.visited import HOME, fingerprint
from machines.gate import Start
from machines.run import moves_of
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
    from pool.config import PoolConfig


# How long it is waited where nothing is due.
WHILE_S: Final = 1.0


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
    to: int
    shown: int


@frozen
class _Act:
    """What one body may do by itself.

    Attributes:
        body: after it, as its number.
        told: the number of what the core is told, and what is seen before; -1 for nothing.
        plot: the number of what is seen, where the core is told nothing.
    """

    command: Command
    body: int
    told: int
    plot: int


@frozen
class _Kept:
    """What came of telling the core something, as numbers; see `Turn`.

    Attributes:
        plot: the number of what is seen, and of what is asked meanwhile.
    """

    mind: int
    plot: int
    asked: tuple[Asked, ...]
    born: dict[int, int]


@frozen
class Scene:
    """A mind and the bodies, by their workers' names from 0 on; all as numbers."""

    mind: int
    bodies: tuple[int, ...]


class Scenes:
    """Every scene that was met.

    Args:
        bounds: of the search.
        config: the pool's configuration.
        parts: the pool, perhaps with a bug planted in it.
        symmetric: whether of scenes that differ in names alone one is kept.
    """

    def __init__(
        self, bounds: Bounds, config: PoolConfig, parts: Parts, *, symmetric: bool
    ) -> None:
        self.bounds = bounds
        self._minds = MindBench(config, parts)
        self._bodies = BodyBench(config, parts, self._minds)
        self.minds, self.bodies = Store(), Store()
        self._canon = Canon(self._minds.form, self.minds, self.bodies, symmetric=symmetric)
        self.namings = self._canon.namings
        self.scenes: list[Scene] = []
        self.shown: list[Shown] = []
        self._scene_numbers: dict[Any, int] = {}
        self._shown_numbers: dict[Any, int] = {}
        self._plots: list[tuple[float, tuple[saw.Record, ...], tuple[Asked, ...]]] = []
        self._plot_numbers: dict[str, int] = {}
        self._told: list[tuple[tuple[saw.Record, ...], Any]] = []
        self._told_numbers: dict[str, int] = {}
        self._moves: dict[tuple[int, Cost], tuple[Move, ...]] = {}
        self._placed: dict[Any, tuple[int, tuple[int, ...]]] = {}
        self._turns: dict[tuple[int, int], _Kept] = {}
        self._wishes: dict[tuple[int, Cost], tuple[tuple[Command, _Kept], ...]] = {}
        self._acts: dict[Any, tuple[_Act, ...]] = {}
        self._looks: dict[tuple[int, int], Any] = {}
        self._performed: dict[Any, tuple[int, bool]] = {}
        self._symmetries: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._uneven: set[int] = set()  # scenes of which it is known that no other names fit
        self.opening = self._minds.first.records
        self.first = self._open()

    def moves(self, scene: int, cost: Cost) -> tuple[Move, ...]:
        """Everything at this cost that may happen, in the order of workers."""
        key = (scene, cost)
        known = self._moves.get(key)
        if known is None:
            known = self._moves[key] = tuple(self._find_moves(self.scenes[scene], cost))
        return known

    # The scene itself.

    def mind_of(self, scene: int) -> Any:
        """The scene's mind, as plain data."""
        return self.minds.values[self.scenes[scene].mind]

    def bodies_of(self, scene: int) -> list[Any]:
        """The scene's bodies, as plain data."""
        return [self.bodies.values[body] for body in self.scenes[scene].bodies]

    def prints_of(self, scene: int) -> tuple[bytes, bytes]:
        """The mind's fingerprint, as much as says where it is at home; and that of the scene."""
        known = self.scenes[scene]
        bodies = [fingerprint(self.bodies.data[body]) for body in known.bodies]
        print_ = fingerprint(self.minds.data[known.mind])
        return print_[:HOME], fingerprint(b"".join([print_, *bodies]))

    def symmetries(self, scene: int) -> tuple[int, tuple[int, ...]]:
        """In how many ways the scene may be named, and the renamings that leave it as it is."""
        known = self._symmetries.get(scene)
        if known is None:
            is_ = self.scenes[scene]
            same: tuple[int, ...] = ()
            if scene not in self._uneven:
                same = self._canon.namings_of(is_.mind, dict(enumerate(is_.bodies)))
            known = self._canon.ways(is_.mind, len(is_.bodies)), same
            self._symmetries[scene] = known
        return known

    def number(self, scene: Scene) -> int:
        """The scene's number."""
        known = self._scene_numbers.setdefault((scene.mind, scene.bodies), len(self.scenes))
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
            namings = self._canon.namings_of(mind, bodies)
            renamed, rest = self._canon.renamed(mind, bodies, namings[0])
            known = self._placed[key] = self.number(Scene(renamed, rest)), namings
            if len(namings) == 1:
                self._uneven.add(known[0])
        return known

    def _show(self, plot: int, deaths: tuple[int, ...], namings: tuple[int, ...]) -> int:
        """What a plot comes to where these of its bodies die, by where they are asked to."""
        key = (plot, deaths, namings)
        known = self._shown_numbers.get(key)
        if known is None:
            seconds, records, asked = self._plots[plot]
            told = list(records)
            for at in reversed(deaths):
                told.insert(asked[at].at, saw.Died(asked[at].worker))
            self.shown.append(Shown(seconds, tuple(told), namings))
            known = self._shown_numbers[key] = len(self.shown) - 1
        return known

    def _number_plot(
        self, seconds: float, records: tuple[saw.Record, ...], asked: tuple[Asked, ...]
    ) -> int:
        known = self._plot_numbers.setdefault(repr((seconds, records, asked)), len(self._plots))
        if known == len(self._plots):
            self._plots.append((seconds, records, asked))
        return known

    # Its moves.

    def _find_moves(self, scene: Scene, cost: Cost) -> Iterator[Move]:
        key = (scene.mind, cost)
        wishes = self._wishes.get(key)
        if wishes is None:
            wishes = self._wishes[key] = tuple(self._find_wishes(scene.mind, cost))
        there = dict(enumerate(scene.bodies))
        for command, turn in wishes:
            yield self._after(command, turn, there.copy())
        if cost is Cost.NOTHING or cost is Cost.FAULT:
            for worker in there:
                for act in self._acts_of(scene, worker, cost):
                    bodies = there.copy()
                    bodies[worker] = act.body
                    yield self._acted(scene.mind, bodies, act)

    def _acted(self, mind: int, bodies: dict[int, int], act: _Act) -> Move:
        """The move to where a body has acted, and the core has been told of it."""
        if act.told < 0:
            to, namings = self._place(mind, bodies)
            return Move(act.command, to, self._show(act.plot, (), namings))
        turn = self._turns.get((mind, act.told))
        if turn is None:
            before, event = self._told[act.told]
            told = self._minds.tell(self.minds.values[mind], event, before)
            turn = self._turns[mind, act.told] = self._kept(told)
        return self._after(act.command, turn, bodies)

    def _kept(self, turn: Turn) -> _Kept:
        born = {n: self.bodies.number(body_form.freeze(body)) for n, body in turn.born}
        plot = self._number_plot(turn.seconds, turn.records, turn.asked)
        return _Kept(self.minds.number(turn.mind), plot, turn.asked, born)

    def _after(self, command: Command, turn: _Kept, bodies: dict[int, int]) -> Move:
        """The move to where the core has had its turn, and bodies have done what it asked."""
        bodies.update(turn.born)
        deaths: tuple[int, ...] = ()
        for at, asked in enumerate(turn.asked):
            bodies[asked.worker], dies = self._perform(bodies[asked.worker], asked)
            if dies:
                deaths = (*deaths, at)
        to, namings = self._place(turn.mind, bodies)
        return Move(command, to, self._show(turn.plot, deaths, namings))

    def _perform(self, body: int, asked: Asked) -> tuple[int, bool]:
        """The body after it, and whether it dies of it: nothing else is ever seen."""
        key = (body, asked.effect, asked.operation)
        known = self._performed.get(key)
        if known is None:
            thawed = body_form.thaw(self.bodies.values[body], asked.worker)
            self._bodies.put(thawed, {})
            deed = self._bodies.perform(asked)
            dies = deed.records == (saw.Died(asked.worker),)
            if deed.records and not dies:
                raise RuntimeError(f"{asked.effect!r} has shown {deed.records!r}")
            known = self._performed[key] = self.bodies.number(body_form.freeze(thawed)), dies
        return known

    # What bodies may do.

    def _acts_of(self, scene: Scene, worker: int, cost: Cost) -> tuple[_Act, ...]:
        body = scene.bodies[worker]
        look = None
        if cost is Cost.FAULT:
            look = self._look(scene.mind, worker, self.bodies.values[body])
        key = (body, worker, cost, look)
        known = self._acts.get(key)
        if known is None:
            known = self._acts[key] = tuple(self._find_acts(scene.mind, body, worker, cost))
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

    def _find_acts(self, mind: int, body: int, worker: int, cost: Cost) -> Iterator[_Act]:
        value, plain = self.minds.values[mind], self.bodies.values[body]
        operations = dict(value[OPERATIONS_AT])
        operations |= dict.fromkeys(self._others(value)[len(operations) :], "echo")
        list_ = moves_of if cost is Cost.NOTHING else _faults_of
        commands = list(list_(body_form.thaw(plain, worker)))
        if any(isinstance(command, (trace.Mangle, trace.Garble)) for command in commands):
            self._minds.put(value)
        for command in commands:
            thawed = body_form.thaw(plain, worker)
            self._bodies.put(thawed, operations)
            deed = self._bodies.carry_out(command)
            if deed is None:
                continue
            told = -1 if deed.event is None else self._number_told(deed.records, deed.event)
            after = self.bodies.number(body_form.freeze(thawed))
            yield _Act(command, after, told, self._number_plot(0.0, deed.records, ()))

    def _number_told(self, records: tuple[saw.Record, ...], event: Any) -> int:
        known = self._told_numbers.setdefault(repr((records, event)), len(self._told))
        if known == len(self._told):
            self._told.append((records, event))
        return known

    # What clients, the clock and the next start may do.

    def _find_wishes(self, mind: int, cost: Cost) -> Iterator[tuple[Command, _Kept]]:
        value = self.minds.values[mind]
        for command in _WISHES[cost](value, self.bounds):
            turn = self._minds.do_to(value, command)
            if turn is not None:
                yield command, self._kept(turn)


def _faults_of(body: Body) -> Iterator[Command]:
    """Every fault that may be possible for a body; which of them are shows itself."""
    worker = body.number
    if body.alive:
        yield trace.Crash(worker)
        yield trace.Stop(worker)
        yield from [trace.Exit(worker, way) for way in Way]
        yield trace.Swell(worker)
    if body.receptive:
        yield trace.Crash(worker, half=True)
    if body.facts:
        yield from [trace.Mangle(worker, how) for how in How]
    if body.inbox:
        yield from [trace.Garble(worker, how) for how in Toward]


def _diverts(mind: Any, _: Bounds) -> Iterator[Command]:
    for task in mind[DIVERTED_AT]:
        yield from [trace.Divert(task, how) for how in Elsewhere]


def _advances(mind: Any, _: Bounds) -> Iterator[Command]:
    """To the next timer; where none is set time passes all the same, and some were to be."""
    due = [at for _, _, at in mind[TIMERS_AT]]
    yield trace.Advance(max(0.0, min(due)) if due else WHILE_S)


def _faults(mind: Any, _: Bounds) -> Iterator[Command]:
    due = [at for _, _, at in mind[TIMERS_AT]]
    if due:
        yield trace.Jump(max(0.0, min(due)))
    if mind[START_AT] == Start.NORMAL.value and mind[CORE_AT][PHASE_AT] == Phase.OPEN.value:
        yield from [trace.NextStart(start) for start in Start if start is not Start.NORMAL]


def _asks(mind: Any, bounds: Bounds) -> Iterator[Command]:
    core, (tasks, _, sessions, _) = mind[CORE_AT], mind[ROLL_AT]
    if core[PHASE_AT] in (Phase.OPEN.value, Phase.BROKEN.value):
        yield from bounds.shutdowns
    for task in tasks:
        yield trace.Cancel(task)
        yield trace.Kill(task)
    states = {row[0]: row[1] for row in core[SESSIONS_AT]}
    for session in sessions:
        if states.get(session) != SessionState.CLOSING.value:
            yield trace.CloseSession(session)
        yield trace.Reopen(session)
        yield trace.OpenSession(session)


def _submits(mind: Any, bounds: Bounds) -> Iterator[Command]:
    yield from [attrs.evolve(submit, task=FRESH) for submit in bounds.submits]
    for session in mind[ROLL_AT][2]:
        for submit in bounds.session_submits:
            yield attrs.evolve(submit, task=FRESH, session=session)


def _opens(mind: Any, _: Bounds) -> Iterator[Command]:
    if mind[CORE_AT][PHASE_AT] in (Phase.OPEN.value, Phase.BROKEN.value):
        yield trace.OpenSession(FRESH)


_WISHES: Final = {
    Cost.NOTHING: _diverts,
    Cost.CLOCK: _advances,
    Cost.FAULT: _faults,
    Cost.ASK: _asks,
    Cost.TASK: _submits,
    Cost.SESSION: _opens,
}

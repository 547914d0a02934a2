"""The space: every state of the implementation within bounds, and the steps between them.

A state is four small numbers: a scene (the core, its timers, the bodies), what each group of
checkers has made of what was seen, and what is left of the bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.body import Condition
from machines.explore.core_form import PHASE_AT, WORKERS_AT
from machines.explore.judge import Broken, Court
from machines.explore.mind import CLOSED_AT, CORE_AT, ROLL_AT, TIMERS_AT
from machines.explore.scene import Cost, Scene, Scenes
from machines.explore.step import Step, Violation
from machines.explore.store import from_bytes, to_bytes
from machines.parts import POOL
from model import history as saw
from model.promises import PROMISES
from pool.events import TimerKind
from pool.lifecycle import WorkerState
from pool.state import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from machines.explore.bounds import Bounds
    from machines.explore.scene import Move
    from machines.parts import Parts
    from model.checker import Checker

# What a fair schedule owes.
_OWED: Final = (trace.Deliver, trace.Receive, trace.Open, trace.Continue, trace.Divert)
# Timers that come round for ever; nobody waits for them.
_ROUND: Final = (TimerKind.HEALTH.value, TimerKind.AGE.value)

_SHUTDOWN: Final = trace.Shutdown()

State = tuple[int, ...]
# What is left of the bounds, by the cost that uses it up; nothing else is ever used up.
Left = tuple[int, ...]
_COUNTED: Final = (Cost.CLOCK, Cost.FAULT, Cost.ASK, Cost.TASK, Cost.SESSION)


class PoolSpace:
    """The pool's states within bounds.

    Args:
        bounds: of the search.
        parts: the pool, perhaps with a bug planted in it.
        promises: what is judged.
        symmetric: whether of states that differ in names alone one is kept.
    """

    def __init__(
        self,
        bounds: Bounds,
        parts: Parts = POOL,
        *,
        promises: Iterable[type[Checker]] = PROMISES,
        symmetric: bool = True,
    ) -> None:
        self.bounds = bounds
        self.setting = attrs.evolve(bounds.setting, size=bounds.workers)
        self._wanted = 0 if self.setting.lazy else self.setting.size
        self._scenes = Scenes(bounds, self.setting.config(), parts, symmetric=symmetric)
        promises = tuple(promises)
        self._judged = {kind.promise for kind in promises}
        self._court = Court(promises, self._scenes.opening)
        self._groups = self._court.groups
        self._lefts: list[Left] = []
        self._left_numbers: dict[Left, int] = {}
        self._lessened: dict[tuple[int, int], int] = {}
        self._ways: tuple[dict[tuple[int, int], int | tuple[int, ...] | Broken], ...] = tuple(
            {} for _ in self._groups
        )
        self._endings: dict[tuple[int, ...], Violation | None] = {}

    def first(self) -> State:
        """The state in which every run begins: workers start."""
        bounds = self.bounds
        left = (bounds.overtakes, bounds.faults, bounds.asks, bounds.tasks, bounds.sessions)
        return (
            self._scenes.first,
            *[group.first for group in self._groups],
            self._number_left(left),
        )

    def steps(self, state: Any) -> Sequence[Step]:
        """Every step that is possible here within the bounds, always in the same order.

        A step that changes nothing, but uses up something of the bounds, is left out: whatever
        follows it may follow here as well.
        """
        scene, *seen, left = state
        here, found = state[:-1], []
        for moves, less in self._offered(scene, left):
            for move in moves:
                step = self._step(move, seen, less)
                after: Any = step.state
                if after[:-1] != here or step.violation is not None:
                    found.append(step)
        return found

    def fair(self, state: Any) -> Sequence[Step]:
        """The steps that a fair schedule owes here: deliveries, receives, gates and the clock."""
        scene, *seen, left = state
        moves = self._scenes.moves(scene, Cost.NOTHING)
        if not moves and self._awaits(scene):
            moves = self._scenes.moves(scene, Cost.CLOCK)
        return [self._step(move, seen, left) for move in moves]

    def ending(self, state: Any) -> Violation | None:
        """What a run breaks that ends here, where nothing but wishes and faults is left."""
        key = state[:-1]
        if key not in self._endings:
            self._endings[key] = self._end(state)
        return self._endings[key]

    def promised(self, state: Any) -> frozenset[str]:
        """Which promises are owed: tasks unresolved, workers missing, a shutdown not ended."""
        mind = self._scenes.mind_of(state[0])
        core, owed = mind[CORE_AT], set()
        if mind[ROLL_AT][0]:
            owed.add("L1")
        states = [row[1] for row in core[WORKERS_AT]]
        up = states.count(WorkerState.READY.value) + states.count(WorkerState.BUSY.value)
        if core[PHASE_AT] == Phase.CLOSING.value:
            owed.add("L3")
        elif core[PHASE_AT] == Phase.OPEN.value and up < self._wanted:
            owed.add("L2")
        return frozenset(owed & self._judged)

    def renamings(self, state: Any, step: Step) -> list[tuple[Mapping[int, int], ...]]:
        """How a step from here may have renamed tasks, workers and sessions.

        What is gone is in none of the mappings; what is new was called `names.FRESH` or more.
        Where the state after the step looks the same through several renamings, all are returned.
        """
        for cost in Cost:
            for move in self._scenes.moves(state[0], cost):
                if move.command == step.command:
                    shown = self._scenes.shown[move.shown]
                    return [self._scenes.namings[number].maps for number in shown.namings]
        raise LookupError(f"no step here has the command {step.command}")

    def size(self, state: Any) -> int:
        """How many states there are of this one's orbit: its workers and sessions named anyhow."""
        scene, *seen, _ = state
        ways, same = self._scenes.symmetries(scene)
        if len(same) == 1:
            return ways
        namings = self._scenes.namings
        alike = sum(
            all(
                group.renamed(at, number, namings[number]) == at
                for group, at in zip(self._groups, seen, strict=True)
            )
            for number in same
        )
        return ways // alike

    def pack(self, state: Any) -> bytes:
        """Bytes equal only for states of one orbit; the same in every process and Python."""
        scene, *seen, left = state
        scenes = self._scenes
        known = scenes.scenes[scene]
        bodies = tuple([scenes.bodies.data[body] for body in known.bodies])
        groups = zip(self._groups, seen, strict=True)
        judged = tuple([group.pack(at) for group, at in groups])
        return to_bytes((scenes.minds.data[known.mind], bodies, judged, self._lefts[left]))

    def home(self, state: Any) -> bytes:
        """What states have in common for which the core does the same: their mind."""
        scenes = self._scenes
        mind: bytes = scenes.minds.data[scenes.scenes[state[0]].mind]
        return mind

    def unpack(self, packed: bytes) -> State:
        """The state that was packed."""
        mind, bodies, judged, left = from_bytes(packed)
        scenes = self._scenes
        numbers = tuple([scenes.bodies.number_of(body) for body in bodies])
        scene = scenes.number(Scene(scenes.minds.number_of(mind), numbers))
        groups = zip(self._groups, judged, strict=True)
        return (scene, *[group.unpack(data) for group, data in groups], self._number_left(left))

    def bodies(self, state: Any) -> list[Any]:
        """Every worker's body, as plain data, by its name."""
        return self._scenes.bodies_of(state[0])

    def dues(self, state: Any) -> list[tuple[str, float]]:
        """The timers that are set, each with the seconds until it is due."""
        return sorted((kind, at) for kind, _, at in self._scenes.mind_of(state[0])[TIMERS_AT])

    # How it goes on.

    def _offered(self, scene: int, left: int) -> Iterator[tuple[Sequence[Move], int]]:
        """Moves that the bounds allow here, with what is left of the bounds after them.

        Where nothing is owed the clock goes on for nothing, and where nothing is awaited either
        the pool may be shut down for nothing.
        """
        moves = self._scenes.moves
        owed = moves(scene, Cost.NOTHING)
        yield owed, left
        for cost in _COUNTED:
            less = self._less(left, cost)
            if cost is Cost.CLOCK and not owed:
                less = left
            if less >= 0:
                yield moves(scene, cost), less
            elif cost is Cost.ASK and not owed and not self._awaits(scene):
                yield [move for move in moves(scene, cost) if move.command == _SHUTDOWN], left

    def _awaits(self, scene: int) -> bool:
        """Whether a timer is set that does not come round for ever."""
        return any(kind not in _ROUND for kind, _, _ in self._scenes.mind_of(scene)[TIMERS_AT])

    def _step(self, move: Move, seen: Sequence[int], less: int) -> Step:
        after: list[int | tuple[int, ...]] = [move.to]
        broken: Broken | None = None
        several = False
        shown = move.shown
        for group, state, ways in zip(self._groups, seen, self._ways, strict=True):
            way = ways.get((state, shown))
            if way is None:
                scenes = self._scenes
                way = group.after(state, scenes.shown[shown], shown, scenes.namings)
                ways[state, shown] = way
            if isinstance(way, int):
                after.append(way)
                continue
            if isinstance(way, tuple):
                after.append(way)
                several = True
                continue
            after.append(state)
            if broken is None or way.record < broken.record:
                broken = way
        if broken is not None:
            return Step(move.command, (move.to, *seen, less), broken.violation)
        if several:
            after = [move.to, *self._least(after[1:])]
        return Step(move.command, (*after, less))

    def _least(self, ways: Sequence[int | tuple[int, ...]]) -> Sequence[int]:
        """Of the renamings under which the scene looks the same, what the checkers make of one.

        All of them are renamed alike: the least of each for itself may be of no state at all.
        """
        choices = max(len(way) for way in ways if isinstance(way, tuple))
        each = [way if isinstance(way, tuple) else (way,) * choices for way in ways]
        stores = [group.store.data for group in self._groups]
        return min(
            zip(*each, strict=True),
            key=lambda chosen: [data[at] for data, at in zip(stores, chosen, strict=True)],
        )

    def _less(self, left: int, cost: Cost) -> int:
        """What is left of the bounds after this; -1 if too little was."""
        known = self._lessened.get((left, cost))
        if known is None:
            at = _COUNTED.index(cost)
            counts = list(self._lefts[left])
            counts[at] -= 1
            known = self._number_left(tuple(counts)) if counts[at] >= 0 else -1
            self._lessened[left, cost] = known
        return known

    def _number_left(self, left: Left) -> int:
        known = self._left_numbers.setdefault(left, len(self._lefts))
        if known == len(self._lefts):
            self._lefts.append(left)
        return known

    def _end(self, state: Any) -> Violation | None:
        scene, *seen, _ = state
        mind = self._scenes.mind_of(scene)
        ready = sum(row[1] == WorkerState.READY.value for row in mind[CORE_AT][WORKERS_AT])
        records: list[saw.Record] = [saw.Healed(complete=True, ready=ready)]
        if mind[CLOSED_AT]:
            records += [
                saw.LeftOver(f"worker {number}'s process")
                for number, body in enumerate(self._scenes.bodies_of(scene))
                if body[0] != Condition.REAPED.value
            ]
        found = [
            broken
            for group, at in zip(self._groups, seen, strict=True)
            if (broken := group.broken_by(at, records)) is not None
        ]
        first = min(found, key=lambda broken: broken.record, default=None)
        return None if first is None else first.violation

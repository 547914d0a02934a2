"""The space: every state of the implementation within bounds, and the steps between them.

A state is four small numbers: a scene (the core, its timers, the bodies), what each group of
checkers has made of what was seen, and what is left of the bounds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.body import Condition
from machines.explore.core_form import PHASE_AT, WORKERS_AT
from machines.explore.judge import Broken, Court
from machines.explore.mind import CLOSED_AT, CORE_AT, ROLL_AT, TIMERS_AT
from machines.explore.reach import Spread
from machines.explore.scene import Cost, Scene, Scenes
from machines.explore.step import Step, Violation
from machines.explore.store import from_bytes, to_bytes
from machines.explore.visited import HOME, fingerprint
from machines.parts import POOL
from model import history as saw
from model.promises import PROMISES
from pool.events import TimerKind
from pool.lifecycle import WorkerState
from pool.state import Phase

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

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
        self._brief = struct.Struct(f"<{len(self._groups) + 2}I")
        self._owed: dict[int, frozenset[str]] = {}
        self._lefts: list[Left] = []
        self._left_numbers: dict[Left, int] = {}
        self._lessened: dict[tuple[int, int], int] = {}
        self._packed_lefts: list[bytes] = []
        self._prints: dict[int, tuple[bytes, bytes]] = {}
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
        for _, moves, less in self._offered(scene, left):
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
        mind = self._scenes.scenes[state[0]].mind
        known = self._owed.get(mind)
        if known is None:
            known = self._owed[mind] = self._promised(self._scenes.minds.values[mind])
        return known

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
        if not same:
            return ways
        namings, groups = self._scenes.namings, self._groups
        alike = 0
        for number in same:
            naming = namings[number]
            pairs = zip(groups, seen, strict=True)
            alike += all(group.renamed(at, number, naming) == at for group, at in pairs)
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

    def spread(self, state: Any) -> Spread:
        """Where the steps from here lead; as `steps` and `fair`, without their commands."""
        scene, *seen, left = state
        ways = [group.ways[at].get for group, at in zip(self._groups, seen, strict=True)]
        after: list[Hashable] = []
        owed: list[Hashable] | None = None
        broken: list[tuple[int, Violation]] = []
        for cost, moves, less in self._offered(scene, left):
            fair = cost is Cost.NOTHING or (cost is Cost.CLOCK and owed is None and less == left)
            if fair and moves and (cost is Cost.NOTHING or self._awaits(scene)):
                owed = []
            for move in moves:
                shown = move.shown
                judged: Any = [way(shown, -1) for way in ways]
                if min(judged) < 0:
                    judged = self._judge(seen, shown)
                    if isinstance(judged, Violation):
                        broken.append((len(after) + len(broken), judged))
                        continue
                to = (move.to, *judged, less)
                if fair and owed is not None:
                    owed.append(to)
                if move.to != scene or judged != seen:
                    after.append(to)
        return Spread(len(after) + len(broken), after, owed, broken)

    def print(self, state: Any) -> bytes:
        """The state's fingerprint, made of its parts' own; the first 32 bits are the mind's.

        States in which the core is the same have one home, so that no two processes work out what
        it does.
        """
        scene, *seen, left = state
        known = self._prints.get(scene)
        if known is None:
            known = self._prints[scene] = self._scenes.prints_of(scene)
        home, print_ = known
        parts = [print_, self._packed_lefts[left]]
        parts += [group.prints[at] for group, at in zip(self._groups, seen, strict=True)]
        return home + fingerprint(b"".join(parts))[HOME:]

    def brief(self, state: Any) -> bytes:
        """Bytes that mean the state in this process alone."""
        return self._brief.pack(*state)

    def full(self, brief: bytes) -> State:
        """The state that these bytes mean."""
        return self._brief.unpack(brief)

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

    def _offered(self, scene: int, left: int) -> Iterator[tuple[Cost, Sequence[Move], int]]:
        """Moves that the bounds allow here, with what is left of the bounds after them.

        Where nothing is owed the clock goes on for nothing, and where nothing is awaited either
        the pool may be shut down for nothing.
        """
        moves = self._scenes.moves
        owed = moves(scene, Cost.NOTHING)
        yield Cost.NOTHING, owed, left
        for cost in _COUNTED:
            less = self._less(left, cost)
            if cost is Cost.CLOCK and not owed:
                less = left
            if less >= 0:
                yield cost, moves(scene, cost), less
            elif cost is Cost.ASK and not owed and not self._awaits(scene):
                shut = [move for move in moves(scene, cost) if move.command == _SHUTDOWN]
                yield cost, shut, left

    def _promised(self, mind: Any) -> frozenset[str]:
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

    def _awaits(self, scene: int) -> bool:
        """Whether a timer is set that does not come round for ever."""
        return any(kind not in _ROUND for kind, _, _ in self._scenes.mind_of(scene)[TIMERS_AT])

    def _step(self, move: Move, seen: Sequence[int], less: int) -> Step:
        after = self._judge(seen, move.shown)
        if isinstance(after, Violation):
            return Step(move.command, (move.to, *seen, less), after)
        return Step(move.command, (move.to, *after, less))

    def _judge(self, seen: Sequence[int], shown: int) -> list[int] | Violation:
        """What the checkers make of a step."""
        scenes = self._scenes
        ways: list[Any] = []
        broken: Broken | None = None
        for group, at in zip(self._groups, seen, strict=True):
            way = group.way(at, shown)
            if way is None:
                group.look(at, scenes.shown[shown], shown, scenes.namings)
                way = group.way(at, shown)
            if isinstance(way, Broken) and (broken is None or way.record < broken.record):
                broken = way
            ways.append(way)
        if broken is not None:
            return broken.violation
        if all(isinstance(way, int) for way in ways):
            return ways
        return list(self._least(ways))

    def _least(self, ways: Sequence[int | tuple[int, ...]]) -> tuple[int, ...]:
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
            self._packed_lefts.append(to_bytes(left))
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

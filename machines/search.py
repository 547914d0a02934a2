"""The search: every schedule within small bounds, in simulation, for what can fire at all.

Breadth first, so that what fires for the first time fires after the fewest steps. A state is
known by all that the core, the workers' bodies, the timers and the fault's whereabouts amount to;
one that was met before is not gone on from. Traces are run anew for each step: that is cheaper
here than to copy a world.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import define, field, frozen

from machines import trace
from machines.coverage import Lookout, fault_in
from machines.drivers.sim import SimDriver
from machines.gate import Start
from machines.parts import POOL
from machines.run import moves_of
from machines.trace import Elsewhere
from machines.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.setting import Setting
    from machines.trace import Command

Steps = tuple["Command", ...]


@frozen
class Scope:
    """The bounds of one search.

    Attributes:
        name: in a few words, what it looks at.
        setting: of the pool.
        depth: steps after the first ones.
        first: steps that every trace begins with.
        submits: what tasks may be like; their numbers do not matter.
        tasks: so many of them at most.
        workers: no more are started, replacements included.
        asks: what else clients may ask for, each once at most.
        advances: how often the clock moves on to the next timer.
        faults: at most so many.
    """

    name: str
    setting: Setting
    depth: int
    first: Steps = ()
    submits: tuple[trace.Submit, ...] = (trace.Submit(0),)
    tasks: int = 2
    workers: int = 3
    asks: tuple[Command, ...] = ()
    advances: int = 2
    faults: int = 1


class Probe:
    """A trace's simulated world, its promises unjudged, and what fired in it."""

    def __init__(self, scope: Scope, steps: Steps) -> None:
        self.scope = scope
        self.lookout = Lookout()
        config = scope.setting.config()
        self.world = World(config, POOL, SimDriver(config, POOL), self.lookout.observe)
        for step in steps:
            self.do(step)

    def do(self, command: Command) -> bool:
        """The command is carried out; whether it was possible is returned."""
        self.lookout.before(command)
        possible = self.world.do(command)
        if possible:
            self.lookout.done(command)
        else:
            self.lookout.undone(command)
        return possible

    def fingerprint(self, spent: tuple[int, ...]) -> bytes:
        """Equal only for worlds that can do the same from here on, with the same budget."""
        core = self.world.core
        kept = {k: v for k, v in vars(core).items() if k not in _FLEETING}
        now = self.world.now
        timers = sorted((repr(t), at - now) for t, at in self.world.timers.items())
        lookout = self.lookout
        bodies = [attrs.astuple(body, recurse=False) for body in self.world.bodies.values()]
        moves = lookout.moves
        where = (moves.in_flight, moves.home, moves.holder, lookout.with_)
        coming = (self.world.next_start, self.world.operations, self.world.diverted)
        state = (kept, timers, bodies, coming, where, spent)
        return pickle.dumps(state, protocol=5)


# What is no state: what is fixed from the start, what is empty between events, and statistics.
_FIXED: Final = ("config", "watched", "_handlers", "_timers", "_actions", "_rng")
_FLEETING: Final = frozenset(
    (*_FIXED, "_out", "_now", "_called", "endings", "retried", "live_most")
)


@define
class Found:
    """What a search found.

    Attributes:
        steps: to each tuple, and to each thing that must happen sometimes; the fewest first.
        states: how many states there are within the bounds.
        tried: how many steps were tried.
        exhausted: whether no state was left to go on from before the depth was reached.
    """

    steps: dict[str, Steps] = field(factory=dict)
    states: int = 0
    tried: int = 0
    exhausted: bool = False


def search(scope: Scope) -> Found:
    """Everything that fires within the scope is found, each with the steps to it."""
    found = Found()
    seen: set[bytes] = set()
    frontier = [scope.first]
    _note(Probe(scope, scope.first), scope.first, found.steps)
    for _ in range(scope.depth):
        following: list[Steps] = []
        for steps in frontier:
            for command in list(_commands(Probe(scope, steps), steps)):
                found.tried += 1
                child = Probe(scope, steps)
                if not child.do(command):
                    continue
                longer = (*steps, command)
                _note(child, longer, found.steps)
                known = child.fingerprint(_spent(longer))
                if known in seen:
                    continue
                seen.add(known)
                if len(child.world.bodies) <= scope.workers:
                    following.append(longer)
        frontier = following
    found.states = len(seen)
    found.exhausted = not frontier
    return found


def _note(probe: Probe, steps: Steps, found: dict[str, Steps]) -> None:
    for name in probe.lookout.names():
        found.setdefault(name, steps)


_ASKS: Final = (
    trace.OpenSession,
    trace.Reopen,
    trace.CloseSession,
    trace.Cancel,
    trace.Kill,
    trace.Shutdown,
)


def _spent(steps: Steps) -> tuple[Any, ...]:
    """What of the budgets is used up: the rest of the search depends on nothing else."""
    asked = sorted(repr(step) for step in steps if isinstance(step, _ASKS))
    return (*asked, _count_faults(steps), _count(steps, trace.Advance))


def _count(steps: Steps, kind: type) -> int:
    return sum(isinstance(step, kind) for step in steps)


def _count_faults(steps: Steps) -> int:
    return sum(fault_in(step) is not None for step in steps)


def _commands(probe: Probe, steps: Steps) -> Iterator[Command]:
    """All that may come next, within the bounds."""
    scope, world = probe.scope, probe.world
    submitted = _count(steps, trace.Submit)
    if submitted < scope.tasks:
        for submit in scope.submits:
            yield attrs.evolve(submit, task=submitted)
    yield from _asks(scope, steps)
    for body in world.bodies.values():
        yield from moves_of(body)
    for task in world.diverted:
        for how in Elsewhere:
            yield trace.Divert(task, how)
    if world.timers and _count(steps, trace.Advance) < scope.advances:
        yield trace.Advance(_until_due(world))
    if _count_faults(steps) < scope.faults:
        yield from _faults(world)


def _until_due(world: World) -> float:
    return max(0.0, min(world.timers.values()) - world.now)


def _asks(scope: Scope, steps: Steps) -> Iterator[Command]:
    down = _count(steps, trace.Shutdown)
    for ask in scope.asks:
        if ask not in steps and not (down and isinstance(ask, trace.Shutdown)):
            yield ask


def _faults(world: World) -> Iterator[Command]:
    """Every fault, in every sort, on every worker; which of them are possible shows itself."""
    for kind in trace.FAULTS:
        fields = attrs.fields_dict(kind)
        every: Any = type(fields["how"].default) if "how" in fields else ()
        sorts = [{"how": sort} for sort in every if sort is not Start.NORMAL] or [{}]
        if "seconds" in fields:
            sorts = [{"seconds": _until_due(world)}] if world.timers else []
        victims = [{"worker": worker} for worker in world.bodies] if "worker" in fields else [{}]
        make: Any = kind  # what its fields are was asked of itself
        for sort in sorts:
            for victim in victims:
                yield make(**victim, **sort)

"""Crash points: a worker dies before, in and after everything that happens to it, one run each.

Nothing is sampled. The paths are the shortest steps to each reachable transition, as the complete
search left them in `reachable.json`. Along each of them, for every effect that the core asks for
and every frame that crosses a pipe, there is a run in which a worker is killed just before it, one
in which it is killed in the midst of it where it has a midst, and one just after it; the rest of
the path follows as far as it is still possible. An effect that names a worker kills that one, any
other each that lives. What is done at once (a timer is set, a task resolved, a process killed) has
no midst, and the midst of an order is that of its frame.

It is a worker that dies here. The parent's death is tested by itself
(`tests/integration/test_parent_death.py`): it ends the run, and there is nothing left to judge but
what it leaves behind.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from machines import reachable
from machines.body import FRAMES, Fact
from machines.drivers import Layer
from machines.firings import AFTER
from machines.gate import Start
from machines.parts import POOL, Parts
from machines.run import Run, execute
from machines.trace import (
    CloseSession,
    Crash,
    Deliver,
    Exit,
    How,
    Mangle,
    NextStart,
    Open,
    OpenSession,
    Receive,
    Setting,
    Shutdown,
    Submit,
    Trace,
    Way,
)
from pool import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from machines.run import Report
    from machines.trace import Command
    from machines.world import World

_EFFECTS: Final = effects.Effect.__args__


# What is on no shortest path: a worker that is told to stop, or to forget a session, does so.
FURTHER: Final = (
    Trace(Setting(size=1), (Deliver(0), Shutdown(), Receive(0), Deliver(0), Deliver(0))),
    Trace(
        Setting(size=1),
        (
            *(Deliver(0), OpenSession(0), Submit(0, session=0), Receive(0), Open(0), Deliver(0)),
            *(CloseSession(0), Receive(0)),
        ),
    ),
)


class Moment(StrEnum):
    """When the worker dies, of what it dies at."""

    BEFORE = "before"
    IN = "in"
    AFTER = "after"


@frozen(order=True)
class Boundary:
    """What is crossed when the worker dies, and when it dies of that.

    Attributes:
        what: the effect's name, or the frame's and its direction.
        moment: before it, in it, or after it.
    """

    what: str
    moment: Moment


@frozen
class Point:
    """One run: a path with one death in it.

    Attributes:
        trace: the path's setting, its steps, and the death among them.
        death: the index of the step which is that, or brings it.
        boundaries: what it stands for; what is after one thing may be before the next.
    """

    trace: Trace
    death: int
    boundaries: frozenset[Boundary]


def points(paths: Iterable[Trace]) -> list[Point]:
    """Every crash point along these paths, each run once, in the paths' order.

    Args:
        paths: traces that break no promise.
    """
    found: dict[tuple[Trace, int], set[Boundary]] = {}
    for path in paths:
        for trace, death, boundary in _along(path):
            found.setdefault((trace, death), set()).add(boundary)
    return [Point(trace, death, frozenset(of)) for (trace, death), of in found.items()]


def shortest_paths() -> list[Trace]:
    """The shortest steps to each reachable transition, and a little further."""
    known = reachable.load()
    return list(dict.fromkeys((*FURTHER, *(known.trace(name) for name in known.tuples))))


def plain_paths() -> list[Trace]:
    """Those of them on which no fault need meet the transition."""
    known = reachable.load()
    plain = [name for name in known.tuples if AFTER not in name]
    return list(dict.fromkeys((*FURTHER, *map(known.trace, plain))))


def one_of_each(all_points: Iterable[Point]) -> list[Point]:
    """A few of the points, the shortest that together have a death at every kind of boundary."""
    chosen: list[Point] = []
    seen: set[Boundary] = set()
    for point in sorted(all_points, key=lambda point: len(point.trace.steps)):
        fresh = not point.boundaries <= seen
        if fresh and point.death not in execute(point.trace).impossible:
            chosen.append(point)
            seen |= point.boundaries
    return chosen


@frozen
class Survey:
    """What came of the runs.

    Attributes:
        counts: how many runs had a death at each kind of boundary.
        runs: how many runs there were.
        broken: the runs that broke a promise or ended otherwise than in the simulation.
    """

    counts: Counter[Boundary] = field(factory=Counter)
    runs: int = 0
    broken: tuple[tuple[Trace, str], ...] = ()

    def table(self) -> Iterator[str]:
        """A row for each effect and each frame, with how many runs died before, in, after it."""
        yield f"{'a worker dies':<34}{'before':>8}{'in':>8}{'after':>8}"
        for what in sorted({boundary.what for boundary in self.counts}):
            numbers = [self.counts[Boundary(what, moment)] for moment in Moment]
            yield f"{what:<34}" + "".join(f"{number or '-':>8}" for number in numbers)
        yield f"{self.runs:,} runs, at {len(self.counts)} kinds of boundary"


def survey(
    chosen: Iterable[Point],
    layer: Layer,
    after_each: Callable[[Report], None] = lambda _: None,
    *,
    parts: Parts = POOL,
) -> Survey:
    """Each point has been run on this layer; what came of them is returned.

    Args:
        chosen: the points.
        layer: where; beyond the simulation each run must give the simulation's digest.
        after_each: is given the report of each run.
        parts: the pool, perhaps with a bug planted in it.
    """
    counts: Counter[Boundary] = Counter()
    broken: list[tuple[Trace, str]] = []
    runs = 0
    for point in chosen:
        report = execute(point.trace, layer, parts)
        after_each(report)
        if report.violation is not None:
            sentence = f"{report.violation.promise}: {report.violation.sentence}"
            broken.append((point.trace, sentence))
        elif layer is not Layer.SIM and execute(point.trace, parts=parts).digest != report.digest:
            broken.append((point.trace, f"{layer} and sim disagree"))
        if point.death not in report.impossible:
            runs += 1
            counts.update(point.boundaries)
    return Survey(counts, runs, tuple(broken))


# Where along a path somebody can die.


def _along(path: Trace) -> Iterator[tuple[Trace, int, Boundary]]:
    with Run(path.setting) as run:
        for at, step in enumerate(path.steps):
            before = _Standing(run.world)
            run.do(step)
            asked = [entry for entry in run.world.log[before.logged :] if type(entry) in _EFFECTS]
            for death, boundary, where in (
                *_at_frame(step, before),
                *_at_reply(step, before, run.world),
                *_at_effects(asked, before),
                *_at_birth(asked, run.world),
            ):
                index = at + (where is _AFTERWARDS)
                yield _with(path, index, death, drop=where is _INSTEAD), index, boundary


class _Where(StrEnum):
    """Where the death goes: before the step, in its place, or after it."""

    AHEAD = "ahead"
    INSTEAD = "instead"
    AFTERWARDS = "afterwards"


_AHEAD, _INSTEAD, _AFTERWARDS = _Where
_Death = tuple["Command", Boundary, _Where]


class _Standing:
    """What there was before a step.

    Args:
        world: the world, before it.
    """

    def __init__(self, world: World) -> None:
        self.logged = len(world.log)
        self.living = [body.number for body in world.active.values() if body.alive]
        self.inbox = {body.number: list(body.inbox) for body in world.active.values()}
        self.facts = {body.number: list(body.facts) for body in world.active.values()}


def _with(path: Trace, at: int, death: Command, *, drop: bool) -> Trace:
    steps = (*path.steps[:at], death, *path.steps[at + drop :])
    return Trace(path.setting, steps)


def _at_frame(step: Command, before: _Standing) -> Iterator[_Death]:
    """A frame crosses the pipe in this step: to a worker, or from it."""
    if isinstance(step, Receive) and before.inbox.get(step.worker):
        what = f"frame to a worker: {before.inbox[step.worker][0].kind}"
        yield Crash(step.worker), Boundary(what, Moment.BEFORE), _AHEAD
        yield Crash(step.worker, half=True), Boundary(what, Moment.IN), _AHEAD
        yield Exit(step.worker, Way.READING), Boundary(what, Moment.AFTER), _INSTEAD
        yield Crash(step.worker), Boundary(what, Moment.AFTER), _AFTERWARDS
    if isinstance(step, Deliver) and (first := _first(before.facts.get(step.worker))):
        what = f"frame from a worker: {first.kind}"
        for how in (How.CUT_EARLY, How.CUT, How.CUT_LATE):
            yield Mangle(step.worker, how), Boundary(what, Moment.IN), _AHEAD
        yield Crash(step.worker), Boundary(what, Moment.AFTER), _AHEAD


def _first(facts: list[Fact] | None) -> Fact | None:
    """The frame that the pool would hear next, if it is a sound one."""
    sound = facts and facts[0].kind in FRAMES and not facts[0].struck
    return facts[0] if facts and sound else None


def _at_reply(step: Command, before: _Standing, world: World) -> Iterator[_Death]:
    """In this step a worker sends a frame; before that it dies."""
    for body in world.active.values():
        fresh = len(body.facts) > len(before.facts.get(body.number, ()))
        if not fresh or body.facts[-1].kind not in FRAMES:
            continue
        what = f"frame from a worker: {body.facts[-1].kind}"
        if isinstance(step, Open):
            yield Crash(body.number), Boundary(what, Moment.BEFORE), _AHEAD
        elif isinstance(step, Receive):
            yield Exit(body.number, Way.READING), Boundary(what, Moment.BEFORE), _INSTEAD


def _at_effects(asked: list[effects.Effect], before: _Standing) -> Iterator[_Death]:
    """Between any two effects of this step somebody dies."""
    for nth, effect in enumerate(asked):
        named = getattr(effect, "worker", None)
        for worker in before.living if named is None else [named]:
            what = f"effect: {type(effect).__name__}"
            if worker in before.living:
                doom = Crash(worker, after=nth)
                yield doom, Boundary(what, Moment.BEFORE), _AHEAD
                yield Crash(worker, after=nth + 1), Boundary(what, Moment.AFTER), _AHEAD


def _at_birth(asked: list[effects.Effect], world: World) -> Iterator[_Death]:
    """In this step a worker is started: it dies in its start, and as soon as it is there."""
    for effect in asked:
        if isinstance(effect, effects.SpawnWorker) and world.bodies[effect.worker].alive:
            what = "effect: SpawnWorker"
            yield NextStart(Start.REFUSED), Boundary(what, Moment.BEFORE), _AHEAD
            yield NextStart(Start.EXITS), Boundary(what, Moment.IN), _AHEAD
            yield Crash(effect.worker), Boundary(what, Moment.AFTER), _AFTERWARDS
            for said in world.bodies[effect.worker].facts:
                greeting = f"frame from a worker: {said.kind}"
                yield NextStart(Start.EXITS), Boundary(greeting, Moment.BEFORE), _AHEAD

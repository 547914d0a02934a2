"""A loop: a trace whose last steps lead back to where they begin, so that they may go on for ever.

What is broken by never happening shows itself in no run that comes to an end. So the last steps
are run several times round; if that changes nothing of the pool and its workers, and passes
nobody over who could act all along, then a fair run may do so for ever, and is judged as one in
which nothing else will happen.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import define, field

from machines import trace
from machines.explore import body_form
from machines.explore.core_form import CoreForm
from machines.run import Run, moves_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from machines.counterexample import Counterexample
    from machines.drivers import Layer
    from machines.drivers.driver import MakeDriver
    from machines.parts import Parts
    from machines.run import Report
    from machines.trace import Command
    from machines.world import World
    from model.checker import Checker

LAPS: Final = 3
# What a fair schedule does by itself; with anything else in it, a loop is somebody's wish.
_FAIR: Final = (
    trace.Deliver,
    trace.Receive,
    trace.Open,
    trace.Continue,
    trace.Divert,
    trace.Advance,
)


def begins(example: Counterexample) -> int | None:
    """The index of the step with which the loop begins; None if the example is no loop."""
    said = example.origin.get("loop", "")
    if not said.isdecimal() or not 1 <= int(said) <= len(example.steps):
        return None
    return int(said) - 1


def execute(
    example: Counterexample,
    layer: Layer,
    parts: Parts,
    *,
    driver: MakeDriver | None = None,
    promises: Iterable[type[Checker]],
) -> Report:
    """The example has run, and if its loop goes round for ever, it was judged as if it had.

    If it does not, the run was brought to its end like any other.

    Args:
        example: one that is a loop.
        layer: where it runs.
        parts: the pool, perhaps with a bug planted in it.
        driver: makes the driver; the layer's own unless given.
        promises: what the run is held against.
    """
    begin = begins(example) or 0
    before, round_ = example.steps[:begin], example.steps[begin:]
    with Run(example.setting, layer, parts, driver=driver, promises=promises) as run:
        for command in before:
            run.do(command)
        stood, laps = _standing(run.world), _Laps(run.world)
        once = 0
        for _ in range(LAPS):
            for command in round_:
                laps.see(command)
                run.do(command)
            once = once or len(run.world.log)
            if run.violation is not None or run.impossible or _standing(run.world) != stood:
                return run.finish()
        if not laps.fair:
            return run.finish()
        report = run.stand_still(laps.ready)
    steps = len(example.steps)
    showed = (*report.showed[: steps + 1], report.showed[-1])
    broken = None if report.violation is None else steps
    return attrs.evolve(
        report, steps=example.steps, step=broken, log=report.log[:once], showed=showed
    )


@define
class _Laps:
    """What could be done all round, and what was done.

    Attributes:
        ready: the most workers that were ready at any time.
    """

    world: World
    ready: int = 0
    _always: set[tuple[Any, ...]] | None = None
    _done: set[tuple[Any, ...]] = field(factory=set)
    _wished: bool = False

    def see(self, command: Command) -> None:
        """The command comes next."""
        could = {_actor(move) for body in self.world.active.values() for move in moves_of(body)}
        could |= {_actor(trace.Divert(task)) for task in self.world.diverted}
        self._always = could if self._always is None else self._always & could
        self._done.add(_actor(command))
        self._wished |= not isinstance(command, _FAIR)
        self.ready = max(self.ready, self.world.ready)

    @property
    def fair(self) -> bool:
        """Whether nobody who could act all along was passed over, and nothing was wished for."""
        return not self._wished and (self._always or set()) <= self._done


def _actor(command: Command) -> tuple[Any, ...]:
    """Who acts: a worker's deliveries, its receives, a task's gate, or the clock."""
    number = getattr(command, "worker", getattr(command, "task", None))
    return (type(command).__name__, number)


def _standing(world: World) -> Any:
    """All that decides how it goes on, its times counted from now."""
    timers = [(t.kind.value, t.number, round(at - world.now, 6)) for t, at in world.timers.items()]
    bodies = [
        (number, body_form.freeze(copy.deepcopy(body))) for number, body in world.active.items()
    ]
    core = CoreForm(world.core).freeze(world.core, world.now)
    return core, sorted(timers), sorted(bodies), list(world.diverted), world.closed

"""Why: the nearest trace that passes, and the step after which the violation becomes likely.

A counterexample says what happened, not what of it mattered. Two questions help: what is the least
change of its schedule with which the promise holds; and if the rest of the schedule had been left
to chance after so many steps, how often would it have been broken?
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from machines import fifo
from machines.drivers import Layer
from machines.nearest import goes_on, nearest
from machines.parts import POOL, Parts
from machines.run import Run, execute
from machines.smaller import without
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from machines.nearest import Passing
    from machines.run import Report
    from machines.trace import Command, Trace
    from model.checker import Checker

RUNS: Final = 100
LIKELY: Final = 0.5


@frozen
class Why:
    """What can be said of why a trace breaks its promise.

    Attributes:
        trace: the failing one; every step of it is possible.
        report: of its run.
        passing: the nearest one that passes; None if none was found.
        chances: for each number of steps, none to all, in what part of the runs the promise is
            broken if the schedule is left to chance after so many.
    """

    trace: Trace
    report: Report = field(repr=False)
    passing: Passing | None
    chances: tuple[float, ...]

    @property
    def likely_after(self) -> int:
        """After so many steps the violation has become likely, and stays so."""
        unlikely = [at for at, chance in enumerate(self.chances) if chance < LIKELY]
        return unlikely[-1] + 1 if unlikely else 0


def why(
    whole: Trace,
    promise: str,
    layer: Layer = Layer.SIM,
    parts: Parts = POOL,
    *,
    promises: Iterable[type[Checker]] = PROMISES,
    runs: int = RUNS,
    after_each: Callable[[], None] = lambda: None,
) -> Why:
    """What can be said of why the trace breaks the promise is returned.

    Args:
        whole: a trace that breaks it.
        promise: its name.
        layer: `sim` or `wire`.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
        runs: how many for each chance.
        after_each: is called when the nearest trace is known, and then each chance.

    Raises:
        ValueError: the trace does not break the promise.
    """
    held = tuple(promises)
    report = execute(whole, layer, parts, promises=held)
    if report.violation is None or report.violation.promise != promise:
        raise ValueError(f"the trace does not break {promise} on {layer}")
    if report.impossible:
        whole = without(whole, set(report.impossible))
        report = execute(whole, layer, parts, promises=held)
    passing = nearest(whole, layer, parts, held)
    after_each()
    left = _Left(whole, promise, layer, parts, held)
    chances = []
    for after in range(len(whole.steps) + 1):
        chances.append(left.chance(after, runs))
        after_each()
    return Why(whole, report, passing, tuple(chances))


@frozen
class _Left:
    """A trace of which the rest of the schedule is left to chance."""

    whole: Trace
    promise: str
    layer: Layer
    parts: Parts
    promises: tuple[type[Checker], ...]

    def chance(self, after: int, runs: int) -> float:
        """In what part of so many runs the promise is broken, if after so many steps it is."""
        broken = sum(self._broken(after, random.Random(f"{after} {at}")) for at in range(runs))  # noqa: S311 - a seed, no secret
        return broken / runs

    def _broken(self, after: int, chance: random.Random) -> bool:
        with Run(self.whole.setting, self.layer, self.parts, promises=self.promises) as run:
            for step in self.whole.steps[:after]:
                run.do(step)
            _go_on(run, self.whole.steps[after:], chance)
            violation = run.finish().violation
        return violation is not None and violation.promise == self.promise


def _go_on(run: Run, rest: Sequence[Command], chance: random.Random) -> None:
    """What clients, faults and the clock do comes in its order; what goes on by itself, at random.

    As many steps of the schedule are drawn as the trace had left.
    """
    given = [step for step in rest if not goes_on(step)]
    moves = len(rest) - len(given)
    while given or moves:
        if chance.randrange(len(given) + moves) < len(given):
            run.do(given.pop(0))
            continue
        moves -= 1
        able = list(fifo.able(run.world))
        if able:
            run.do(chance.choice(able))

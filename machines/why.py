"""Why: the nearest trace that passes, and the step after which the violation becomes likely.

A counterexample says what happened, not what of it mattered. Two questions help: what is the least
change of its schedule with which the promise holds; and if the rest of the schedule had been left
to chance after so many steps, how often would it have been broken?
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines import fifo, trace
from machines.drivers import Layer
from machines.parts import POOL, Parts
from machines.plain import plain_step
from machines.run import Run, execute
from machines.trace import Trace
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from machines.run import Report
    from machines.trace import Command
    from model.checker import Checker

RUNS: Final = 100
LIKELY: Final = 0.5
_SCHEDULE: Final = (trace.Deliver, trace.Receive, trace.Open, trace.Continue, trace.Divert)


@frozen
class Passing:
    """The nearest trace with which the promise holds.

    Attributes:
        trace: it differs from the failing one in one change.
        change: what that is, in words.
        parts_at: the index of the first step at which the two part.
        report: of its run.
    """

    trace: Trace
    change: str
    parts_at: int
    report: Report


@frozen
class Why:
    """What can be said of why a trace breaks its promise.

    Attributes:
        trace: the failing one.
        report: of its run.
        passing: the nearest one that passes; None if none was found.
        chances: for each number of steps, none to all, how often in a hundred the promise is broken
            if the schedule is left to chance after so many.
    """

    trace: Trace
    report: Report
    passing: Passing | None
    chances: tuple[float, ...]

    @property
    def likely_after(self) -> int:
        """After so many steps the violation has become likely, and stays so."""
        unlikely = [at for at, chance in enumerate(self.chances) if chance < LIKELY]
        return unlikely[-1] + 1 if unlikely else 0

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        violation, passing = self.report.violation, self.passing
        near = None
        if passing is not None:
            near = {
                "change": passing.change,
                "parts_at": passing.parts_at,
                "steps": [plain_step(step) for step in passing.trace.steps],
            }
        return {
            "promise": None if violation is None else violation.promise,
            "step": self.report.step,
            "passing": near,
            "chances": list(self.chances),
            "likely_after": self.likely_after,
        }


def why(
    whole: Trace,
    promise: str,
    layer: Layer = Layer.SIM,
    parts: Parts = POOL,
    *,
    promises: Iterable[type[Checker]] = PROMISES,
    runs: int = RUNS,
) -> Why:
    """What can be said of why the trace breaks the promise is returned.

    Args:
        whole: a trace that breaks it.
        promise: its name.
        layer: `sim` or `wire`.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
        runs: how many for each chance.

    Raises:
        ValueError: the trace does not break the promise.
    """
    held = tuple(promises)
    report = execute(whole, layer, parts, promises=held)
    if report.violation is None or report.violation.promise != promise:
        raise ValueError(f"the trace does not break {promise} on {layer}")
    passing = _nearest(whole, layer, parts, held)
    chances = tuple(
        _chance(whole, at, promise, layer, parts, held, runs) for at in range(len(whole.steps) + 1)
    )
    return Why(whole, report, passing, chances)


def _nearest(
    whole: Trace, layer: Layer, parts: Parts, held: tuple[type[Checker], ...]
) -> Passing | None:
    """The first change with which nothing is broken, and every step is possible."""
    for change, steps in _changes(whole.steps):
        report = execute(Trace(whole.setting, steps), layer, parts, promises=held)
        if report.violation is None and not report.impossible and not report.unknown:
            pairs = zip(whole.steps, steps, strict=False)
            shorter = min(len(whole.steps), len(steps))
            at = next((k for k, (a, b) in enumerate(pairs) if a != b), shorter)
            return Passing(Trace(whole.setting, steps), change, at, report)
    return None


def _changes(steps: tuple[Command, ...]) -> Iterator[tuple[str, tuple[Command, ...]]]:
    """One change each; of the schedule alone first, and the nearest, latest ones first."""
    for schedule in (True, False):
        for apart in range(1, len(steps)):
            for at in range(len(steps) - apart - 1, -1, -1):
                mine = isinstance(steps[at], _SCHEDULE) or isinstance(steps[at + apart], _SCHEDULE)
                if mine is schedule:
                    yield from _moved(steps, at, at + apart)
    for at in range(len(steps) - 1, -1, -1):
        yield f"step {at + 1} is left out", (*steps[:at], *steps[at + 1 :])


def _moved(
    steps: tuple[Command, ...], at: int, to: int
) -> Iterator[tuple[str, tuple[Command, ...]]]:
    between = steps[at + 1 : to]
    first, last = steps[at], steps[to]
    late = (*steps[:at], *between, last, first, *steps[to + 1 :])
    yield f"step {at + 1} comes after step {to + 1}", late
    if between:
        early = (*steps[:at], last, first, *between, *steps[to + 1 :])
        yield f"step {to + 1} comes before step {at + 1}", early


def _chance(
    whole: Trace,
    after: int,
    promise: str,
    layer: Layer,
    parts: Parts,
    held: tuple[type[Checker], ...],
    runs: int,
) -> float:
    """How often the promise is broken if the schedule is left to chance after so many steps."""
    broken = 0
    for number in range(runs):
        chance = random.Random(f"{after} {number}")  # noqa: S311 - a seed, no secret
        with Run(whole.setting, layer, parts, promises=held) as run:
            for step in whole.steps[:after]:
                run.do(step)
            _go_on(run, whole.steps[after:], chance)
            violation = run.finish().violation
        broken += violation is not None and violation.promise == promise
    return broken / runs


def _go_on(run: Run, rest: Sequence[Command], chance: random.Random) -> None:
    """What clients, faults and the clock do comes in its order, and at random what goes on."""
    given = [step for step in rest if not isinstance(step, _SCHEDULE)]
    moves = len(rest) - len(given)
    while given or moves:
        if chance.randrange(len(given) + moves) < len(given):
            run.do(given.pop(0))
            continue
        moves -= 1
        able = list(fifo.able(run.world))
        if able:
            run.do(chance.choice(able))

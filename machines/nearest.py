"""Nearest: the least change of a failing trace with which its promise holds.

What is tried first is nearest. One change of what goes on by itself (a delivery, a frame taken, a
gate opened): it comes earlier, later or only in the fair ending, or one more comes. Then one fault,
or one move of the clock, at another time; then two and three changes of the first kind. Only then
what clients ask for in another order, and without one step: that is no longer the same schedule's
doing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from machines import trace
from machines.fifo import able
from machines.run import Run
from machines.story import tell
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.run import Report
    from machines.trace import Command
    from model.checker import Checker

    Steps: TypeAlias = tuple[Command, ...]
    Kind: TypeAlias = Callable[[Command], bool]
    Way: TypeAlias = Callable[["_Tried"], Iterator[tuple[str, Steps]]]

RUNS_MAX: Final = 3_000
CHANGES_MAX: Final = 3
_SCHEDULE: Final = (trace.Deliver, trace.Receive, trace.Open, trace.Continue, trace.Divert)
_CLIENTS: Final = (
    trace.Submit,
    trace.OpenSession,
    trace.Reopen,
    trace.CloseSession,
    trace.Cancel,
    trace.Kill,
    trace.Shutdown,
)


class Differs(StrEnum):
    """In what two traces differ."""

    SCHEDULE = "schedule"
    TIMING = "timing"  # of faults, and of the clock
    ORDER = "order"  # of what clients ask for
    STEP = "step"


@frozen
class Passing:
    """The nearest trace with which the promise holds.

    Attributes:
        trace: every step of it is possible.
        differs: in what it differs from the failing one.
        changes: what makes it of the failing one, in words, one after the other.
        parts_at: the index of the first step at which the two part.
        report: of its run.
    """

    trace: Trace
    differs: Differs
    changes: tuple[str, ...]
    parts_at: int
    report: Report = field(repr=False)


@frozen
class _Tried:
    """A trace that was run.

    Attributes:
        steps: those of it that were possible, and those after a broken promise.
        changes: as in `Passing`.
        report: of the run.
        offered: what could go on by itself before each step that was done, and after the last.
    """

    steps: Steps
    changes: tuple[str, ...]
    report: Report
    offered: tuple[Steps, ...]

    @property
    def whole(self) -> bool:
        """Nobody's wish, no fault and no move of the clock became impossible."""
        return all(goes_on(self.report.steps[at]) for at in self.report.impossible)

    @property
    def passes(self) -> bool:
        """Nothing is broken, nor left unknown."""
        return self.whole and self.report.violation is None and not self.report.unknown


def goes_on(step: Command) -> bool:
    """Whether the step is of the schedule alone: nobody's wish, no fault, no move of the clock."""
    return isinstance(step, _SCHEDULE)


def _asked(step: Command) -> bool:
    return isinstance(step, _CLIENTS)


def _happens(step: Command) -> bool:
    return not goes_on(step) and not _asked(step)


def nearest(
    whole: Trace,
    layer: Layer,
    parts: Parts,
    promises: Iterable[type[Checker]],
    runs_max: int = RUNS_MAX,
) -> Passing | None:
    """The first trace that passes of those that are tried is returned; None if none does.

    Args:
        whole: the failing one.
        layer: `sim` or `wire`.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
        runs_max: so many runs at most for each kind of change.
    """
    return _Search(whole, layer, parts, promises, runs_max).nearest()


class _Search:
    """Runs ever farther traces; none of them twice."""

    def __init__(
        self,
        whole: Trace,
        layer: Layer,
        parts: Parts,
        promises: Iterable[type[Checker]],
        runs_max: int,
    ) -> None:
        self._whole, self._layer, self._parts = whole, layer, parts
        self._promises, self._runs_max = tuple(promises), runs_max
        self._known: set[Steps] = {whole.steps}

    def nearest(self) -> Passing | None:
        first = [self._run(self._whole.steps, ())]
        once: list[_Tried] = []
        ways: tuple[tuple[Differs, Iterator[_Tried]], ...] = (
            (Differs.SCHEDULE, _kept(self._changed(first, _rescheduled), once)),
            (Differs.TIMING, self._changed(first, lambda of: _moved(of.steps, _happens))),
            (Differs.SCHEDULE, self._several(once)),
            (Differs.ORDER, self._changed(first, lambda of: _moved(of.steps, _asked))),
            (Differs.STEP, self._changed(first, _left_out)),
        )
        for differs, farther in ways:
            found = self._least(farther, differs)
            if found is not None:
                return found
        return None

    def _least(self, farther: Iterator[_Tried], differs: Differs) -> Passing | None:
        """The first that passes with every step possible, or else with the fewest impossible."""
        best: Passing | None = None
        lost_least = len(self._whole.steps) + CHANGES_MAX
        for tried in farther:
            lost = len(tried.report.impossible)
            if tried.passes and lost < lost_least:
                best, lost_least = self._passing(tried, differs) or best, lost
            if best is not None and lost_least == 0:
                break
        return best

    def _several(self, level: list[_Tried]) -> Iterator[_Tried]:
        """Two changes of the schedule, then three, while there are runs left for them."""
        for _ in range(CHANGES_MAX - 1):
            after: list[_Tried] = []
            yield from _kept(self._changed(level, _rescheduled), after)
            level = after

    def _changed(self, level: list[_Tried], way: Way) -> Iterator[_Tried]:
        runs = 0
        for base in level:
            for change, steps in way(base):
                if steps in self._known:
                    continue
                if runs == self._runs_max:
                    return
                runs += 1
                self._known.add(steps)
                yield self._run(steps, (*base.changes, change))

    def _run(self, steps: Steps, changes: tuple[str, ...]) -> _Tried:
        offered: list[Steps] = []
        with Run(self._whole.setting, self._layer, self._parts, promises=self._promises) as run:
            for step in steps:
                offered.append(tuple(able(run.world)))
                if not run.do(step):
                    offered.pop()
            offered.append(tuple(able(run.world)))
            report = run.finish()
        gone = set(report.impossible)
        done = tuple(step for at, step in enumerate(steps) if at not in gone)
        return _Tried(done, changes, report, tuple(offered))

    def _passing(self, tried: _Tried, differs: Differs) -> Passing | None:
        """What was possible of it, run once more by itself."""
        again = self._run(tried.steps, tried.changes)
        if not again.passes or again.report.impossible:
            return None
        failing = self._whole.steps
        pairs = enumerate(zip(failing, again.steps, strict=False))
        shorter = min(len(failing), len(again.steps))
        at = next((at for at, (one, other) in pairs if one != other), shorter)
        left = Trace(self._whole.setting, again.steps)
        return Passing(left, differs, tried.changes, at, again.report)


def _kept(those: Iterator[_Tried], kept: list[_Tried]) -> Iterator[_Tried]:
    """Those that can be changed further are kept."""
    for tried in those:
        if tried.whole:
            kept.append(tried)
        yield tried


def _rescheduled(base: _Tried) -> Iterator[tuple[str, Steps]]:
    """One step of the schedule comes at another time, only in the fair ending, or in addition."""
    steps = base.steps
    yield from _moved(steps, goes_on)
    for at in range(len(steps) - 1, -1, -1):
        if goes_on(steps[at]):
            rest = (*steps[:at], *steps[at + 1 :])
            yield f"{_said(steps[at])} is left to the fair ending", rest
    for at in range(len(base.offered) - 1, -1, -1):
        place = f"before {_said(steps[at])}" if at < len(steps) else "before the fair ending"
        for move in base.offered[at]:
            more = (*steps[:at], move, *steps[at:])
            yield f"{_said(move)} comes {place}", more


def _moved(steps: Steps, kind: Kind) -> Iterator[tuple[str, Steps]]:
    """One step of this kind comes after or before another; over few others, and late, first."""
    for apart in range(1, len(steps)):
        for at in range(len(steps) - apart - 1, -1, -1):
            to = at + apart
            first, last, between = steps[at], steps[to], steps[at + 1 : to]
            if kind(first):
                late = (*steps[:at], *between, last, first, *steps[to + 1 :])
                yield f"{_said(first)} comes after {_said(last)}", late
            if kind(last):
                early = (*steps[:at], last, first, *between, *steps[to + 1 :])
                yield f"{_said(last)} comes before {_said(first)}", early


def _left_out(base: _Tried) -> Iterator[tuple[str, Steps]]:
    steps = base.steps
    for at in range(len(steps) - 1, -1, -1):
        yield f"{_said(steps[at])} never comes", (*steps[:at], *steps[at + 1 :])


def _said(step: Command) -> str:
    return f"“{tell(step)}”"

"""The trace shrinker: the smallest trace that still breaks the same promise.

Works on the trace itself, in a simulation, without Hypothesis: because commands name what they
mean, cutting one does not change the others. First ever smaller pieces are cut out, and all that
`smaller.py` has is tried, until nothing more helps. Then `wander.py` looks around for a shorter
trace, and each that it finds is cut in turn. At the end no single removal and no single
simplification keeps the violation: the certificate names each that was tried.

A trace is smaller if it has fewer steps; of as many, if its setting, then its arguments, are
simpler; then, if its schedule is nearer to first in, first out.

Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), for the
cutting by halves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.drivers import Layer
from machines.garbage import set_aside
from machines.neighbours import neighbours
from machines.parts import POOL, Parts
from machines.run import execute
from machines.singles import certificate, singles
from machines.smaller import VARIANTS, renumbered, without
from machines.wander import Wanderer
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from machines.certificate import Certificate
    from machines.trace import Trace
    from model.checker import Checker

_IN_ALL: Final = 1.5  # times the walks in vain, at most
_LONG: Final = 12
# Steps that were run, and so many more for each run: then nobody looks around any more.
EFFORT_MAX: Final = 500_000
_START: Final = 10
_COST: Final = {Layer.SIM: 1, Layer.WIRE: 2}  # of a step, about
# Of few steps there are not many shorter ones, and its neighbours were nearly all of them.
_PART: Final = {0: 0.0, 1: 0.0, 2: 0.1, 3: 0.5}


@frozen
class Shrunk:
    """What is left of a trace.

    Attributes:
        trace: it breaks the promise, and nothing of it can be left out.
        certificate: what was tried in vain to make it smaller.
        tried: how many traces were tried in all.
    """

    trace: Trace
    certificate: Certificate
    tried: int


def shrink(
    start: Trace,
    promise: str,
    layer: Layer = Layer.SIM,
    parts: Parts = POOL,
    *,
    promises: Iterable[type[Checker]] = PROMISES,
    walks: int = 0,
    after_each: Callable[[int], None] = lambda _: None,
) -> Shrunk:
    """A trace that breaks the same promise and of which nothing can be left out is returned.

    Args:
        start: a trace that breaks the promise.
        promise: its name, as S1.
        layer: `sim` or `wire`; never real processes.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
        walks: so many random short runs in vain end the search for a shorter one; 0 for none.
        after_each: is told the number of steps left, whenever there are fewer.

    Raises:
        ValueError: the layer is `real`, or the trace does not break the promise.
    """
    if layer is Layer.REAL:
        raise ValueError("shrinking never happens on real processes; shrink on sim or wire")
    with set_aside():
        return _Shrinker(promise, layer, parts, tuple(promises), after_each).shrink(start, walks)


class _Shrinker:
    """Shrinks one trace; remembers what it has tried."""

    def __init__(
        self,
        promise: str,
        layer: Layer,
        parts: Parts,
        promises: tuple[type[Checker], ...],
        after_each: Callable[[int], None],
    ) -> None:
        self._promise, self._layer, self._parts = promise, layer, parts
        self._promises = promises
        self._after_each = after_each
        self._effort = 0
        self._known: dict[Trace, Trace | None] = {}
        self._variants: tuple[Callable[[Trace], Iterator[Trace]], ...] = (*VARIANTS, self._singles)

    def shrink(self, start: Trace, walks: int) -> Shrunk:
        """The smallest trace that was found."""
        best = self._attempt(start)
        if best is None:
            raise ValueError(f"the trace does not break {self._promise} on {self._layer}")
        if walks:  # what is long still is soon shortened so, and costs the most to go through
            best = self._cut(best)
            if len(best.steps) > _LONG:
                best = self._wander(start, best, walks // 4)
        best = self._local(best)
        if walks:
            best = self._wander(start, self._sideways(best), walks)
        while (named := self._attempt(renumbered(best))) is not None and named != best:
            best = self._local(named)
        shown = certificate(best, self._promise, self._layer, self._parts, self._breaks)
        return Shrunk(best, shown, len(self._known))

    def _attempt(self, candidate: Trace) -> Trace | None:
        """What is left of the candidate without its impossible steps, if it still breaks it."""
        if candidate not in self._known:
            self._known[candidate] = self._tried(candidate)
        return self._known[candidate]

    def _tried(self, candidate: Trace) -> Trace | None:
        self._spend(len(candidate.steps))
        report = execute(candidate, self._layer, self._parts, promises=self._promises)
        if report.violation is None or report.violation.promise != self._promise:
            return None
        assert report.step is not None  # noqa: S101 - a violation has its step
        beyond = range(report.step + 1, len(candidate.steps))
        return without(candidate, {*report.impossible, *beyond})

    def _spend(self, steps: int) -> None:
        self._effort += (_START + steps) * _COST[self._layer]

    def _breaks(self, candidate: Trace) -> bool:
        return self._attempt(candidate) is not None

    def _local(self, best: Trace) -> Trace:
        """Nothing that is tried on it helps any more."""
        while (smaller := self._pass(best)) != best:
            best = smaller
        return best

    def _pass(self, best: Trace) -> Trace:
        while (shorter := self._cut(best)) != best:
            best = shorter
            self._after_each(len(best.steps))
        for variants in self._variants:
            while (better := self._first(variants(best))) is not None:
                best = better
        return best

    def _cut(self, best: Trace) -> Trace:
        """Ever smaller pieces are left out, down to single commands."""
        size = len(best.steps)
        while size >= 1:
            at = len(best.steps) - size
            while at >= 0:
                shorter = self._attempt(without(best, set(range(at, at + size))))
                if shorter is not None:
                    best = shorter
                    at = min(at, len(best.steps))
                at -= size
            size //= 2
        return best

    def _first(self, variants: Iterator[Trace]) -> Trace | None:
        """The first variant that still breaks the promise."""
        return next(filter(None, map(self._attempt, variants)), None)

    def _sideways(self, best: Trace) -> Trace:
        """Nothing that differs from it in little can be cut to fewer steps."""
        while (shorter := self._shorter_near(best)) is not None:
            best = self._local(shorter)
        return best

    def _shorter_near(self, best: Trace) -> Trace | None:
        """A neighbour with fewer steps, or with one step less."""
        size = len(best.steps)
        for variant in neighbours(best, self._layer, self._parts):
            if self._effort >= EFFORT_MAX:
                break
            left = self._attempt(variant)
            if left is not None and len(left.steps) >= size:
                left = self._first(without(left, {at}) for at in range(size - 1, -1, -1))
            if left is not None:
                return left
        return None

    def _wander(self, start: Trace, best: Trace, walks: int) -> Trace:
        """A shorter trace, if one was found before so many runs were in vain."""
        wanderer = Wanderer(start, self._layer, self._parts, self._promises)
        near, vain = best, 0
        for _ in range(int(walks * _IN_ALL)):
            if vain >= walks * _PART.get(len(best.steps), 1.0) or self._effort >= EFFORT_MAX:
                break
            vain += 1
            self._spend(min(len(near.steps), _LONG))
            found, broken = wanderer.wander(near)
            if broken != self._promise or (left := self._attempt(found)) is None:
                continue
            if len(left.steps) < len(best.steps):
                best = near = self._sideways(self._local(left))
                vain = 0
            elif len(left.steps) == len(best.steps):
                near = left
        return best

    def _singles(self, whole: Trace) -> Iterator[Trace]:
        return (variant for _, _, variant in singles(whole, self._parts))

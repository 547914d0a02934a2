"""Performance regressions: where a series of durations or figures changed its level, for good.

Where it may have changed says `ruptures`: change points of the ranks, so that a single slow run
weighs no more than any other. Whether it did says a Mann-Whitney test of the runs before against
those after. The place was chosen because it looks like a change, so the chance is multiplied by the
number of places that could have been chosen, and then corrected for the number of series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve, frozen
from scipy import stats  # type: ignore[import-untyped]

from machines.history.facts import MORE_IS_WORSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from machines.history.past import Past

CONFIDENCE: Final = 0.95
LEAST: Final = 0.03  # a change of less than this part of the level is none that one acts upon
RUNS_MIN: Final = 5  # a level is one if it lasts so many runs
SECONDS_MIN: Final = 0.01  # what a test must take for its duration to be more than overhead
_PENALTY: Final = 2.0  # in the ranks' variance times log(n): Schwarz's, for a level and its place


@frozen(eq=False)
class Series:
    """One figure over the runs, the oldest first.

    Attributes:
        name: what was measured.
        unit: in what.
        values: of each run in which it was.
        runs: the places of these runs in the past.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    runs: tuple[int, ...]


@frozen
class Change:
    """A lasting change of a series' level.

    Attributes:
        name: of the series.
        unit: of it.
        run: the place of the first run with the new level.
        before: the median of the level before.
        after: the median of the new level.
        runs_before: of so many runs.
        runs_after: of so many.
        chance: that it is none, corrected.
    """

    name: str
    unit: str
    run: int
    before: float
    after: float
    runs_before: int
    runs_after: int
    chance: float

    @property
    def by(self) -> float:
        """The change as a part of the level before."""
        return self.after / self.before - 1 if self.before else float("inf")

    @property
    def worse(self) -> bool:
        """Whether it is a regression rather than an improvement."""
        return (self.after > self.before) == (self.unit in MORE_IS_WORSE)

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "series": self.name,
            "unit": self.unit,
            "verdict": "regression" if self.worse else "improvement",
            "before": float(f"{self.before:.4g}"),
            "after": float(f"{self.after:.4g}"),
            "by": round(self.by, 4),
            "runs": [self.runs_before, self.runs_after],
            "chance": float(f"{self.chance:.3g}"),
        }


def series_of(past: Past) -> list[Series]:
    """What can be compared over the runs, on the machine of the last one.

    Tests are those that passed, and take more than `SECONDS_MIN`; figures are those with a unit
    in which something can be better or worse.

    Args:
        past: the runs.
    """
    if not past.runs:
        return []
    machine = past.runs[-1].machine
    alike = np.array([run.machine == machine for run in past.runs])
    return sorted([*_tests(past, alike), *_figures(past, alike)], key=lambda one: one.name)


def _tests(past: Past, alike: Any) -> Iterator[Series]:
    chosen = alike[past.run] & ~past.failed
    test, run, seconds = past.test[chosen], past.run[chosen], past.seconds[chosen]
    order = np.lexsort((run, test))
    test, run, seconds = test[order], run[order], seconds[order]
    starts = np.flatnonzero(np.diff(test, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(test)], strict=True):
        values = seconds[start:end]
        if len(values) >= 2 * RUNS_MIN and np.median(values) >= SECONDS_MIN:
            name = past.tests[test[start]]
            yield Series(name, "s", values, tuple(int(at) for at in run[start:end]))


def _figures(past: Past, alike: Any) -> Iterator[Series]:
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for one in past.figures:
        if alike[one.run] and one.unit not in ("%", "tests", ""):
            found.setdefault((one.name, one.unit), []).append((one.run, one.value))
    for (name, unit), rows in sorted(found.items()):
        if len(rows) >= 2 * RUNS_MIN:
            values = np.array([value for _, value in rows])
            yield Series(name, unit, values, tuple(run for run, _ in rows))


def changes(many: Sequence[Series], least: float = LEAST) -> list[Change]:
    """The last change of each series that has one is returned, regressions first.

    Args:
        many: the series.
        least: a smaller part of the level is not reported.
    """
    last = [(one, change) for one in many if (change := last_change(one)) is not None]
    if not last:
        return []
    # Those without a candidate count among the tests: their chance is one.
    chances = np.ones(len(many))
    chances[: len(last)] = [change.chance for _, change in last]
    corrected = stats.false_discovery_control(chances)[: len(last)]
    found = [
        evolve(change, chance=float(chance))
        for (_, change), chance in zip(last, corrected, strict=True)
        if chance <= 1 - CONFIDENCE and abs(change.by) >= least
    ]
    return sorted(found, key=lambda one: (not one.worse, -abs(one.by), one.name))


def last_change(series: Series) -> Change | None:
    """The last place where the level may have changed, with the chance that it did not.

    Args:
        series: which.

    Returns:
        None if there is no such place.
    """
    bounds = [0, *levels(series.values)]
    if len(bounds) < 3:
        return None
    start, at, end = bounds[-3:]
    before, after = series.values[start:at], series.values[at:end]
    places = end - start - 2 * RUNS_MIN + 1
    chance = stats.mannwhitneyu(before, after, alternative="two-sided", method="asymptotic").pvalue
    return Change(
        name=series.name,
        unit=series.unit,
        run=series.runs[at],
        before=float(np.median(before)),
        after=float(np.median(after)),
        runs_before=len(before),
        runs_after=len(after),
        chance=min(1.0, float(chance) * places),
    )


def levels(values: NDArray[np.float64]) -> list[int]:
    """Where each level ends that the series may have had, the last with the series.

    Args:
        values: the oldest first; more than one for a level.
    """
    import ruptures  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes half a second

    count = len(values)
    if count < 2 * RUNS_MIN or np.ptp(values) == 0:
        return [count]
    ranks = stats.rankdata(values) / count
    search = ruptures.KernelCPD(kernel="linear", min_size=RUNS_MIN)
    penalty = _PENALTY * float(np.var(ranks)) * np.log(count)
    return [int(end) for end in search.fit(ranks.reshape(-1, 1)).predict(pen=penalty)]

"""Trends: how coverage and durations went, and which tests take longest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen
from scipy import stats  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from machines.history.past import Past

BARS: Final = "▁▂▃▄▅▆▇█"
BEFORE_MAX: Final = 10  # the last coverage is held against so many before it
RUNS_MIN: Final = 3  # a trend has so many


@frozen
class Trend:
    """How one figure went.

    Attributes:
        name: what was measured.
        unit: in what.
        values: of each run that has it, the oldest first.
        drift: how much it rose over all these runs, by Theil and Sen's slope.
        low: of that slope's interval at 95 %, over all these runs.
        high: of the same.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    drift: float
    low: float
    high: float

    @property
    def moves(self) -> bool:
        """Whether it rises or falls for sure."""
        return self.low > 0 or self.high < 0

    @property
    def before(self) -> float:
        """The median of up to `BEFORE_MAX` runs before the last."""
        return float(np.median(self.values[-1 - BEFORE_MAX : -1] or self.values))

    def picture(self, width: int) -> str:
        """The last values as a row of bars."""
        shown = self.values[-width:]
        low, span = min(shown), max(shown) - min(shown)
        steps = [(value - low) / span if span else 0.0 for value in shown]
        return "".join(BARS[min(int(step * len(BARS)), len(BARS) - 1)] for step in steps)

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "runs": len(self.values),
            "last": round(self.values[-1], 4),
            "before": round(self.before, 4),
            "drift": round(self.drift, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
        }


@frozen
class Slow:
    """How long a test takes.

    Attributes:
        test: its name.
        median: seconds.
        p95: seconds.
        runs: in which it passed.
    """

    test: str
    median: float
    p95: float
    runs: int

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "test": self.test,
            "median_s": round(self.median, 4),
            "p95_s": round(self.p95, 4),
            "runs": self.runs,
        }


def trends(past: Past) -> list[Trend]:
    """How each figure went that was taken a few times, coverage first.

    Args:
        past: the runs; of those on other machines than the last one's only coverage counts.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for one in past.figures:
        alike = past.runs[one.run].machine == past.runs[-1].machine
        if alike or one.unit == "%":
            found.setdefault((one.name, one.unit), []).append(one.value)
    rows = [_trend(*key, values) for key, values in found.items() if len(values) >= RUNS_MIN]
    return sorted(rows, key=lambda one: (one.unit != "%", one.name))


def _trend(name: str, unit: str, values: Sequence[float]) -> Trend:
    slope = stats.theilslopes(values, np.arange(len(values)))
    span = len(values) - 1
    drift, low, high = (
        float(one) * span for one in (slope.slope, slope.low_slope, slope.high_slope)
    )
    return Trend(name, unit, tuple(values), drift, low, high)


def slowest(past: Past, count: int) -> list[Slow]:
    """The tests with the longest median are returned, the longest first.

    Args:
        past: the runs; those on other machines than the last one's do not count.
        count: so many.
    """
    if not past.runs:
        return []
    alike = np.array([run.machine == past.runs[-1].machine for run in past.runs])
    chosen = alike[past.run] & ~past.failed
    rows = []
    for at in np.unique(past.test[chosen]):
        seconds = past.seconds[chosen & (past.test == at)]
        median, p95 = (float(one) for one in np.quantile(seconds, (0.5, 0.95)))
        rows.append(Slow(past.tests[at], median, p95, len(seconds)))
    return sorted(rows, key=lambda one: (-one.median, one.test))[:count]


def dropped(many: Sequence[Trend], drop: float) -> list[Trend]:
    """The percentages whose last value lies further below those before than it may.

    Args:
        many: all trends.
        drop: points that it may lie below their median.
    """
    percent = [one for one in many if one.unit == "%"]
    return [one for one in percent if one.before - one.values[-1] > drop]

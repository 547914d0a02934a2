"""Performance: whether one run differs from another, with a stated confidence."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

Values = Sequence[float]

CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 4_000
_SEED: Final = 20_261_125  # the same values give the same interval
_VALUES_MIN: Final = 5


@frozen
class Comparison:
    """How much more, or less, the values of one run are than those of another.

    Attributes:
        what: what the values are.
        ratio: the later run's typical value as a multiple of the earlier one's.
        low: the true ratio is not below this, and not above `high`, with that confidence.
        high: see `low`.
        confidence: of the interval, between 0 and 1.
        counts: how many values there were of each.
    """

    what: str
    ratio: float
    low: float
    high: float
    confidence: float
    counts: tuple[int, int]

    @property
    def verdict(self) -> str:
        """`more`, `less`, or `undecided` if the interval has 1 in it."""
        if self.low > 1.0:
            return "more"
        return "less" if self.high < 1.0 else "undecided"

    def within(self, tolerance: float) -> bool:
        """Whether all of the interval lies within so much of 1.

        Args:
            tolerance: as a part of 1.
        """
        return 1.0 - tolerance <= self.low and self.high <= 1.0 + tolerance

    def __str__(self) -> str:
        percent = f"{self.confidence * 100:g} % confidence"
        interval = f"{self.ratio:.3f} times ({self.low:.3f} to {self.high:.3f}, {percent})"
        return f"{self.what}: {interval}: {self.verdict}"


def compare_runs(
    before: Values, after: Values, *, what: str = "values", confidence: float = CONFIDENCE
) -> Comparison:
    """Two runs that were made apart are compared by their medians.

    Args:
        before: the values of the earlier run, all positive.
        after: those of the later one.
        what: what they are.
        confidence: between 0 and 1.

    Raises:
        ValueError: there are fewer than five values, one is not positive, or no such confidence.
    """
    _check(before, after, confidence)
    ratio = statistics.median(after) / statistics.median(before)
    low, high = _interval((after, before), _ratio_of_medians, confidence, paired=False)
    return Comparison(what, ratio, low, high, confidence, (len(before), len(after)))


def compare_pairs(
    before: Values, after: Values, *, what: str = "values", confidence: float = CONFIDENCE
) -> Comparison:
    """Two runs whose values were measured by turns are compared pair by pair.

    What disturbs the machine for a while then disturbs both, and cancels.

    Args:
        before: the values of the one run, all positive.
        after: those of the other, of the same number.
        what: what they are.
        confidence: between 0 and 1.

    Raises:
        ValueError: as for `compare_runs`, or their numbers differ.
    """
    _check(before, after, confidence)
    if len(before) != len(after):
        raise ValueError(f"{len(before)} values and {len(after)} make no pairs")
    ratios = [math.log(late / early) for early, late in zip(before, after, strict=True)]
    low, high = _interval((ratios,), _median, confidence, paired=True)
    ratio = math.exp(statistics.median(ratios))
    counts = (len(before), len(after))
    return Comparison(what, ratio, math.exp(low), math.exp(high), confidence, counts)


def _check(before: Values, after: Values, confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    for values in (before, after):
        if len(values) < _VALUES_MIN:
            raise ValueError(
                f"{len(values)} values show nothing; at least {_VALUES_MIN} are needed"
            )
        if not all(0.0 < value < math.inf for value in values):
            raise ValueError(f"values must be positive, not {min(values)}")


def _interval(
    data: tuple[Values, ...], statistic: Any, confidence: float, *, paired: bool
) -> tuple[float, float]:
    """The interval of the statistic by resampling."""
    import numpy as np  # noqa: PLC0415 - as below
    from scipy import stats  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes long to load

    if all(len(set(values)) == 1 for values in data):
        same = float(statistic(*(np.asarray(values) for values in data), axis=-1))
        return same, same  # nothing varies, so nothing is uncertain
    found = stats.bootstrap(
        data,
        statistic,
        n_resamples=_RESAMPLES,
        confidence_level=confidence,
        method="percentile",
        paired=paired,
        vectorized=True,
        rng=np.random.default_rng(_SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _median(values: Any, axis: int) -> Any:
    import numpy as np  # noqa: PLC0415 - see above

    return np.median(values, axis=axis)


def _ratio_of_medians(after: Any, before: Any, axis: int) -> Any:
    return _median(after, axis) / _median(before, axis)

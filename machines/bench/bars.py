"""The bars: what ours must reach against its peers, all in one table, and whether it does."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.bench import measure
from machines.bench.launch import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from machines.bench.results import Results
    from machines.bench.spread import Spread

BEST_PEER: Final = "best peer"
FLAT_MIN: Final = 10_000_000
ROUNDS_MIN: Final = 5  # what a median must be of, or the bars together are not said to be reached


class Sense(StrEnum):
    """On which side of the bar the figure must be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"
    BELOW = "<"


@frozen
class Bar:
    """One bar.

    Attributes:
        measure: the measure's name.
        figure: the figure's name.
        sense: on which side ours must be.
        bound: where the bar lies: a ratio, or the figure itself if there is no `against`.
        against: whose figure ours is divided by; None for nobody's.
        ours: which of ours.
        rounds_min: how many rounds the median must be of, to be believed.
        samples_min: how much must have been done in each, for there to be a figure.
    """

    measure: str
    figure: str
    sense: Sense
    bound: float
    against: str | None = None
    ours: str = "ours-fork"
    rounds_min: int = ROUNDS_MIN
    samples_min: int = 0

    def admits(self, value: float) -> bool:
        """Whether this value reaches the bar."""
        if self.sense is Sense.AT_LEAST:
            return value >= self.bound
        return value < self.bound or (self.sense is Sense.AT_MOST and value == self.bound)


# The one place where the numbers stand.
BARS: Final = (
    Bar("throughput", "per_s", Sense.AT_LEAST, 2.5, "ppe-fork"),
    Bar("throughput", "per_s", Sense.AT_LEAST, 1.25, BEST_PEER),
    Bar("latency", "p50_us", Sense.AT_MOST, 0.5, "ppe-fork"),
    Bar("latency", "p50_us", Sense.AT_MOST, 0.75, BEST_PEER),
    Bar("latency", "p50_us", Sense.AT_MOST, 3.0, "pipe"),
    Bar("latency", "p99_us", Sense.AT_MOST, 1.0, BEST_PEER),
    Bar("echo_1k", "per_s", Sense.AT_LEAST, 1.0, BEST_PEER),
    Bar("echo_1m", "per_s", Sense.AT_LEAST, 1.0, BEST_PEER),
    Bar("fresh", "seconds", Sense.AT_MOST, 0.5, "ppe-forkserver", ours="ours-forkserver"),
    Bar("fresh", "seconds", Sense.AT_MOST, 1.0, "mp-pool"),
    Bar("recovery", "ms", Sense.AT_MOST, 50.0),
    Bar("recovery", "ms", Sense.AT_MOST, 100.0, ours="ours-forkserver"),
    Bar("recovery", "ms", Sense.BELOW, 1.0, BEST_PEER),
    Bar("recovery", "ms", Sense.BELOW, 1.0, BEST_PEER, ours="ours-forkserver"),
    Bar("telemetry", "cost_percent", Sense.AT_MOST, 3.0),
    Bar("recorder", "cost_percent", Sense.AT_MOST, 10.0),
    # Measured once; a byte that each no-op after the first tenth leaves behind would be nine.
    Bar("flat", "growth_mib", Sense.AT_MOST, 1.0, rounds_min=1, samples_min=FLAT_MIN),
)


@frozen
class Verdict:
    """One bar, judged.

    Attributes:
        bar: the bar.
        against: whose figure ours was divided by, the best peer by its name.
        figure: ours; None if there is none.
        value: what the bar was held against: the ratio, or the figure itself.
        reached: None if it could not be judged.
        why: why not, where it was not reached for want of a figure or could not be judged.
    """

    bar: Bar
    against: str | None
    figure: Spread | None
    value: Spread | None
    reached: bool | None
    why: str = ""

    @property
    def sure(self) -> bool:
        """Whether what was measured is of enough rounds to be believed."""
        return self.value is not None and len(self.value.rounds) >= self.bar.rounds_min

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "measure": self.bar.measure,
            "figure": self.bar.figure,
            "contestant": self.bar.ours,
            "against": self.against,
            "sense": self.bar.sense.value,
            "bar": self.bar.bound,
            "best_of": "peers" if self.bar.against == BEST_PEER else None,
            "measured": None if self.figure is None else self.figure.facts(),
            "value": None if self.value is None else self.value.facts(),
            "reached": self.reached,
            "rounds_min": self.bar.rounds_min,
            "why": self.why,
        }


def judge(bar: Bar, results: Results) -> Verdict:
    """The bar was held against the median of what was measured.

    A contestant of ours that breaks, hangs or fails where a figure was due has missed its bar.

    Args:
        bar: the bar.
        results: what was measured.
    """
    status = results.status(bar.ours, bar.measure)
    figure = results.spread(bar.ours, bar.measure, bar.figure)
    against = bar.against
    if against == BEST_PEER:
        against = results.best_peer(bar.measure, bar.figure)
    if status is None or status is Status.NOT_BUILT:
        return Verdict(bar, against, None, None, None, status or "not measured")
    if status is not Status.MEASURED or figure is None:
        why = results.detail(bar.ours, bar.measure)
        return Verdict(bar, against, figure, None, reached=False, why=f"{status}: {why}")
    done = results.samples(bar.ours, bar.measure)
    if done < bar.samples_min:
        return Verdict(
            bar, against, figure, None, None, f"too few: {done:,} of {bar.samples_min:,}"
        )
    if bar.against is None:
        return Verdict(bar, None, figure, figure, bar.admits(figure.median))
    ratio = against and results.ratio(bar.ours, against, bar.measure, bar.figure)
    if not ratio:
        words = f"no figure of {against or 'any peer'}"
        return Verdict(bar, against, figure, None, None, words)
    return Verdict(bar, against, figure, ratio, bar.admits(ratio.median))


def judge_all(results: Results, measures: Iterable[str] = measure.BY_NAME) -> list[Verdict]:
    """Every bar of these measures, judged.

    Args:
        results: what was measured.
        measures: the measures' names.
    """
    wanted = set(measures)
    return [judge(bar, results) for bar in BARS if bar.measure in wanted]


def all_reached(verdicts: Iterable[Verdict]) -> bool | None:
    """Whether every bar is reached; None if none is missed, but not all are sure.

    A bar that could not be judged is not sure, nor is one that too few rounds have reached.
    """
    judged = list(verdicts)
    if any(one.reached is False for one in judged):
        return False
    return True if judged and all(one.reached and one.sure for one in judged) else None

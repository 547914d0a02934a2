"""The measures: what each is called, which figures it gives, and which way is better."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.bench.contestant import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from machines.bench.contestant import Contestant


class Better(StrEnum):
    """Which way a figure is better."""

    LOWER = "lower"
    HIGHER = "higher"


@frozen
class Figure:
    """One number that a measure gives.

    Attributes:
        name: its key in `--json`.
        heading: its column's heading.
        unit: what it is counted in.
        better: which way it is better.
    """

    name: str
    heading: str
    unit: str
    better: Better


@frozen
class Measure:
    """One measure.

    Attributes:
        name: what `--measures` takes.
        words: what is done.
        figures: what it gives.
        kinds: who takes part.
    """

    name: str
    words: str
    figures: tuple[Figure, ...]
    kinds: frozenset[Kind] = frozenset((Kind.OURS, Kind.PEER))

    def admits(self, contestant: Contestant) -> bool:
        """Whether this contestant takes part."""
        return contestant.kind in self.kinds


EVERYBODY: Final = frozenset(Kind)
OURS: Final = frozenset((Kind.OURS,))
FLAT: Final = "flat"
LOW, HIGH = Better.LOWER, Better.HIGHER


def _costly(name: str, words: str) -> Measure:
    figures = (
        Figure("off_per_s", "off", "/s", HIGH),
        Figure("on_per_s", "on", "/s", HIGH),
        Figure("cost_percent", "cost", "%", LOW),
    )
    return Measure(name, words, figures, OURS)


MEASURES: Final = (
    Measure(
        "fresh",
        "start a pool, an answer of every worker, stop; warm",
        (Figure("seconds", "fresh", "s", LOW),),
    ),
    Measure(
        "latency",
        "a no-op, one in flight",
        (Figure("p50_us", "p50", "µs", LOW), Figure("p99_us", "p99", "µs", LOW)),
        EVERYBODY,
    ),
    Measure("throughput", "no-ops, 64 in flight", (Figure("per_s", "no-op", "/s", HIGH),)),
    Measure("echo_1k", "echo of 1 KiB, 64 in flight", (Figure("per_s", "1 KiB", "/s", HIGH),)),
    Measure("echo_1m", "echo of 1 MiB, 8 in flight", (Figure("per_s", "1 MiB", "/s", HIGH),)),
    Measure(
        "recovery",
        "SIGKILL of a busy worker until every worker answers again",
        (Figure("ms", "back", "ms", LOW),),
    ),
    Measure(
        "memory",
        "one idle worker after one no-op",
        (Figure("rss_mib", "RSS", "MiB", LOW), Figure("uss_mib", "USS", "MiB", LOW)),
    ),
    _costly("telemetry", "no-ops, 64 in flight, with and without a telemetry callback"),
    _costly("recorder", "no-ops, 64 in flight, with and without the flight recorder"),
    Measure(
        FLAT,
        "the parent's memory at ten points of many no-ops",
        (
            *(Figure(f"rss_mib_{point}", str(point), "MiB", LOW) for point in range(1, 11)),
            Figure("growth_mib", "growth", "MiB", LOW),
        ),
        OURS,
    ),
)
BY_NAME: Final[Mapping[str, Measure]] = {measure.name: measure for measure in MEASURES}

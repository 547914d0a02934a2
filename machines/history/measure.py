"""Measures what the history's statistics find, and what they find that is not there.

    python -m machines.history.measure [--histories N] [--series N] [--seed N]

Prints the tables of docs/history.md.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import click
import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from machines.history.flaky import flakiness
from machines.history.regression import Series, changes
from machines.history.synthetic import NOISES, RATES, Troubles, durations, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.history.flaky import Flakiness

SLOWER: Final = (0.05, 0.10, 0.30)
TROUBLES: Final = Troubles(sound=480, broken=20, foreign=5, accidents=2, mishaps=0.001)


@click.command()
@click.option("--histories", type=click.IntRange(1), default=100, show_default=True)
@click.option("--series", type=click.IntRange(1), default=500, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def measure(histories: int, series: int, seed: int) -> None:
    """Print what is found in synthetic histories whose truth is known."""
    for line in (
        *one_history(seed),
        "",
        *flaky_table(histories, seed),
        "",
        *regression_table(series, seed),
    ):
        click.echo(line)


def one_history(seed: int) -> Iterator[str]:
    """The twenty tests in one history of 200 runs, each with its figure.

    Args:
        seed: of the history.
    """
    found = flakiness(outcomes(np.random.default_rng(seed)))
    scores = {one.test: one for one in found.scores}
    yield f"20 tests, 200 runs (seed {seed}):"
    yield ""
    yield "| true rate | failures | estimate | 95 % interval | chance | verdict |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in outcomes(np.random.default_rng(seed)).tests:
        true = float(name.rpartition("_")[2])
        one = scores.get(name)
        if one is None:
            yield f"| {true:.1%} | 0 | 0.0% | - | - | - |"
            continue
        interval = f"{one.low:.1%} to {one.high:.1%}"
        verdict = "flaky" if one.named else "suspect"
        counts = f"{one.failures} of {one.runs} | {one.rate:.1%}"
        yield f"| {true:.1%} | {counts} | {interval} | {one.chance:.2g} | {verdict} |"


def flaky_table(histories: int, seed: int) -> Iterator[str]:
    """How often a test of each failure rate is named, alone and among troubles.

    Args:
        histories: so many of each kind.
        seed: of the first.
    """
    plain = [_found(seed + at, None) for at in range(histories)]
    hard = [_found(seed + at, TROUBLES) for at in range(histories)]
    yield f"{histories} histories of 200 runs; named flaky (or at least suspected):"
    yield ""
    yield "| true rate | 20 tests alone | among 480 others, in trouble |"
    yield "| --- | --- | --- |"
    for rate in sorted(set(RATES)):
        yield f"| {rate:.1%} | {_share(plain, rate)} | {_share(hard, rate)} |"
    for words, found in (("alone", plain), ("in trouble", hard)):
        named = sum(len(one.named) for one, _ in found)
        false = sum(score.test.startswith("sound") for one, _ in found for score in one.named)
        yield f"False alarms, {words}: {false} of {named:,} named in {histories} histories."


def _found(seed: int, troubles: Troubles | None) -> tuple[Flakiness, Counter[float]]:
    past = outcomes(np.random.default_rng(seed), troubles=troubles)
    return flakiness(past), Counter(float(test.rpartition("_")[2]) for test in past.tests)


def _share(found: list[tuple[Flakiness, Counter[float]]], rate: float) -> str:
    """Of the tests with this rate how many were named, with its interval, and suspected."""
    there = sum(count[rate] for _, count in found)
    scores = [score for one, _ in found for score in one.scores]
    of_rate = [score for score in scores if float(score.test.rpartition("_")[2]) == rate]
    named = sum(score.named for score in of_rate)
    return f"{_percent(named, there)} ({len(of_rate) / there:.1%})"


def regression_table(series: int, seed: int) -> Iterator[str]:
    """How often a slow-down is found, and where there is none.

    Args:
        series: so many of each kind, each judged alone.
        seed: of the first.
    """
    yield f"{series} series of 100 runs each, slower since run 70; found (95 % interval):"
    yield ""
    yield (
        "| noise | nothing changed: false alarms | "
        + " | ".join(f"{slower:.0%} slower" for slower in SLOWER)
        + " |"
    )
    yield "| --- | --- | " + " | ".join("---" for _ in SLOWER) + " |"
    for noise in NOISES:
        cells = [
            _percent(detected(noise, slower, series, seed), series) for slower in (0.0, *SLOWER)
        ]
        yield f"| {noise} | {' | '.join(cells)} |"


def detected(noise: str, slower: float, series: int, seed: int) -> int:
    """In so many series a regression was reported.

    Args:
        noise: which.
        slower: by which part they are.
        series: how many there are.
        seed: of the first.
    """
    return sum(
        any(change.worse for change in changes([_series(noise, slower, seed + at)]))
        for at in range(series)
    )


def _series(noise: str, slower: float, seed: int) -> Series:
    values = durations(np.random.default_rng(seed), noise, slower=slower)
    return Series("test", "s", values, tuple(range(len(values))))


def _percent(some: int, of: int) -> str:
    interval = stats.binomtest(some, of).proportion_ci(method="exact")
    return f"{some / of:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


if __name__ == "__main__":
    measure()

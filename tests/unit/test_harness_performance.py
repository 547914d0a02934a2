"""Comparing runs: what differs is told, what does not is not, and the same values say the same."""

from __future__ import annotations

import random

import pytest

from machines.harness import compare_pairs, compare_runs


def values(mean: float, count: int = 60, seed: int = 1) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - nothing is secret
    return [mean * chance.uniform(0.9, 1.1) for _ in range(count)]


def test_a_run_that_takes_a_fifth_longer_is_more() -> None:
    seen = compare_runs(values(1.0), values(1.2, seed=2), what="seconds a task")
    assert seen.verdict == "more"
    assert seen.low < 1.2 < seen.high
    assert seen.low > 1.1
    assert str(seen).startswith("seconds a task: 1.")
    assert str(seen).endswith("95 % confidence): more")


def test_a_run_that_takes_less_is_less() -> None:
    assert compare_runs(values(1.2), values(1.0, seed=2)).verdict == "less"


def test_two_runs_of_the_same_are_undecided_and_within_a_tolerance() -> None:
    seen = compare_runs(values(1.0), values(1.0, seed=2))
    assert seen.verdict == "undecided"
    assert seen.within(0.1)
    assert not seen.within(0.001)


def test_pairs_see_through_a_disturbance_that_both_had() -> None:
    noise = [value**10 for value in values(1.2, 40)]
    later = [value * 1.02 for value in noise]
    assert compare_pairs(noise, later).verdict == "more"
    assert compare_runs(noise, later).verdict == "undecided"


def test_more_confidence_has_a_wider_interval() -> None:
    sure, surer = (
        compare_runs(values(1.0), values(1.0, seed=2), confidence=confidence)
        for confidence in (0.5, 0.99)
    )
    assert surer.high - surer.low > sure.high - sure.low
    assert surer.confidence == 0.99


def test_the_same_values_say_the_same_again() -> None:
    assert compare_runs(values(1.0), values(1.1)) == compare_runs(values(1.0), values(1.1))


def test_values_that_do_not_vary_are_certain() -> None:
    seen = compare_runs([2.0] * 5, [3.0] * 5)
    assert (seen.ratio, seen.low, seen.high, seen.verdict) == (1.5, 1.5, 1.5, "more")
    assert compare_pairs([2.0] * 5, [2.0] * 5).within(0.0)


@pytest.mark.parametrize(
    ("before", "after", "confidence", "says"),
    [
        ([1.0] * 4, [1.0] * 5, 0.95, "4 values show nothing; at least 5 are needed"),
        ([1.0] * 5, [1.0] * 4 + [0.0], 0.95, "values must be positive, not 0.0"),
        ([1.0] * 5, [1.0] * 5, 1.0, "confidence must be between 0 and 1, not 1.0"),
    ],
    ids=str,
)
def test_what_cannot_be_compared_is_refused(
    before: list[float], after: list[float], confidence: float, says: str
) -> None:
    for compare in (compare_runs, compare_pairs):
        with pytest.raises(ValueError, match=says):
            compare(before, after, confidence=confidence)


def test_values_without_a_partner_make_no_pairs() -> None:
    with pytest.raises(ValueError, match="5 values and 6 make no pairs"):
        compare_pairs([1.0] * 5, [1.0] * 6)

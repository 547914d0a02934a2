"""What is concluded from the rounds of `poolcheck bench`: medians, ratios, best peer, bars."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from machines.bench.bars import (
    BARS,
    BEST_PEER,
    FLAT_MIN,
    ROUNDS_MIN,
    Bar,
    Sense,
    all_reached,
    judge,
    judge_all,
)
from machines.bench.launch import Asked, Outcome, Status
from machines.bench.percentile import percentile
from machines.bench.results import Results
from machines.bench.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENT = Path(__file__).parents[2] / "docs" / "bench.md"


def outcomes(
    contestant: str, measure: str, figure: str, values: Iterable[float]
) -> Iterable[Outcome]:
    """One measured outcome for each round."""
    for round_, value in enumerate(values):
        asked = Asked(contestant, measure, round_, 2, 100, 1.0)
        yield Outcome(asked, Status.MEASURED, {figure: value})


def came_to(
    contestant: str, measure: str, status: Status, detail: str = "", **figures: float
) -> Outcome:
    """What a contestant came to in the first round."""
    return Outcome(Asked(contestant, measure, 0, 2, 100, 1.0), status, figures, detail)


def rates(**by_contestant: Iterable[float]) -> list[Outcome]:
    """The throughput of each contestant in each round."""
    return [
        outcome
        for name, values in by_contestant.items()
        for outcome in outcomes(name.replace("_", "-"), "throughput", "per_s", values)
    ]


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1), (1, 1), (50, 50), (50.5, 51), (99, 99), (99.5, 100), (100, 100)],
)
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_a_percentile_of_one_value_is_that_value_and_of_none_is_refused() -> None:
    assert [percentile([7.0], percent) for percent in (0, 50, 100)] == [7.0, 7.0, 7.0]
    with pytest.raises(ValueError, match="no percentile 50 of 0 values"):
        percentile([], 50)
    with pytest.raises(ValueError, match="no percentile 101"):
        percentile([1.0], 101)


def test_a_spread_has_median_ends_and_half_their_distance_in_percent() -> None:
    spread = Spread.of([30.0, 10.0, 20.0, 24.0])
    assert spread is not None
    assert (spread.median, spread.low, spread.high) == (22.0, 10.0, 30.0)
    assert spread.percent == pytest.approx(100 * 10 / 22)
    assert spread.facts() == {"median": 22.0, "min": 10.0, "max": 30.0, "rounds": [30, 10, 20, 24]}
    assert Spread((0.0,)).percent == 0
    assert Spread.of([]) is None


def test_a_ratio_is_taken_round_by_round_and_only_where_both_have_a_figure() -> None:
    results = Results(rates(ours_fork=[10, 90, 40], ppe_fork=[5, 10]))
    ratio = results.ratio("ours-fork", "ppe-fork", "throughput", "per_s")
    assert ratio is not None
    assert ratio.rounds == (2.0, 9.0)
    assert results.ratio("ours-fork", "loky", "throughput", "per_s") is None


def test_the_best_peer_has_the_highest_rate_or_the_lowest_time_by_median() -> None:
    fast = rates(ours_fork=[9e9], pebble=[8, 1000, 8], mpire=[7, 7, 7], loky=[1, 1, 1])
    assert Results(fast).best_peer("throughput", "per_s") == "pebble"
    slow = [
        *outcomes("pipe", "latency", "p50_us", [1.0]),
        *outcomes("ours-fork", "latency", "p50_us", [2.0]),
        *outcomes("pebble", "latency", "p50_us", [9.0]),
        *outcomes("mp-pool", "latency", "p50_us", [8.0]),
    ]
    assert Results(slow).best_peer("latency", "p50_us") == "mp-pool"
    assert Results([]).best_peer("latency", "p50_us") is None


def test_a_peer_that_broke_in_any_round_is_not_the_best() -> None:
    lost = came_to("mp-pool", "recovery", Status.LOSES, ms=1.0)
    slow = [came_to("pebble", "recovery", Status.MEASURED, ms=100.0)]
    assert Results([lost, *slow]).best_peer("recovery", "ms") == "pebble"
    flaky = [came_to("pebble", "recovery", Status.BREAKS)]
    assert Results([lost, *slow, *flaky]).best_peer("recovery", "ms") is None


def test_the_status_is_the_gravest_of_all_rounds_and_the_detail_the_first() -> None:
    results = Results(
        [
            came_to("loky", "recovery", Status.MEASURED, ms=1.0),
            came_to("loky", "recovery", Status.HANGS, "nothing came"),
            came_to("loky", "recovery", Status.BREAKS, "it broke"),
        ]
    )
    assert results.status("loky", "recovery") is Status.HANGS
    assert results.detail("loky", "recovery") == "nothing came"
    assert results.status("loky", "latency") is None
    assert results.detail("loky", "latency") == ""


@pytest.mark.parametrize(
    ("sense", "below", "at", "above"),
    [
        (Sense.AT_LEAST, False, True, True),
        (Sense.AT_MOST, True, True, False),
        (Sense.BELOW, True, False, False),
    ],
)
def test_a_bar_admits_its_own_side_only(
    sense: Sense, *, below: bool, at: bool, above: bool
) -> None:
    bar = Bar("throughput", "per_s", sense, 2.5)
    assert [bar.admits(value) for value in (2.4, 2.5, 2.6)] == [below, at, above]


def test_a_bar_against_a_peer_is_held_against_the_median_of_the_ratios() -> None:
    bar = Bar("throughput", "per_s", Sense.AT_LEAST, 2.5, "ppe-fork")
    reached = judge(bar, Results(rates(ours_fork=[25, 26, 1], ppe_fork=[10, 10, 10])))
    assert (reached.reached, reached.value) == (True, Spread((2.5, 2.6, 0.1)))
    missed = judge(bar, Results(rates(ours_fork=[24, 24.9, 99], ppe_fork=[10, 10, 10])))
    assert (missed.reached, missed.against) == (False, "ppe-fork")


def test_a_bar_against_the_best_peer_names_it() -> None:
    bar = Bar("throughput", "per_s", Sense.AT_LEAST, 1.25, BEST_PEER)
    results = Results(rates(ours_fork=[20], ppe_fork=[10], mp_pool=[17], pipe=[99]))
    verdict = judge(bar, results)
    assert (verdict.against, verdict.reached) == ("mp-pool", False)
    assert verdict.facts()["best_of"] == "peers"


def test_a_bar_without_a_peer_is_held_against_the_figure_itself() -> None:
    bar = Bar("recovery", "ms", Sense.AT_MOST, 50.0)
    fine = judge(bar, Results(list(outcomes("ours-fork", "recovery", "ms", [50, 49, 99]))))
    assert (fine.reached, fine.against) == (True, None)
    late = judge(bar, Results(list(outcomes("ours-fork", "recovery", "ms", [51, 52, 1]))))
    assert late.reached is False


def test_one_of_ours_that_came_to_no_figure_has_missed_its_bar() -> None:
    bar = Bar("recovery", "ms", Sense.AT_MOST, 50.0)
    for status in (Status.BREAKS, Status.LOSES, Status.HANGS, Status.FAILED):
        verdict = judge(bar, Results([came_to("ours-fork", "recovery", status, "why", ms=1.0)]))
        assert (verdict.reached, verdict.why) == (False, f"{status}: why")


def test_a_bar_without_the_figures_to_judge_it_is_unknown() -> None:
    bar = Bar("throughput", "per_s", Sense.AT_LEAST, 1.25, BEST_PEER)
    assert judge(bar, Results([])).why == "not measured"
    alone = judge(bar, Results(rates(ours_fork=[10])))
    assert (alone.reached, alone.why) == (None, "no figure of any peer")
    unbuilt = Results([came_to("ours-fork", "throughput", Status.NOT_BUILT)])
    assert judge(bar, unbuilt).reached is None


def test_only_the_bars_of_what_was_measured_are_judged() -> None:
    assert [one.bar.measure for one in judge_all(Results([]), ["recorder"])] == ["recorder"]
    assert len(judge_all(Results([]))) == len(BARS)


def test_all_bars_are_reached_only_if_none_is_missed_and_none_unknown() -> None:
    bar = Bar("recovery", "ms", Sense.AT_MOST, 50.0)
    yes = judge(bar, Results(list(outcomes("ours-fork", "recovery", "ms", [1.0] * ROUNDS_MIN))))
    no = judge(bar, Results([came_to("ours-fork", "recovery", Status.BREAKS)]))
    unknown = judge(bar, Results([]))
    assert all_reached([yes, yes]) is True
    assert all_reached([yes, unknown]) is None
    assert all_reached([unknown, no, yes]) is False
    assert all_reached([]) is None


def test_a_bar_that_too_few_rounds_have_reached_is_unknown_in_the_sum_but_a_miss_is_a_miss() -> (
    None
):
    bar = Bar("recovery", "ms", Sense.AT_MOST, 50.0)
    few = judge(bar, Results(list(outcomes("ours-fork", "recovery", "ms", [1.0, 2.0, 3.0, 4.0]))))
    assert (few.reached, few.sure, all_reached([few])) == (True, False, None)
    assert few.facts()["rounds_min"] == ROUNDS_MIN == 5
    late = judge(bar, Results([came_to("ours-fork", "recovery", Status.MEASURED, ms=51.0)]))
    assert all_reached([few, late]) is False
    flat = next(bar for bar in BARS if bar.measure == "flat")
    asked = Asked("ours-fork", "flat", 0, 2, FLAT_MIN, 1.0)
    once = judge(flat, Results([Outcome(asked, Status.MEASURED, {"growth_mib": 0.5})]))
    assert (once.reached, once.sure, all_reached([once])) == (True, True, True)


@pytest.mark.parametrize("growth_mib", [0.5, 50.0])
def test_a_long_run_that_was_not_long_enough_is_unknown(growth_mib: float) -> None:
    flat = next(bar for bar in BARS if bar.measure == "flat")
    assert flat.samples_min == FLAT_MIN == 10_000_000
    asked = Asked("ours-fork", "flat", 0, 2, FLAT_MIN - 1, 1.0)
    short = judge(flat, Results([Outcome(asked, Status.MEASURED, {"growth_mib": growth_mib})]))
    assert (short.reached, short.why) == (None, "too few: 9,999,999 of 10,000,000")
    assert all_reached([short]) is None


def test_only_the_long_run_is_believed_after_one_round() -> None:
    assert {bar.measure: bar.rounds_min for bar in BARS if bar.rounds_min != ROUNDS_MIN} == {
        "flat": 1
    }


def test_the_bars_are_those_that_the_page_promises() -> None:
    """A bar that is loosened here must be loosened in public."""
    row = re.compile(r"\| `(\w+)` `(\w+)` \| `([\w-]+)` \| (≥|≤|<) ([\d.]+) \| ([^|]+) \|")
    promised = {
        (measure, figure, ours, sense, float(bound), against.strip().strip("`"))
        for measure, figure, ours, sense, bound, against in row.findall(DOCUMENT.read_text())
    }
    assert promised == {
        (bar.measure, bar.figure, bar.ours, bar.sense.value, bar.bound, bar.against or "itself")
        for bar in BARS
    }

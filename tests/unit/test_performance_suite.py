"""Performance: percentiles, rounds together, the baseline, and what a slower machine does to it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from machines.bench.percentile import percentile
from machines.bench.spread import Spread
from machines.suites import calibration, settings
from machines.suites.calibration import Calibration
from machines.suites.performance import (
    Distribution,
    aggregate_rounds,
    baseline,
    calculate_percentiles,
    measure_latency_distribution,
)
from machines.suites.performance.baseline import BaselineError
from machines.suites.performance.command import demands_of
from machines.suites.performance.run import ratios_of

ROOT = Path(__file__).parents[2]
FREE = settings.load(ROOT / "pyproject.toml", {}).on("free")


def test_percentiles_are_values_that_were_measured_and_those_of_the_bench() -> None:
    chance = random.Random(0)  # noqa: S311 - nothing is secret
    values = [chance.expovariate(1.0) for _ in range(1_001)]
    found = calculate_percentiles(values, (0.0, 50.0, 99.0, 99.9, 100.0))
    assert found == {percent: percentile(values, percent) for percent in found}
    assert found[100.0] == max(values)


@pytest.mark.parametrize(("values", "percent"), [([], 50.0), ([1.0], 100.1), ([1.0], -1.0)])
def test_there_is_no_such_percentile(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        calculate_percentiles(values, (percent,))


def test_a_distribution_says_how_many_took_no_longer() -> None:
    seen = Distribution((0.004, 0.001, 0.002, 0.003))
    assert seen.percentile(50) == 0.002
    assert seen.facts() == {
        "count": 4,
        "p50_us": 2000.0,
        "p90_us": 4000.0,
        "p99_us": 4000.0,
        "p99.9_us": 4000.0,
        "p100_us": 4000.0,
    }
    assert seen.curve()[0] == [0.0, 1.0]
    assert seen.curve()[-1] == [100.0, 4.0]


def test_rounds_together_are_medians_with_what_lies_around_them() -> None:
    found = aggregate_rounds([{"a": 3.0, "b": 1.0}, {"a": 1.0}, {"a": 2.0}])
    assert set(found) == {"a"}
    assert (found["a"].median, found["a"].low, found["a"].high) == (2.0, 1.0, 3.0)
    with pytest.raises(ValueError, match="no rounds to aggregate"):
        aggregate_rounds([])


def test_latency_is_measured_of_any_executor_one_call_after_another() -> None:
    running: list[int] = []

    def call() -> None:
        running.append(len(running))

    with ThreadPoolExecutor(1) as executor:
        seen = measure_latency_distribution(executor, call, count=20)
    assert len(seen.seconds) == len(running) == 20
    assert min(seen.seconds) > 0


FIGURES = {
    "latency_p50_us": 50.0,
    "latency_p99_us": 100.0,
    "noop_per_s": 40_000.0,
    "echo_1k_per_s": 30_000.0,
    "start_ms": 40.0,
}


def slower(figures: dict[str, float], times: float) -> dict[str, float]:
    return {
        name: value / times if name.endswith("per_s") else value * times
        for name, value in figures.items()
    }


def rounds_of(figures: dict[str, float], machine: Calibration, seed: int = 0) -> dict[str, Spread]:
    chance = random.Random(seed)  # noqa: S311 - nothing is secret
    noisy = [slower(figures, chance.uniform(0.97, 1.03)) for _ in range(5)]
    return aggregate_rounds(ratios_of(one, machine) for one in noisy)


def saved(folder: Path) -> Path:
    file = folder / "baseline.json"
    baseline.save(file, rounds_of(FIGURES, Calibration(7.0, 80.0)), {"commit": "abc"})
    return file


def verdicts(file: Path, ratios: dict[str, Spread]) -> set[bool | None]:
    found = baseline.compare(baseline.load(file), ratios)
    regressed = {one.what for one in baseline.regressions(found, 1.25)}
    demands = demands_of(found, FREE)
    assert {one.name.partition(",")[0] for one in demands if not one.met} == regressed
    return {one.met for one in demands}


def test_a_machine_of_half_the_speed_is_no_regression(tmp_path: Path) -> None:
    half = rounds_of(slower(FIGURES, 2.0), Calibration(14.0, 160.0), seed=1)
    assert verdicts(saved(tmp_path), half) == {True}


def test_a_pool_of_half_the_speed_is_one_on_any_machine(tmp_path: Path) -> None:
    file = saved(tmp_path)
    for machine in (Calibration(7.0, 80.0), Calibration(3.5, 40.0)):
        times = 2.0 * machine.loop_us / 7.0
        assert verdicts(file, rounds_of(slower(FIGURES, times), machine, seed=1)) == {False}


def test_a_pool_that_became_faster_is_none(tmp_path: Path) -> None:
    faster = rounds_of(slower(FIGURES, 0.5), Calibration(7.0, 80.0))
    assert verdicts(saved(tmp_path), faster) == {True}


def test_a_baseline_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    file = saved(tmp_path)
    found = baseline.load(file)
    assert found.made == {"commit": "abc"}
    assert set(found.rounds) == {"latency_p50", "noop", "echo_1k", "start"}
    text = file.read_text()
    baseline.save(file, {n: Spread(r) for n, r in found.rounds.items()}, found.made)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "version []: legal: 1"),
        ("{", "no JSON"),
        ('{"version": 2}', "version 2: legal: 1"),
        ('{"version": 1}', "ratios = None: legal: a table of figures"),
        ('{"version": 1, "ratios": {"a": [1, 2]}}', "ratios.a = [1, 2]: legal: at least 5 pos"),
        ('{"version": 1, "ratios": {"a": [1, 1, 1, 1, 0]}}', "legal: at least 5 positive"),
        ('{"version": 1, "ratios": {"a": [1, 1, 1, 1, true]}}', "legal: at least 5 positive"),
    ],
)
def test_what_is_no_baseline_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError) as refused:
        baseline.load(file)
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(file))
    with pytest.raises(BaselineError, match="No such file"):
        baseline.load(tmp_path / "none.json")


def test_too_few_rounds_are_neither_saved_nor_compared(tmp_path: Path) -> None:
    few: dict[str, Any] = {
        name: Spread((1.0,)) for name in ("latency_p50", "noop", "echo_1k", "start")
    }
    with pytest.raises(BaselineError, match="at least 5 rounds"):
        baseline.save(tmp_path / "few.json", few, {})
    with pytest.raises(BaselineError, match="cannot compare: "):
        baseline.compare(baseline.load(saved(tmp_path)), few)
    with pytest.raises(BaselineError, match="this run noop"):
        baseline.compare(baseline.load(saved(tmp_path)), {"noop": few["noop"]})


def test_the_committed_baseline_has_what_a_run_measures() -> None:
    found = baseline.load(ROOT / "artifacts/baselines/performance.json")
    assert set(found.rounds) == set(ratios_of(FIGURES, Calibration(7.0, 80.0)))


@pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
def test_the_calibration_is_of_this_machine_and_of_no_pool() -> None:
    seen = calibration.calibrate()
    assert seen.loop_us > 0
    assert seen.compute_us > 0
    between = calibration.mean_of(seen, Calibration(3 * seen.loop_us, 5 * seen.compute_us))
    assert between == Calibration(2 * seen.loop_us, 3 * seen.compute_us)


@pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
def test_bare_processes_compute_all_that_is_asked_for() -> None:
    assert calibration.bare_rate(2, 5) > 0
    assert calibration.bare_rate(3, 1) > 0

"""The speed of the explorers is measured, each beside the bare machine of the same round."""

from __future__ import annotations

import gc

import pytest
from click.testing import CliRunner

from machines import garbage, speed
from machines.bench.spread import Spread


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EXAMPLES", "RULES", "BURSTS", "WALKS"):
        monkeypatch.setattr(speed, name, 5)


def test_every_explorer_is_measured_in_every_round() -> None:
    measured = speed.paces(2)
    assert [pace.name for pace in measured] == [
        "bare Hypothesis machine",
        "the same, our choices",
        "readable machine, sim",
        "burst machine, sim",
        "walker, sim",
    ]
    for pace in measured:
        assert len(pace.rates.rounds) == 2
        assert pace.rates.low > 0
    assert [pace.bar for pace in measured] == [None, None, 0.5, 4.0, 30_000.0]
    against = [pace.name for pace in measured if pace.ratios is not None]
    assert against == ["the same, our choices", "readable machine, sim", "burst machine, sim"]


def pace(bar: float, rate: float, ratio: float | None) -> speed.Pace:
    ratios = None if ratio is None else Spread((ratio,))
    return speed.Pace("an explorer", "steps/s", bar, Spread((rate,)), ratios)


def test_a_bar_is_a_ratio_where_there_is_one_and_a_rate_otherwise() -> None:
    assert pace(0.5, 1.0, 0.5).reached
    assert not pace(0.5, 1e9, 0.49).reached
    assert pace(100.0, 100.0, None).reached
    assert not pace(100.0, 99.0, None).reached
    assert pace(0.5, 1e9, 0.49).line().endswith("0.5  NO")
    assert pace(100.0, 100.0, None).line().endswith("100/s  yes")
    assert pace(100.0, 99.0, None).facts()["reached"] is False


def test_the_command_prints_a_line_for_each_and_fails_where_a_bar_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speed, "paces", lambda _: (pace(1.0, 2.0, 2.0),))
    ran = CliRunner().invoke(speed.main, ["--rounds", "1"])
    assert (ran.exit_code, ran.output.count("\n")) == (0, 2)
    monkeypatch.setattr(speed, "paces", lambda _: (pace(3.0, 2.0, 2.0),))
    assert CliRunner().invoke(speed.main, ["--rounds", "1"]).exit_code == 1


def test_what_was_set_aside_from_the_collector_is_given_back() -> None:
    before = gc.get_freeze_count(), gc.get_threshold()
    with garbage.set_aside():
        assert gc.get_freeze_count() > before[0]
        assert gc.get_threshold() > before[1]
    assert (gc.get_freeze_count(), gc.get_threshold()) == before
    assert before[0] == 0

"""What a run refuses to call a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import machines.run
from machines.counterexample import Counterexample, Status
from machines.drivers import Diverged, Layer
from machines.drivers.sim import SimDriver
from machines.hunt import budget_of, hunt
from machines.replay import Answer, replay
from machines.run import execute
from machines.tally import Tally
from machines.trace import Deliver, Setting, Submit, Trace

if TYPE_CHECKING:
    from pathlib import Path

TRACE = Trace(Setting(size=1), (Deliver(0), Submit(0)))


def example() -> Counterexample:
    return Counterexample("L1", "for this test", Status.FIXED, 2, "", TRACE.setting, TRACE.steps)


def test_a_run_whose_budget_ran_out_is_unknown_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert execute(TRACE).unknown == ()
    monkeypatch.setattr(machines.run, "MOVES_MAX", 1)
    report = execute(TRACE)
    assert report.violation is None
    assert set(report.unknown) == {"S13", "L1", "L2", "L3"}
    result = replay(example(), Layer.SIM)
    assert result.answer is Answer.DIVERGED
    assert "unknown" in result.sentence


def test_a_machine_whose_budget_ran_out_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machines.run, "MOVES_MAX", 1)
    with pytest.raises(Diverged, match="unknown"):
        hunt(Layer.SIM, Tally(), small_budget(), seeded=1)


def small_budget() -> settings:
    base = settings(database=None, report_multiple_bugs=False)
    return budget_of(base, Layer.SIM, 10, 5)


def test_a_run_on_real_that_has_no_processes_is_no_run() -> None:
    with pytest.raises(Diverged, match="1 workers were started, but 0 processes seen"):
        execute(TRACE, Layer.REAL, driver=SimDriver)


def test_a_run_on_real_has_as_many_processes_as_workers() -> None:
    assert execute(TRACE, Layer.REAL).processes == 1

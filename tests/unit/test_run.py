"""What a run refuses to call a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import machines.run
from machines.counterexample import Counterexample, Status
from machines.drivers import DRIVERS, Diverged, Layer
from machines.drivers.sim import SimDriver
from machines.drivers.wire import WireDriver
from machines.hunt import budget_of, hunt
from machines.replay import Answer, replay
from machines.run import execute
from machines.tally import Tally
from machines.trace import Deliver, Setting, Submit, Trace
from pool.events import Event, WorkerExited

if TYPE_CHECKING:
    from pathlib import Path

TRACE = Trace(Setting(size=1), (Deliver(0), Submit(0)))


def example() -> Counterexample:
    nothing = "0" * 64
    return Counterexample(
        "L1", "for this test", Status.FIXED, 2, nothing, TRACE.setting, TRACE.steps
    )


def test_a_run_whose_budget_ran_out_is_unknown_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert execute(TRACE).unknown == ()
    monkeypatch.setattr(machines.run, "MOVES_MAX", 1)
    report = execute(TRACE)
    assert report.violation is None
    assert set(report.unknown) == {"S13", "L1", "L2", "L3", "L4"}
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


class LyingDriver(WireDriver):
    """Tells of every exit another code than there was."""

    def fact(self, worker: int, expected: Event) -> Event:
        told = super().fact(worker, expected)
        return WorkerExited(worker, 5, told.unstarted) if isinstance(told, WorkerExited) else told


def test_a_layer_that_disagrees_with_the_simulation_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = settings(database=None, report_multiple_bugs=False)
    monkeypatch.setitem(DRIVERS, Layer.WIRE, LyingDriver)
    with pytest.raises(Diverged, match="wire and sim disagree"):
        hunt(Layer.WIRE, Tally(), budget_of(base, Layer.WIRE, 100, 40), seeded=1)

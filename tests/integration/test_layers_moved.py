"""A run moves from one layer to another: a trace to the layers below, a free run's log to a trace.

What is compared is all that a run showed, entry by entry, not only its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import recorded
from machines.drivers import Layer
from machines.free.clients import Party
from machines.free.run import RECORD, free_run, plan_of
from machines.harness import first_deviation
from machines.mutants import BY_NAME
from machines.parts import POOL
from machines.run import execute
from machines.setting import Setting
from machines.trace import Crash, Deliver, Submit, Trace
from machines.walker import walk
from model.checker import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from machines.parts import Parts
    from machines.run import Report

pytestmark = pytest.mark.integration

BELOW = (Layer.WIRE, Layer.REAL)
SEEDS = range(3)


def moved(trace: Trace, expected: Report, layer: Layer, parts: Parts = POOL) -> Report:
    """What the trace shows on the other layer, which is what it has shown."""
    report = execute(trace, layer, parts)
    assert first_deviation(expected.log, report.log) is None
    assert (report.digest, report.showed, report.impossible) == (
        expected.digest,
        expected.showed,
        expected.impossible,
    )
    return report


@pytest.mark.parametrize("layer", BELOW)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_walk_in_the_simulation_shows_the_same_below(seed: int, layer: Layer) -> None:
    trace, report = walk(seed)
    assert report.log
    assert moved(trace, report, layer).violation is None


@pytest.mark.parametrize("layer", BELOW)
def test_a_violation_found_in_the_simulation_is_the_same_below(layer: Layer) -> None:
    parts = BY_NAME["never-replaced"].parts
    trace = Trace(Setting(size=1), (Deliver(0), Crash(0), Deliver(0), Submit(0, "echo")))
    found = execute(trace, Layer.SIM, parts)
    assert found.violation is not None
    again = moved(trace, found, layer, parts).violation
    assert again is not None
    assert (again.promise, again.sentence) == (found.violation.promise, found.violation.sentence)


def test_a_run_that_parts_is_seen_where_it_does() -> None:
    _, one = walk(1)
    _, other = walk(2)
    assert first_deviation(one.log, other.log) is not None


def test_a_free_run_s_log_becomes_a_trace_that_shows_the_same_on_every_layer(
    tmp_path: Path,
) -> None:
    plan = plan_of(4, setting=Setting(size=2), party=Party(2, 1, 6), blows=1, shut_after=None)
    free_run(plan, tmp_path)
    told = recorded.load(tmp_path / RECORD)
    assert told.verdict is Verdict.HOLDS, told.why
    assert told.events > 0
    assert len(told.trace.steps) > 0
    assert told.report.violation is None
    simulated = moved(told.trace, told.report, Layer.SIM)
    for layer in BELOW:
        moved(told.trace, simulated, layer)

"""Why: the nearest trace that passes, and when the violation becomes likely."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from machines import counterexample
from machines.cli import command
from machines.counterexample import Status
from machines.drivers import Layer
from machines.explaining import WIDTH, told
from machines.mutants import BY_NAME
from machines.run import execute
from machines.shrinking.failing import own
from machines.trace import Advance, Cancel, Crash, Deliver, Receive, Setting, Submit, Trace
from machines.why import Why, why

if TYPE_CHECKING:
    from pathlib import Path

LOST = BY_NAME["lost-with-its-worker"]
# It is lost only if its worker dies when it has been sent there, and before it has answered.
STEPS = (Submit(0), Deliver(0), Crash(0), Deliver(0))
RUNS = 20


@pytest.fixture(scope="module")
def found() -> Why:
    whole = Trace(Setting(1), STEPS)
    return why(whole, "L1", Layer.SIM, LOST.parts, promises=own(LOST), runs=RUNS)


def test_the_nearest_trace_passes_and_differs_in_one_change(found: Why) -> None:
    passing = found.passing
    assert passing is not None
    report = execute(passing.trace, Layer.SIM, LOST.parts, promises=own(LOST))
    assert report.violation is None
    assert report.impossible == ()
    assert passing.trace.steps[: passing.parts_at] == STEPS[: passing.parts_at]
    assert passing.trace.steps[passing.parts_at :][:1] != STEPS[passing.parts_at :][:1]


def test_a_change_of_the_schedule_is_nearer_than_one_of_what_clients_and_faults_do() -> None:
    mutant = BY_NAME["deadline-only-while-waiting"]
    whole = Trace(Setting(1), (Deliver(0), Submit(0, deadline=1.0), Advance(2.0)))
    one = why(whole, mutant.promise, Layer.SIM, mutant.parts, promises=own(mutant), runs=1)
    assert one.passing is not None
    assert one.passing.change == "step 1 comes after step 3"
    assert one.passing.parts_at == 0
    assert one.passing.trace.steps == (Submit(0, deadline=1.0), Advance(2.0), Deliver(0))


def test_what_no_order_changes_is_left_out() -> None:
    mutant = BY_NAME["never-replaced"]
    whole = Trace(Setting(1), (Crash(0),))
    one = why(whole, "L2", Layer.SIM, mutant.parts, promises=own(mutant), runs=1)
    assert one.passing is not None
    assert one.passing.change == "step 1 is left out"
    assert one.passing.trace.steps == ()


def test_the_chances_end_in_certainty_and_tell_from_where_it_is_likely(found: Why) -> None:
    assert len(found.chances) == len(STEPS) + 1
    assert found.chances[-1] == 1.0
    assert found.chances[found.likely_after] >= 0.5
    assert all(chance >= 0.5 for chance in found.chances[found.likely_after :])


def test_chance_can_pass_what_the_schedule_fails() -> None:
    mutant = BY_NAME["cancelled-though-it-runs"]
    whole = Trace(Setting(1), (Deliver(0), Submit(0), Receive(0), Cancel(0)))
    one = why(whole, mutant.promise, Layer.SIM, mutant.parts, promises=own(mutant), runs=RUNS)
    assert 0.0 < one.chances[0] < 1.0
    assert one.likely_after > 0


def test_it_is_the_same_each_time(found: Why) -> None:
    whole = Trace(Setting(1), STEPS)
    again = why(whole, "L1", Layer.SIM, LOST.parts, promises=own(LOST), runs=RUNS)
    assert again.facts() == found.facts()


def test_a_trace_that_breaks_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="does not break L1 on sim"):
        why(Trace(Setting(1), (Submit(0),)), "L1")


def test_the_story_stands_side_by_side_in_eighty_columns(found: Why) -> None:
    lines = told(found)
    assert max(map(len, lines)) <= WIDTH
    assert found.passing is not None
    assert any(line.startswith("fails") and line.endswith("passes") for line in lines)
    assert f"part at step {found.passing.parts_at + 1}:" in " ".join(lines)
    assert any("L1 is broken" in line for line in lines)
    assert sum("<- likely from here on" in line for line in lines) == 1


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["why", *map(str, args)], standalone_mode=False)
    if result.exception is not None:
        return 2, str(result.exception)
    return int(result.return_value), result.output


def test_the_command_tells_and_prints_facts_and_refuses_in_one_line(tmp_path: Path) -> None:
    whole = Trace(Setting(1), STEPS[:3])
    report = execute(whole, parts=LOST.parts, promises=own(LOST))
    example = counterexample.new(whole, report, Status.FIXED, mutant=LOST.name)
    file = counterexample.save(example, tmp_path)
    code, text = run(file, "--mutant", LOST.name)
    assert (code, "they part at step" in text) == (0, True)
    facts = json.loads(run(file, "--mutant", LOST.name, "--json")[1])
    assert facts["promise"] == "L1"
    assert len(facts["chances"]) == len(whole.steps) + 1
    assert facts["passing"]["parts_at"] < len(whole.steps)
    code, text = run(file)
    assert code == 2
    assert "the pool keeps L1 on its trace" in text
    (tmp_path / "bad.json").write_text("[]")
    assert run(tmp_path / "bad.json")[0] == 2

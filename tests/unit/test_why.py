"""Why: the nearest trace that passes, and when the violation becomes likely."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from machines import counterexample
from machines.cli import command
from machines.counterexample import FOLDER, Status
from machines.drivers import Layer
from machines.explaining import WIDTH, facts, told
from machines.mutants import BY_NAME
from machines.nearest import Differs, goes_on, nearest
from machines.run import execute
from machines.shrinking.failing import own
from machines.story import tell
from machines.trace import (
    Advance,
    Cancel,
    Crash,
    Deliver,
    Open,
    Receive,
    Reopen,
    Setting,
    Submit,
    Trace,
)
from machines.why import Why, why

LOST = BY_NAME["lost-with-its-worker"]
# It is lost only if its worker dies when it has been sent there, and before it has answered.
STEPS = (Submit(0), Deliver(0), Crash(0), Deliver(0))
RUNS = 20
POOLCHECK = Path(sys.executable).with_name("poolcheck")


@pytest.fixture(scope="module")
def found() -> Why:
    whole = Trace(Setting(1), STEPS)
    return why(whole, "L1", Layer.SIM, LOST.parts, promises=own(LOST), runs=RUNS)


def test_the_nearest_trace_passes_with_the_fewest_changes_of_the_schedule(found: Why) -> None:
    passing = found.passing
    assert passing is not None
    assert passing.differs is Differs.SCHEDULE
    assert passing.changes == (
        "“worker 0 takes the next frame sent to it” comes before “worker 0 is killed (SIGKILL)”",
        "“the function of task 0 ends” comes before “worker 0 is killed (SIGKILL)”",
    )
    assert passing.parts_at == 2


def test_what_is_left_to_the_fair_ending_is_a_change_too() -> None:
    mutant = BY_NAME["cancelled-though-it-runs"]
    whole = Trace(Setting(1), (Deliver(0), Submit(0), Receive(0), Cancel(0)))
    one = why(whole, mutant.promise, Layer.SIM, mutant.parts, promises=own(mutant), runs=1)
    assert one.passing is not None
    assert one.passing.trace.steps == (Deliver(0), Submit(0), Cancel(0))
    assert one.passing.changes == (
        "“worker 0 takes the next frame sent to it” is left to the fair ending",
    )


def test_several_changes_of_the_schedule_are_nearer_than_one_step_less() -> None:
    whole = Trace(Setting(1), (Submit(0), Crash(0)))
    one = why(whole, "L1", Layer.SIM, LOST.parts, promises=own(LOST), runs=1)
    assert one.passing is not None
    assert one.passing.trace.steps == (Submit(0), Deliver(0), Receive(0), Open(0), Crash(0))
    assert (one.passing.differs, len(one.passing.changes)) == (Differs.SCHEDULE, 3)


def test_a_change_of_the_schedule_is_nearer_than_one_of_what_clients_and_faults_do() -> None:
    mutant = BY_NAME["deadline-only-while-waiting"]
    whole = Trace(Setting(1), (Deliver(0), Submit(0, deadline=1.0), Advance(2.0)))
    one = why(whole, mutant.promise, Layer.SIM, mutant.parts, promises=own(mutant), runs=1)
    assert one.passing is not None
    assert one.passing.changes == (
        "“the pool hears the next from worker 0” comes after “2 s pass”",
    )
    assert one.passing.parts_at == 0
    assert one.passing.trace.steps == (Submit(0, deadline=1.0), Advance(2.0), Deliver(0))


def test_the_clock_at_another_time_is_nearer_than_another_order_of_wishes() -> None:
    mutant = BY_NAME["reopened-lives-for-ever"]
    whole = Trace(Setting(1, session_ttl=10.0), (Reopen(2), Advance(35.0)))
    one = why(whole, mutant.promise, Layer.SIM, mutant.parts, promises=own(mutant), runs=1)
    assert one.passing is not None
    assert one.passing.differs is Differs.TIMING
    assert one.passing.trace.steps == (Advance(35.0), Reopen(2))


def test_what_no_order_changes_is_left_out() -> None:
    mutant = BY_NAME["never-replaced"]
    whole = Trace(Setting(1), (Crash(0),))
    one = why(whole, mutant.promise, Layer.SIM, mutant.parts, promises=own(mutant), runs=1)
    assert one.passing is not None
    assert one.passing.differs is Differs.STEP
    assert one.passing.changes == ("“worker 0 is killed (SIGKILL)” never comes",)
    assert one.passing.trace.steps == ()


def test_where_nothing_can_be_changed_none_passes() -> None:
    mutant = BY_NAME["never-replaced"]
    whole = Trace(Setting(1), (Crash(0),))
    assert nearest(whole, Layer.SIM, mutant.parts, own(mutant), runs_max=0) is None


def test_impossible_steps_of_the_failing_trace_are_no_part_of_it(found: Why) -> None:
    whole = Trace(Setting(1), (Open(5), *STEPS[:2], Cancel(7), *STEPS[2:]))
    one = why(whole, "L1", Layer.SIM, LOST.parts, promises=own(LOST), runs=RUNS)
    assert one.trace.steps == STEPS
    assert facts(one) == facts(found)


def shown() -> list[Path]:
    """The files whose planted bug `sim` or `wire` shows."""
    real = {mutant.name for mutant in BY_NAME.values() if mutant.layer is Layer.REAL}
    files = sorted(FOLDER.glob("*.json"))
    return [file for file in files if counterexample.load(file).origin["mutant"] not in real]


@pytest.mark.parametrize("file", shown(), ids=lambda file: file.stem)
def test_of_each_saved_counterexample_something_near_passes(file: Path) -> None:
    example = counterexample.load(file)
    mutant = BY_NAME[example.origin["mutant"]]
    whole, layer, held = example.trace, mutant.layer, own(mutant)
    passing = nearest(whole, layer, mutant.parts, held)
    if not whole.steps:
        assert passing is None
        return
    assert passing is not None
    report = execute(passing.trace, layer, mutant.parts, promises=held)
    assert (report.violation, report.impossible, report.unknown) == (None, (), ())
    assert passing.trace != whole
    assert passing.trace.steps[: passing.parts_at] == whole.steps[: passing.parts_at]
    both = (passing.trace.steps, whole.steps)
    assert len({steps[passing.parts_at : passing.parts_at + 1] for steps in both}) == 2
    asked = [[step for step in steps if not goes_on(step)] for steps in both]
    if passing.differs is Differs.SCHEDULE:  # clients, faults and the clock do the same
        assert asked[0] == asked[1]
    elif passing.differs is not Differs.STEP:
        assert asked[0] != asked[1]
        assert sorted(map(repr, asked[0])) == sorted(map(repr, asked[1]))


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
    assert facts(again) == facts(found)


def test_a_trace_that_breaks_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="does not break L1 on sim"):
        why(Trace(Setting(1), (Submit(0),)), "L1")


def test_the_story_stands_side_by_side_in_eighty_columns(found: Why) -> None:
    lines = told(found)
    assert max(map(len, lines)) <= WIDTH
    assert found.passing is not None
    assert lines[:1] == ["L1: nothing more can happen, and these tasks never resolved: 0"]
    assert any(line.startswith("fails") and line.endswith("| passes") for line in lines)
    assert f"part at step {found.passing.parts_at + 1}:" in " ".join(lines)
    assert any(line.startswith("=> L1 is broken") for line in lines)
    assert any(line.endswith("| => no promise is broken") for line in lines)
    assert sum("<- likely from here on" in line for line in lines) == 1


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["why", *map(str, args)], standalone_mode=False)
    if result.exception is not None:
        assert isinstance(result.exception, click.ClickException)
        assert "\n" not in result.exception.message
        return 2, result.exception.message
    return int(result.return_value), result.output


def test_the_documented_story_is_what_is_told() -> None:
    page = (FOLDER.parents[1] / "docs" / "why.md").read_text(encoding="utf-8")
    told_there = page.split("    $ poolcheck why ")[1].split("\n## ")[0]
    first, *lines = textwrap.dedent("    " + told_there).strip().splitlines()
    code, text = run(FOLDER.parents[1] / first.split()[0], *first.split()[1:])
    assert (code, text.splitlines()) == (0, lines)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    whole = Trace(Setting(1), STEPS)
    report = execute(whole, parts=LOST.parts, promises=own(LOST))
    example = counterexample.new(whole, report, Status.FIXED, mutant=LOST.name)
    return counterexample.save(example, tmp_path)


def test_the_command_tells_a_story(file: Path) -> None:
    before = file.read_bytes()
    code, text = run(file, "--mutant", LOST.name)
    assert code == 0
    assert "they part at step 3:" in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert file.read_bytes() == before


def test_the_command_prints_the_same_facts_under_every_hash_seed(file: Path) -> None:
    printed = {run(file, "--mutant", LOST.name, "--json")}
    for seed in ("1", "2"):
        done = subprocess.run(
            [POOLCHECK, "why", file, "--mutant", LOST.name, "--json"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        printed.add((done.returncode, done.stdout))
    ((code, text),) = printed
    shown = json.loads(text)
    assert (code, shown["promise"], shown["layer"], shown["step"]) == (0, "L1", "sim", 4)
    assert len(shown["chances"]) == len(STEPS) + 1
    assert shown["passing"]["parts_at"] == 2
    assert [one["step"] for one in shown["failing"]["story"]] == [tell(step) for step in STEPS]
    assert len(shown["passing"]["story"]) == len(shown["passing"]["steps"])


def test_what_cannot_be_explained_is_refused_in_one_line(file: Path, tmp_path: Path) -> None:
    code, text = run(file)
    assert code == 2
    assert text.endswith(
        "the pool keeps L1 on its trace, on sim and on wire, so there is nothing to explain; "
        "--mutant lost-with-its-worker plants a bug"
    )
    code, text = run(file, "--mutant", "early-deadline")
    assert (code, text.endswith("nothing to explain")) == (2, True)
    assert run(file, "--mutant", "no-such-bug")[0] == 2
    (tmp_path / "bad.json").write_text("[]")
    code, text = run(tmp_path / "bad.json")
    assert (code, "bad.json: " in text) == (2, True)
    assert run(tmp_path / "none.json")[0] == 2

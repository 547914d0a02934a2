"""The gate's verdicts: nothing is passed by accident; what falls short is said with its figure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from click.testing import CliRunner, Result
from junitparser import JUnitXml

from machines.cli import command
from machines.gatekeeper import reports
from machines.gatekeeper.catalogue import CHECKS
from machines.gatekeeper.check import (
    Check,
    Command,
    Cores,
    Outcome,
    Plan,
    Ran,
    Reading,
    Shortfall,
    judged,
)
from machines.gatekeeper.command import known
from machines.gatekeeper.conduct import conducted
from machines.gatekeeper.sample import sample, turns
from machines.mutants import BY_NAME, MUTANTS
from model.checker import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]


def plan(tmp_path: Path, processes: int = 2) -> Plan:
    return Plan(ROOT, tmp_path, seed=1, rotation=2, processes=processes)


def check(*words: str, read: Reading | Exception | None = None, **given: Any) -> Check:
    """A check of one command, off which this is read."""

    def reader(_: Plan, __: Sequence[Ran]) -> Reading:
        if isinstance(read, Exception):
            raise read
        return read or Reading("1 of 1", 1)

    usual = {"budget_s": 20.0, "cores": Cores.ONE, **given}
    return Check("one", "one thing", "all", lambda _: [Command(words)], reader, **usual)


def outcome(tmp_path: Path, whole: Check) -> Outcome:
    (one,) = conducted([whole], plan(tmp_path))
    return one


def ran(whole: Check, code: int | None = 0, output: str = "") -> list[Ran]:
    return [Ran(one, code, output, "", 0.1) for one in whole.commands(plan(Path()))]


def test_a_check_whose_bar_is_reached_is_passed(tmp_path: Path) -> None:
    one = outcome(tmp_path, check("python", "-c", "print(7)"))
    assert (one.verdict, one.ran[0].output) == (Verdict.HOLDS, "7\n")
    assert (tmp_path / "one" / "log.txt").read_text() == "$ python -c 'print(7)'\n7\n\n"


def test_zero_executions_are_a_failure_whatever_else_is_said(tmp_path: Path) -> None:
    one = outcome(tmp_path, check("python", "-c", "", read=Reading("0 of 0", 0)))
    assert one.verdict is Verdict.VIOLATED
    assert [short.words for short in one.reading.shortfalls] == [
        "nothing was executed: that is a failure, not a pass"
    ]


def test_a_command_that_fails_is_no_pass_though_nothing_fell_short(tmp_path: Path) -> None:
    words = ("python", "-c", "import sys; sys.exit('it broke')")
    one = outcome(tmp_path, check(*words))
    assert one.verdict is Verdict.VIOLATED
    (short,) = one.reading.shortfalls
    assert short.words == "python ended with exit code 1: it broke"


def test_a_check_beyond_its_budget_is_unknown_and_its_processes_are_ended(tmp_path: Path) -> None:
    words = "import os, subprocess, sys, threading; print(os.getpid(), flush=True);"
    words += "subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE).wait()"
    one = outcome(tmp_path, check("python", "-c", words, budget_s=1.0))
    assert one.verdict is Verdict.UNKNOWN
    assert one.reading.unknown == "not at its end within its budget of 1 s"
    group = Path(f"/proc/{one.ran[0].output.strip()}")
    assert one.ran[0].output.strip().isdigit()
    assert not group.exists()


def test_what_cannot_be_read_is_unknown() -> None:
    whole = check("python", read=ValueError("no JSON"))
    one = judged(whole, plan(Path()), ran(whole))
    assert (one.verdict, one.reading.unknown) == (Verdict.UNKNOWN, "cannot be read: no JSON")


def test_what_is_violated_and_unknown_is_violated() -> None:
    reading = Reading("-", 1, (Shortfall("short by 3"),), unknown="half of it")
    whole = check("python", read=reading)
    assert judged(whole, plan(Path()), ran(whole)).verdict is Verdict.VIOLATED


def result(tmp_path: Path, *outcomes: Outcome) -> reports.Result:
    return reports.Result(plan(tmp_path), outcomes, 12.0, ())


def three(tmp_path: Path) -> reports.Result:
    """One check of each verdict."""
    whole = check("pytest", "-q")
    done = tuple(ran(whole))
    short = Reading("9 of 10", 10, (Shortfall("10 <is> missing | it", "pytest -k 10"),))
    readings = [
        (Verdict.HOLDS, Reading("10 of 10", 10, notes=("all",))),
        (Verdict.VIOLATED, short),
        (Verdict.UNKNOWN, Reading("-", 0, unknown="too late")),
    ]
    return result(
        tmp_path,
        *(
            Outcome(evolve(whole, name=f"{verdict}-one"), verdict, reading, done)
            for verdict, reading in readings
        ),
    )


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [("", 3), ("hold", 0), ("hold violate", 1), ("hold unknown", 3), ("unknown violate", 1)],
)
def test_violated_ranks_over_unknown_over_holds(tmp_path: Path, verdicts: str, code: int) -> None:
    each = {one.verdict.value[:4]: one for one in three(tmp_path).outcomes}
    chosen = [each[word[:4]] for word in verdicts.split()]
    assert result(tmp_path, *chosen).code == code


def test_the_terminal_is_told_what_fell_short_and_the_command_that_shows_it(
    tmp_path: Path,
) -> None:
    text = "\n".join(reports.lines(three(tmp_path)))
    assert "violated-one: one thing; the bar: all\n  10 <is> missing | it" in text
    assert "  again: pytest -k 10" in text
    assert "unknown, which is not passed: too late\n  again: pytest -q" in text
    assert "1 of 3 checks passed in 12 s; not passed: violated-one, unknown-one" in text


def test_the_summary_is_markdown_in_which_nothing_breaks_the_table(tmp_path: Path) -> None:
    text = reports.markdown(three(tmp_path))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 5
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert "10 &lt;is> missing \\| it" in text
    assert "```sh\npytest -k 10\n```" in text


def test_the_junit_file_has_a_case_for_each_check(tmp_path: Path) -> None:
    reports.write(three(tmp_path))
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (3, 1, 1)
    facts = json.loads((tmp_path / "gate.json").read_text())
    assert facts["verdict"] == "violated"
    assert [one["verdict"] for one in facts["checks"]] == ["holds", "violated", "unknown"]
    assert (tmp_path / "summary.md").read_text() == reports.markdown(three(tmp_path))


def test_a_new_counterexample_is_beside_the_reports(tmp_path: Path) -> None:
    found = tmp_path / "S1-00000000.json"
    found.write_text("{}")
    reports.write(evolve(three(tmp_path), found=(found,)))
    assert (tmp_path / "counterexamples" / found.name).read_text() == "{}"


def test_what_measures_runs_alone_and_first(tmp_path: Path) -> None:
    order: list[str] = []
    names = {"small": Cores.ONE, "whole": Cores.ALL, "pace": Cores.ALONE}
    checks = [
        evolve(check("python", "-c", ""), name=name, cores=cores) for name, cores in names.items()
    ]
    told = conducted(checks, plan(tmp_path, 1), lambda one: order.append(one.check.name))
    assert order == ["pace", "whole", "small"]
    assert [one.check.name for one in told] == list(names)


def test_the_sample_has_a_planted_bug_of_each_promise_and_each_has_its_turn() -> None:
    promises = sorted({mutant.promise for mutant in MUTANTS})
    samples = [sample(rotation) for rotation in range(turns())]
    for one in samples:
        assert sorted(BY_NAME[name].promise for name in one) == promises
    assert {name for one in samples for name in one} == {mutant.name for mutant in MUTANTS}


def gate(*options: str) -> Result:
    runner = CliRunner(env={"POOLCHECK_HISTORY": "none"})
    return runner.invoke(command, ["gate", *options], standalone_mode=False)


def test_the_list_names_every_check_with_its_bar_and_commands() -> None:
    lines = gate("--list").output.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        one.name for one in CHECKS
    ]
    facts = json.loads(gate("--list", "--json").output)
    assert all(one["bar"] and one["commands"] for one in facts)


def test_an_unknown_check_is_refused_in_one_line() -> None:
    with pytest.raises(Exception, match="--only 'speling': checks are counterexamples, ") as told:
        known(["speling"])
    assert "\n" not in str(told.value)


def test_the_gate_judges_the_tree_in_which_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = gate("--only", "lint")
    assert "the gate is run in the project's folder" in str(told.exception)
    for name in ("machines", "model", "pool"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyproject.toml").touch()
    assert f"is that of {ROOT}" in str(gate("--only", "lint").exception)


def test_one_check_runs_by_itself_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    told = gate("--only", "lint", "--output", str(tmp_path), "--seed", "5", "--json")
    facts = json.loads(told.output)
    assert [one["check"] for one in facts["checks"]] == ["lint"]
    assert facts["seed"] == 5
    assert told.return_value == {"holds": 0, "violated": 1}[facts["verdict"]]
    assert (tmp_path / "summary.md").exists()


def test_every_command_of_the_catalogue_is_a_program_of_this_environment() -> None:
    programs = {one.words[0] for each in CHECKS for one in each.commands(plan(Path()))}
    beside = Path(sys.executable).parent
    assert {name for name in programs - {"python"} if not (beside / name).exists()} == set()

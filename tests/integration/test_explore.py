"""`poolcheck explore` as people and machines run it: verdicts, files, stops, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from machines import counterexample
from machines.explore.bounds import Bounds
from machines.explore.cli import explore
from machines.explore.options import AMOUNTS

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).with_name("poolcheck")
ROOT = Path(__file__).parents[2]
KEYS = {
    "bounds",
    "states",
    "orbits",
    "transitions",
    "depth",
    "complete",
    "violations",
    "seconds",
}
FEW = ("--workers", "1", "--sessions", "1", "--tasks", "1", "--faults", "0")
SESSION = ("--workers", "1", "--sessions", "1", "--tasks", "2", "--faults", "0")
MORE = ("--workers", "2", "--sessions", "0", "--tasks", "2", "--faults", "0")
ONE_FAULT = ("--workers", "1", "--sessions", "0", "--tasks", "1", "--faults", "1")

BAD_OPTIONS = [
    (["--workers", "0"], "--workers"),
    (["--workers", "x"], "--workers"),
    (["--tasks", "-1"], "--tasks"),
    (["--faults", "10"], "--faults"),
    (["--processes", "0"], "--processes"),
    (["--memory", "0"], "--memory"),
    (["--states-max", "0"], "--states-max"),
    (["--seconds-max", "0"], "--seconds-max"),
    (["--mutant", "none-such"], "none-such"),
    (["--promise", "S99"], "S99"),
    (["--resume", "none-such"], "checkpoint.json"),
    (["--resume", "one", "--checkpoint", "other"], "--checkpoint"),
    (["--bogus"], "--bogus"),
    (["extra"], "extra"),
]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "explore", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def told(ran: subprocess.CompletedProcess[str], code: int) -> Any:
    """The facts that a run printed, which ended with this code and said nothing else."""
    assert (ran.returncode, ran.stderr) == (code, "")
    facts = json.loads(ran.stdout)
    assert set(facts) >= KEYS
    return facts


def counts(facts: Any) -> tuple[int, ...]:
    return tuple(facts[name] for name in ("orbits", "transitions", "depth"))


def test_a_search_that_finds_nothing_is_complete_and_exits_with_0() -> None:
    facts = told(run(*FEW, "--json"), 0)
    assert facts["complete"]
    assert facts["violations"] == []
    assert facts["bounds"]["workers"] == 1
    ran = run(*FEW)
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"complete: {facts['orbits']:,} orbits")
    assert "nothing found" in ran.stdout
    assert "overtakes 0" in ran.stdout.splitlines()[-1]


def test_the_command_searches_within_the_bounds_that_are_documented() -> None:
    defaults = {option.name: option.default for option in explore.params}
    assert {name: defaults[name] for name in AMOUNTS} == {
        name: getattr(Bounds(), name) for name in AMOUNTS
    }


def test_two_runs_and_any_number_of_processes_count_the_same() -> None:
    ran = [told(run(*MORE, "--processes", n, "--json"), 0) for n in (1, 1, 2, 3)]
    assert len({counts(facts) for facts in ran}) == 1


def test_the_planted_deadlock_is_found_as_a_quiet_state(tmp_path: Path) -> None:
    ran = run(*SESSION, "--mutant", "deadly-embrace", "--json", "--save", tmp_path)
    facts = told(ran, 1)
    (found,) = facts["found"]
    assert facts["violations"] == [found["file"]]
    assert (found["promise"], found["worlds"]) == ("L1", "sim and real")
    assert found["loop_from_step"] is None
    assert "nothing more can happen" in found["sentence"]
    assert found["steps"] <= found["steps_found"] <= facts["depth"] + 1
    example = counterexample.load(Path(found["file"]))
    assert example.origin["found_by"] == "poolcheck explore"


def test_the_planted_livelock_is_found_as_a_fair_cycle(tmp_path: Path) -> None:
    ran = run(*ONE_FAULT, "--mutant", "plans-for-ever", "--json", "--save", tmp_path)
    facts = told(ran, 1)
    (found,) = facts["found"]
    assert (found["promise"], found["worlds"]) == ("L1", "sim and real")
    assert found["loop_from_step"] == found["steps"]
    assert "again and again" in found["sentence"]
    assert facts["complete"]


def test_a_livelock_is_told_as_a_trace_with_a_loop(tmp_path: Path) -> None:
    ran = run(*ONE_FAULT, "--mutant", "plans-for-ever", "--save", tmp_path)
    assert ran.returncode == 1
    assert "L1 is broken: " in ran.stdout
    assert "and again from step " in ran.stdout
    assert "worlds:  sim and real" in ran.stdout
    assert f"saved:   {tmp_path}" in ran.stdout


def test_who_does_not_look_for_cycles_finds_no_livelock(tmp_path: Path) -> None:
    ran = run(*ONE_FAULT, "--mutant", "plans-for-ever", "--no-liveness", "--save", tmp_path)
    assert ran.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("symmetry", ["--symmetry", "--no-symmetry"])
def test_a_planted_bug_is_found_in_as_few_steps_as_can_be(tmp_path: Path, symmetry: str) -> None:
    ran = run(*SESSION, "--mutant", "last-in-first-out", symmetry, "--json", "--save", tmp_path)
    (found,) = told(ran, 1)["found"]
    assert (found["promise"], found["worlds"]) == ("L4", "sim and real")


def test_running_out_of_states_is_unknown_and_exits_with_3() -> None:
    facts = told(run(*MORE, "--states-max", 50, "--json"), 3)
    assert not facts["complete"]
    assert facts["violations"] == []
    assert facts["unknown"] == "it was to end at 50 states"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_is_stopped_and_resumed_ends_as_if_it_had_not_been(
    tmp_path: Path, number: signal.Signals
) -> None:
    whole = told(run(*MORE, "--json"), 0)
    kept = tmp_path / "kept"
    told(run(*MORE, "--checkpoint", kept, "--states-max", 100, "--json"), 3)
    resumed = subprocess.Popen(
        [COMMAND, "explore", *MORE, "--resume", kept, "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    before = os.stat(kept / "checkpoint.json").st_mtime_ns
    while resumed.poll() is None:  # until it has written one of its own
        if os.stat(kept / "checkpoint.json").st_mtime_ns != before:
            resumed.send_signal(number)
            break
    out, err = resumed.communicate(timeout=60)
    facts = told(subprocess.CompletedProcess([], resumed.returncode, out, err), 3)
    assert facts["unknown"] == f"it was stopped by {number.name}"
    assert counts(told(run(*MORE, "--resume", kept, "--json"), 0)) == counts(whole)
    refused(run(*FEW, "--resume", kept), "a checkpoint of workers 2")


def refused(ran: subprocess.CompletedProcess[str], says: str) -> None:
    """Exit code 2, one line on standard error, nothing else."""
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("poolcheck: ")
    assert says in ran.stderr


@pytest.mark.parametrize(("options", "says"), BAD_OPTIONS, ids=str)
def test_a_bad_option_is_refused_in_one_line(options: list[str], says: str) -> None:
    refused(run(*options), says)

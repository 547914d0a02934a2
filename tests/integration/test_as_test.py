"""Counterexamples as tests of the public API alone: they run, pass, and find the bug again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from machines import counterexample
from machines.as_test import CannotBeTest, as_test
from machines.counterexample import Counterexample, Status
from machines.drivers import Layer
from machines.mutants import BY_NAME
from machines.natural import natural
from machines.parts import POOL, Parts
from machines.trace import Advance, Crash, Deliver, Jump, Mangle, Open, Receive, Setting, Submit

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SAVED = sorted((ROOT / counterexample.FOLDER).glob("*.json"))
COMMAND = Path(sys.executable).with_name("poolcheck")

# In a folder of tests, plants in each one's pool the bug that its file was saved for.
PLANT = """
import functools, pytest
from pool import pool
from machines.mutants import BY_NAME

BUGS = {bugs!r}

@pytest.fixture(autouse=True)
def planted(request, monkeypatch):
    core = BY_NAME[BUGS[request.module.__name__]].parts.core
    monkeypatch.setattr(pool, "Loop", functools.partial(pool.Loop, core=core))
    monkeypatch.setattr(request.module, "LIMIT_S", 3.0)
"""


def texts() -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """For each saved file, its test and its bug's name; or why there is no test."""
    tests, reasons = {}, {}
    for path in SAVED:
        example = counterexample.load(path)
        mutant = BY_NAME[example.origin["mutant"]]
        try:
            text = as_test(example, path.name, mutant.parts)
        except CannotBeTest as error:
            reasons[path.stem] = str(error)
        else:
            tests["test_" + path.stem.replace("-", "_").lower()] = (text, mutant.name)
    return tests, reasons


@pytest.fixture(scope="module")
def made() -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """All tests and reasons, made once."""
    return texts()


def pytest_in(folder: Path) -> dict[str, str]:
    """What became of each test in this folder."""
    words = [sys.executable, "-m", "pytest", "-v", "-n", "4", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*words, "--rootdir", str(folder), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=folder,
    )
    found = re.findall(r"(PASSED|FAILED|ERROR) (\w+)\.py::", ran.stdout)
    assert found, ran.stdout + ran.stderr
    return {name: word for word, name in found}


def test_every_saved_file_is_a_test_that_passes_or_says_in_one_line_why_it_is_none(
    made: tuple[dict[str, tuple[str, str]], dict[str, str]], tmp_path: Path
) -> None:
    tests, reasons = made
    assert len(tests) + len(reasons) == len(SAVED)
    assert len(tests) >= 25
    for reason in reasons.values():
        assert reason.startswith("the public API cannot ")
        assert reason.splitlines() == [reason]
    for name, (text, _) in tests.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        assert "machines" not in text, "it uses the public API alone"
    assert pytest_in(tmp_path) == dict.fromkeys(tests, "PASSED")


def test_with_its_bug_in_the_core_planted_every_such_test_fails(
    made: tuple[dict[str, tuple[str, str]], dict[str, str]], tmp_path: Path
) -> None:
    chosen = {}
    for name, (text, bug) in made[0].items():
        if BY_NAME[bug].parts == Parts(core=BY_NAME[bug].parts.core):
            chosen[name] = bug
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(PLANT.format(bugs=chosen), encoding="utf-8")
    assert len(chosen) >= 20
    assert pytest_in(tmp_path) == dict.fromkeys(chosen, "FAILED")


def example(*steps: object, **settings: object) -> Counterexample:
    nothing = "0" * 64
    setting = Setting(1, **settings)  # type: ignore[arg-type]
    return Counterexample("L1", "words", Status.OPEN, 0, nothing, setting, steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made_of", "reason"),
    [
        (example(Mangle(0)), "damage a frame (step 1)"),
        (example(Submit(0), Crash(0, half=True)), "kill a worker within an effect (step 2)"),
        (example(Jump(1.0)), "make timers late (step 1)"),
        (example(Submit(0, "fork")), "foresee what comes of 'fork' (step 1)"),
        (example(Submit(0, deadline=0.1)), "be so quick (step 1)"),
        (example(health_interval=0.1), "be as quick as health_interval demands"),
        (example(fallback=True), "hold a task back that the fallback executor has"),
        (example(Submit(0)), "show the bug: what is seen from outside is the same"),
    ],
)
def test_what_the_public_api_cannot_make_is_said_in_one_line(
    made_of: Counterexample, reason: str
) -> None:
    with pytest.raises(CannotBeTest) as caught:
        as_test(made_of, "file.json")
    line = str(caught.value)
    assert line.startswith(f"the public API cannot {reason}")
    assert line.splitlines() == [line]


def test_a_natural_run_does_not_hang_on_the_schedule_and_is_the_same_on_every_layer() -> None:
    trace = example(Submit(0), Submit(1), Crash(0), Open(1), Advance(1.0)).trace
    scheduled = example(
        Submit(0), Deliver(0), Submit(1), Receive(0), Crash(0), Open(1), Advance(1.0)
    ).trace
    runs = [natural(it, POOL, layer) for it in (trace, scheduled) for layer in Layer]
    assert all(run == runs[0] for run in runs)
    assert runs[0].outcomes == {0: ("lost", None), 1: ("returned", ["echo", 1])}
    assert [type(act.command) for act in runs[0].acts] == [Submit, Submit, Crash, Open, Advance]


def test_the_command_prints_the_test_or_refuses_in_one_line() -> None:
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        line = [str(COMMAND), "replay", *map(str, words), "--as-test"]
        return subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT)

    good = run(ROOT / counterexample.FOLDER / "L2-1653ec6a.json")
    assert (good.returncode, good.stderr) == (0, "")
    compile(good.stdout, "test", "exec")
    assert "def test_l2_1653ec6a(tmp_path):" in good.stdout
    bad = run(ROOT / counterexample.FOLDER / "L2-2fe5615b.json")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.endswith("L2-2fe5615b.json: the public API cannot damage a frame (step 1)\n")
    both = run(*SAVED[:2])
    assert (both.returncode, both.stderr) == (2, "poolcheck: --as-test takes one FILE\n")

"""`pytest --history`: what a session saw of its tests is kept, from one process or several."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from machines.history.past import read
from machines.history.place import FILE, VARIABLE, place_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

TESTS = """
import pytest

@pytest.fixture
def breaks_before():
    raise RuntimeError

@pytest.fixture
def breaks_after():
    yield
    raise RuntimeError

def test_passes(): pass
def test_fails(): assert False
def test_before(breaks_before): pass
def test_after(breaks_after): pass
def test_skipped(): pytest.skip("there is none")
@pytest.mark.xfail(strict=True)
def test_fails_as_said(): assert False
"""


def session(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(TESTS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, "test_it.py"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "three processes"])
def test_every_outcome_is_kept_once(tmp_path: Path, processes: tuple[str, ...]) -> None:
    ran = session(tmp_path, "--history", *processes)
    assert ran.returncode == 1, ran.stdout
    assert "history: 6 tests recorded in " in ran.stdout
    past = read(place_of(FILE, tmp_path), 9)
    assert [(run.kind, run.verdict) for run in past.runs] == [("pytest", "violated")]
    failed = {
        past.tests[test].rpartition("::")[2]: bool(failed)
        for test, failed in zip(past.test, past.failed, strict=True)
    }
    assert failed == {
        "test_passes": False,
        "test_fails": True,
        "test_before": True,
        "test_after": True,
        "test_fails_as_said": False,
    }


def test_without_the_option_nothing_is_kept(tmp_path: Path) -> None:
    assert session(tmp_path).returncode == 1
    assert not (tmp_path / "artifacts").exists()


def test_a_history_in_trouble_does_not_change_the_sessions_result(tmp_path: Path) -> None:
    good = session(tmp_path, "-k", "passes", "--history=/proc/poolcheck/history.sqlite")
    assert good.returncode == 0, good.stdout
    assert "history: not recorded in /proc/poolcheck/history.sqlite: " in good.stdout
    bad = session(tmp_path, "--history=ftp://there")
    assert bad.returncode == 4
    assert "ftp://there" in bad.stderr


def test_what_a_planted_bug_does_is_not_kept(tmp_path: Path) -> None:
    ran = session(tmp_path, "--history", "--mutant", "late-result-to-the-next", "-k", "passes")
    assert ran.returncode == 0, ran.stdout
    assert "history: not recorded: with late-result-to-the-next planted" in ran.stdout
    assert not (tmp_path / "artifacts" / "history.sqlite").exists()

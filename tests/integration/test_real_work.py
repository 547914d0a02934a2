"""Real work while workers are killed: the example of the README, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from examples import library_under_fire

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def test_the_library_is_hashed_rightly_under_fire_and_nothing_is_left() -> None:
    paths = library_under_fire.library()
    assert len(paths) > 1000
    serial = [library_under_fire.digest(path) for path in paths]
    library_under_fire.under_fire(paths[:3], size=2)  # multiprocessing's own processes are up now
    before = census()
    results, kills = library_under_fire.under_fire(paths, size=2)
    assert serial == results
    assert kills >= len(paths) // library_under_fire.KILL_EVERY // 2
    assert before == census()


def census() -> tuple[int, int, list[int]]:
    """Descriptors, threads and child processes of this process."""
    me = psutil.Process()
    children = sorted(child.pid for child in me.children(recursive=True))
    return me.num_fds(), threading.active_count(), children


def test_the_example_runs_as_the_readme_says() -> None:
    ran = subprocess.run(
        [sys.executable, "examples/library_under_fire.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "results equal: True" in ran.stdout

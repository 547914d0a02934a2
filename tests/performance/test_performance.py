"""The suites in full, each held against the configured thresholds: `pytest -m performance`.

About six minutes; five of them are the sustained load's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 900

pytestmark = [pytest.mark.integration, pytest.mark.performance]


@pytest.mark.parametrize("shape", ["ramp", "spike", "mixed", "errors", "sustained"])
def test_a_load_meets_what_is_demanded(shape: str) -> None:
    held("load", shape)


def test_nothing_is_slower_than_the_baseline() -> None:
    held("performance")


def held(*arguments: str) -> None:
    command = [sys.executable, "-c", "from machines.cli import main; main()", *arguments]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

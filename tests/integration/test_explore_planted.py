"""`python -m machines.explore.planted`: each bug hunted twice, and found in no more steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from machines.explore.planted import Compared, main
from machines.mutants import CANARY

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "machines.explore.planted", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_bugs_are_found_in_no_more_steps_on_every_layer_or_said_not_to_fit() -> None:
    names = ["late-result-to-the-next", "plans-for-ever", "header-unverified", "checks-once"]
    done = ran("--json", *names)
    assert (done.returncode, done.stderr) == (0, "")
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows] == names
    late, endless, header, checks = rows
    assert late["steps"] <= late["steps_hunted"]
    assert endless["steps_hunted"] is None  # a run without an end is none that Hypothesis sees
    assert late["layers"] == endless["layers"] == ["sim", "wire", "real"]
    assert "frames" in header["apart"]
    assert "health_interval" in checks["apart"]


def test_an_unknown_bug_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["none-such"])
    assert left.value.code == 2
    assert "none-such" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "missed",
    [
        Compared(CANARY, 1, ()),
        Compared(CANARY, 1, (), steps=2, layers=("sim", "wire", "real")),
        Compared(CANARY, 1, (), steps=1, layers=("sim", "real")),
    ],
)
def test_what_is_missed_or_longer_or_not_seen_everywhere_has_not_passed(missed: Compared) -> None:
    assert not missed.passed
    assert "MISSED" in missed.row()

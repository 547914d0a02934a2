"""The suites run: tiny versions, of which only the truth is demanded, and no speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from machines.suites import plots, settings
from machines.suites.performance.command import facts_of
from machines.suites.performance.run import Amount, measure

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.integration


def poolcheck(*arguments: str, **said: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from machines.cli import main; main()", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **said}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def told(ran: subprocess.CompletedProcess[str]) -> Any:
    assert ran.returncode in (0, 1), ran.stderr
    return json.loads(ran.stdout)


def test_a_short_mixed_load_is_answered_truthfully_and_reported(tmp_path: Path) -> None:
    ran = poolcheck(
        "load",
        "mixed",
        "--seconds",
        "1",
        "--json",
        "--output",
        str(tmp_path),
        POOLCHECK_FREE_SIZE="2",
    )
    (facts,) = told(ran)
    assert facts["endings"] == {"returned": 1000}
    assert facts["pool"]["size"] == 2
    assert facts["overrides"][0]["variable"] == "POOLCHECK_FREE_SIZE"
    assert facts["verdict"] == "holds"
    assert facts["client"]["processor_us"] > 0
    assert facts["resources"]["workers_processor_s"] > 0
    assert json.loads((tmp_path / "load-mixed.json").read_text()) == facts
    assert (tmp_path / "load-mixed.png").stat().st_size > 10_000


def test_operations_that_raise_and_workers_that_die_are_told_as_they_are(tmp_path: Path) -> None:
    ran = poolcheck("load", "errors", "--seconds", "2", "--json", "--output", str(tmp_path))
    (facts,) = told(ran)
    assert facts["kills"]
    assert facts["endings"]["raised"] > 0
    assert set(facts["endings"]) <= {"returned", "raised", "lost"}
    assert facts["resources"]["restarted"] == len(facts["kills"])


def test_a_bad_setting_ends_the_command_with_one_line(tmp_path: Path) -> None:
    ran = poolcheck("load", "--output", str(tmp_path), POOLCHECK_FREE_SIZE="17")
    assert ran.returncode == 2
    assert ran.stderr == ("poolcheck: POOLCHECK_FREE_SIZE = 17: legal: a whole number, 1 to 16\n")


@pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
def test_a_little_of_performance_is_measured_and_drawn(tmp_path: Path) -> None:
    known = settings.load(ROOT / "pyproject.toml", {"POOLCHECK_FREE_SIZE": "2"})
    amount = Amount(rounds=1, calls=100, workers=(1, 2), payloads=(0, 1 << 20))
    found = measure(known.on("free"), amount)
    facts = facts_of(found, [], [], known, {"commit": "abc"})
    assert [row["workers"] for row in facts["scaling"]["workers"]] == [1, 2]
    assert [row["bytes"] for row in facts["scaling"]["payload"]] == [0, 1 << 20]
    assert all(one["median"] > 0 for one in (*facts["figures"].values(), *facts["ratios"].values()))
    assert facts["resources"][0]["client_us"] > 0
    assert facts["latency"]["count"] == 20
    assert facts["pool"] == {"size": 2}
    plots.draw_scaling(facts, tmp_path / "performance.png")
    assert (tmp_path / "performance.png").stat().st_size > 10_000
    assert json.loads(json.dumps(facts)) == facts


def test_without_a_baseline_nothing_is_measured(tmp_path: Path) -> None:
    ran = poolcheck("performance", "--baseline", str(tmp_path / "none.json"))
    assert ran.returncode == 2
    assert ran.stderr == f"poolcheck: {tmp_path / 'none.json'}: No such file or directory\n"

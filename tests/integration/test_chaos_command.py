"""`poolcheck chaos` as it is typed: its report, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).with_name("poolcheck")
LIMIT_S = 60.0


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "chaos", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_a_run_leaves_its_facts_its_picture_and_the_pool_s_log(tmp_path: Path) -> None:
    shown = ran("corruption", "--tasks", "100", "--seed", "3", "--output", str(tmp_path), "--json")
    assert shown.returncode == 0, shown.stderr
    facts = json.loads(shown.stdout)
    assert facts == json.loads((tmp_path / "corruption.json").read_text())
    assert (facts["suite"], facts["scenario"], facts["seed"]) == ("chaos", "corruption", 3)
    assert facts["verdict"] == "holds"
    assert facts["tasks"] >= 100
    assert {one["met"] for one in facts["demands"]} == {"met"}
    assert all(one["source"] for one in facts["demands"])
    assert sum(facts["endings"].values()) == facts["tasks"]
    assert facts["series"]
    assert facts["marks"][-1]["words"] == "peace"
    assert (tmp_path / "corruption.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "corruption.log").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("flood",), "'flood' is not one of 'kill', 'cascade'"),
        (("kill", "--seconds", "0"), "--seconds"),
        (("kill", "--tasks", "0"), "--tasks"),
        (("kill", "--output", "/dev/null/here"), "--output"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    shown = ran(*arguments)
    assert shown.returncode == 2
    assert says in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1

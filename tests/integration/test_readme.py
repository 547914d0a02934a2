"""What the README shows is what one gets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def block(marker: str) -> str:
    """The fenced block behind a marker."""
    text = (ROOT / "README.md").read_text()
    return text.split(f"<!-- {marker} -->\n")[1].split("```\n")[0].split("\n", 1)[1]


def test_the_sample_prints_what_its_comments_say(tmp_path: Path) -> None:
    program = tmp_path / "sample.py"
    program.write_text(block("runnable"))
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    first, second, third, fourth = ran.stdout.splitlines()
    assert (first, second, fourth) == ("49", "[0, 1, 4, 9, 16]", "64")
    assert third.startswith("task 6 passed its deadline")


def test_the_planted_bug_is_found_shrunk_saved_and_replayed(tmp_path: Path) -> None:
    """The story's details may vary with the seed; its promise, its length and its end do not."""
    arguments = ["machines/test_pool.py", "--layer", "sim", "--mutant", "late-result-to-the-next"]
    arguments += ["--counterexamples", str(tmp_path), "-p", "no:cacheprovider"]
    arguments += ["--hypothesis-profile", "gate", "--hypothesis-seed", "1"]
    run = subprocess.run(
        [BIN / "pytest", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert block("a counterexample").splitlines()[0] in run.stdout
    assert "(sim 1/1, wire 1/1, real 3/3)" in run.stdout
    (saved,) = tmp_path.glob("S2-*.json")  # it may break others, too
    command = [BIN / "poolcheck", "replay", saved]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    command += ["--mutant", "late-result-to-the-next"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
    ],
    ids=" ".join,
)
def test_the_code_is_clean(command: list[str]) -> None:
    ran = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

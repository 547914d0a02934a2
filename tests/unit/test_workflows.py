"""The workflows are what GitHub takes, and type what the documentation tells a person to type."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from machines.cli import command

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What only a CI server can do: show the summary on its page.
FOR_A_SERVER = {'cat artifacts/reports/gate/summary.md >> "$GITHUB_STEP_SUMMARY"'}
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())


def typed(workflow: Any) -> Iterator[str]:
    """Every line that the workflow's jobs run, those of its matrix put in."""
    for job in workflow["jobs"].values():
        rows = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
        for step in job["steps"]:
            for row in rows:
                text = step.get("run", "")
                for name, value in row.items():
                    text = text.replace(f"${{{{ matrix.{name} }}}}", value)
                yield from filter(None, text.splitlines())


def documented() -> set[str]:
    """Every line of the documentation's shell blocks, and `.ci/run`, which runs README's."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    blocks = [block for page in pages for block in BLOCK.findall(page.read_text())]
    return {line for block in blocks for line in block.splitlines()} | {"bash .ci/run"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_of_the_form_that_github_takes(path: Path) -> None:
    words = [sys.executable, "-m", "check_jsonschema"]
    words += ["--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout


def test_a_workflow_of_another_form_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("name: wrong\non: push\njobs: {one: {steps: [{ruin: 'echo'}]}}\n")
    words = [sys.executable, "-m", "check_jsonschema"]
    words += ["--builtin-schema", "vendor.github-workflows", str(wrong)]
    assert subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_types_what_a_person_types(path: Path) -> None:
    lines = set(typed(yaml.safe_load(path.read_text())))
    assert lines - documented() - FOR_A_SERVER == set()
    assert lines & documented() != set()


def test_the_gate_runs_on_each_pull_request_and_keeps_its_reports() -> None:
    workflow = loaded("gate.yml")
    assert "pull_request" in workflow[True]  # YAML's own reading of `on`
    kept = [step for step in workflow["jobs"]["gate"]["steps"] if "upload" in step.get("uses", "")]
    assert [(step["if"], step["with"]["path"]) for step in kept] == [
        ("always()", "artifacts/reports/gate/")
    ]


def test_each_command_of_the_night_is_one_that_is_there() -> None:
    names = {line.split()[1] for line in typed(loaded("nightly.yml")) if "/poolcheck " in line}
    assert names == {"selfcheck", "explore", "load", "chaos"}
    for name in sorted(names):
        assert CliRunner().invoke(command, [name, "--help"]).exit_code == 0

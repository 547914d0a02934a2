"""Saved counterexamples survive the code that made them: everything that they meant is renamed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from renaming import ROOT, renamed_copy

from machines.counterexample import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

SAVED = sorted((ROOT / FOLDER).glob("*.json"))

# Run in either project: what each file says of the pool of today, and with its bug planted.
ASK = """
import json
from machines import counterexample
from machines.drivers import Layer
from machines.mutants import BY_NAME
from machines.replay import replay
from model.promises import PROMISES

if __name__ == "__main__":
    answers = {}
    for path in sorted(counterexample.FOLDER.glob("*.json")):
        saved = counterexample.load(path)
        mutant = BY_NAME[saved.origin["mutant"]]
        own = [kind for kind in PROMISES if kind.promise == saved.promise]
        today = [replay(saved, layer) for layer in (Layer.SIM, Layer.WIRE)]
        planted = replay(saved, mutant.layer, parts=mutant.parts, promises=own)
        answers[path.name] = {
            "today": [one.answer.value for one in today],
            "digests": [one.digests for one in today],
            "planted": planted.answer.value,
            "as_saved": planted.as_saved,
            "sentence": planted.sentence == saved.sentence,
            "digest": planted.digests == [saved.digest],
        }
    print(json.dumps(answers))
"""
RIGHT = {
    "today": ["holds", "holds"],
    "planted": "violated",
    "as_saved": True,
    "sentence": True,
    "digest": True,
}


def ask(folder: Path, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(program), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_every_saved_file_answers_rightly_after_events_rules_and_classes_were_renamed(
    tmp_path: Path,
) -> None:
    later = tmp_path / "later"
    names = renamed_copy(later)
    assert len(names) > 100
    for gone in ("TaskSubmitted", "SpawnWorker", "Resolved", "Submit", "PoolMachine"):
        assert gone in names
    changed = (later / "pool" / "events.py").read_text()
    assert "class TaskSubmittedRenamed:" in changed
    assert "class TaskSubmitted:" not in changed
    assert "def renamed_submit_several(" in (later / "machines" / "clients.py").read_text()
    program = tmp_path / "ask.py"
    program.write_text(ASK)
    before, after = ask(ROOT, program), ask(later, program)
    assert after.stderr == ""
    answers = json.loads(after.stdout)
    wrong = {
        name: answer
        for name, answer in answers.items()
        if {key: answer[key] for key in RIGHT} != RIGHT
    }
    assert wrong == {}
    assert sorted(answers) == [path.name for path in SAVED]
    assert answers == json.loads(before.stdout), "the digests are those of before, too"


def test_after_that_the_machines_still_run_and_the_command_still_replays(tmp_path: Path) -> None:
    later = tmp_path / "later"
    renamed_copy(later)
    program = tmp_path / "poolcheck.py"
    program.write_text("from machines.cli import main\nif __name__ == '__main__':\n    main()\n")
    files = [str(path.relative_to(ROOT)) for path in SAVED[:5]]
    ran = ask(later, program, "replay", *files, "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert {one["verdict"] for one in json.loads(ran.stdout)} == {"holds"}
    ran = ask(later, program, "selfcheck", "--mutant", "checked-out-twice", "--real", "1")
    assert (ran.returncode, ran.stderr) == (0, "")

"""The conclusion: what was found is saved with the worlds in which it was seen, and told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from machines.conclusion import conclude
from machines.counterexample import FOLDER, load
from machines.drivers import Layer
from machines.hunt import Finding
from machines.mutants import BY_NAME, MUTANTS
from machines.run import execute
from machines.trace import Crash, Setting, Trace

if TYPE_CHECKING:
    from pathlib import Path

REAL_ONLY = next(mutant for mutant in MUTANTS if mutant.layer is Layer.REAL)


def found(trace: Trace, name: str, layer: Layer) -> Finding:
    report = execute(trace, layer, BY_NAME[name].parts)
    assert report.violation is not None
    return Finding(report.violation, trace)


def test_what_both_worlds_show_is_saved_and_told_as_such(tmp_path: Path) -> None:
    finding = found(Trace(Setting(1), (Crash(0),)), "never-replaced", Layer.SIM)
    told = conclude(finding, Layer.SIM, tmp_path, BY_NAME["never-replaced"].parts)
    (saved,) = tmp_path.iterdir()
    assert json.loads(saved.read_text())["world"] == "sim and real"
    assert "worlds:  sim and real, so it is no artefact of the simulation (sim 1/1" in told


def test_what_only_real_processes_show_is_saved_and_told_as_such(tmp_path: Path) -> None:
    kept = [load(path) for path in sorted(FOLDER.glob("*.json"))]
    trace = next(one.trace for one in kept if one.origin.get("mutant") == REAL_ONLY.name)
    finding = found(trace, REAL_ONLY.name, Layer.REAL)
    told = conclude(finding, Layer.REAL, tmp_path, REAL_ONLY.parts)
    (saved,) = tmp_path.iterdir()
    assert json.loads(saved.read_text())["world"] == "real only"
    assert "worlds:  real only, so something leaks past the core" in told


def test_one_that_is_kept_already_is_not_written_again(tmp_path: Path) -> None:
    finding = found(Trace(Setting(1), (Crash(0),)), "never-replaced", Layer.SIM)
    conclude(finding, Layer.SIM, tmp_path, BY_NAME["never-replaced"].parts)
    (saved,) = tmp_path.iterdir()
    saved.write_text("kept")
    conclude(finding, Layer.SIM, tmp_path, BY_NAME["never-replaced"].parts)
    assert saved.read_text() == "kept"

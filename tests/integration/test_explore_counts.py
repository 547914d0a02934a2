"""The complete search counts the same whoever counts: runs, processes, hash seeds, Pythons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).with_name("poolcheck")
BOUNDS = ("--workers", "2", "--sessions", "1", "--tasks", "1", "--faults", "1", "--asks", "0")
# Of the pool as it is: whoever changes what it does, or what a state is, counts anew.
COUNTS = {"orbits": 2_302, "states": 4_431, "transitions": 5_874, "depth": 21}


def counted(processes: int, hash_seed: int) -> dict[str, Any]:
    """What a search of its own has counted."""
    ran = subprocess.run(
        [COMMAND, "explore", *BOUNDS, "--processes", str(processes), "--json"],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    facts = json.loads(ran.stdout)
    assert facts["complete"]
    return {name: facts[name] for name in COUNTS}


def test_runs_processes_and_hash_seeds_count_the_same() -> None:
    ran = [counted(*how) for how in ((1, 0), (1, 0), (1, 4_711), (2, 1))]
    assert ran == [COUNTS] * 4

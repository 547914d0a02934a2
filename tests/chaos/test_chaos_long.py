"""Every kind of chaos for half a minute, with all that is demanded of it, by the clock too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from machines.suites.chaos.command import NAMES

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

SECONDS = 30
LIMIT_S = 300.0


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_demanded_after_half_a_minute_of_chaos_holds(name: str, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("poolcheck")
    shown = subprocess.run(
        [command, "chaos", name, "--seconds", str(SECONDS), "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr

"""Where a result came from: the commit, the machine, and what the environment has overridden."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from machines.suites.settings import Settings

ROOT: Final = Path(__file__).parents[2]
GIT_S: Final = 10.0


def facts(settings: Settings) -> dict[str, Any]:
    """What every result says of itself.

    Args:
        settings: by which it was made.
    """
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {
            "cpus": os.cpu_count(),
            "usable_cpus": len(os.sched_getaffinity(0)),
            "memory_bytes": psutil.virtual_memory().total,
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
            "load_average": list(os.getloadavg()),
        },
        "overrides": settings.facts(),
    }


def commit() -> str | None:
    """The commit that was run, with `+` if files differ from it; None outside of a clone."""
    said = _git("rev-parse", "HEAD")
    if said is None:
        return None
    return f"{said}+" if _git("status", "--porcelain", "--untracked-files=no") else said


def _git(*arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(ROOT), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, check=False)  # noqa: S603 - its arguments are ours
    return ran.stdout.strip() if ran.returncode == 0 else None

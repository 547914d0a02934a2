"""Environment: what a run was run in, and which code it was."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path

GIT_S: Final = 20.0


@frozen
class Environment:
    """What a run's outcomes and durations may depend on.

    Attributes:
        code: the commit; with a digest of all that differs from it after a `+`, if something does.
            Runs are of the same code if this is equal. Empty where there is no commit.
        commit: the commit alone; empty where there is none.
        dirty: whether something differs from the commit.
        python: its version.
        platform: system, its release, and the processor's kind.
        cores: so many processors may be used.
        hash_seed: `$PYTHONHASHSEED`; `random` if it is not set.
    """

    code: str
    commit: str
    dirty: bool
    python: str
    platform: str
    cores: int
    hash_seed: str


def here(root: Path) -> Environment:
    """This process's environment, and the code in the folder.

    Args:
        root: the project's folder.
    """
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    change = _change(root) if commit else b""
    return Environment(
        code=commit + (f"+{hashlib.sha256(change).hexdigest()[:16]}" if change else ""),
        commit=commit,
        dirty=bool(change),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=len(os.sched_getaffinity(0)),
        hash_seed=os.environ.get("PYTHONHASHSEED") or "random",
    )


def _change(root: Path) -> bytes:
    """All that differs from the commit: of files it knows, and of new ones that are not ignored."""
    change = _git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/")
    top = _git(root, "rev-parse", "--show-toplevel").decode().strip()
    parts = [change] if change else []
    for name in sorted(filter(None, new.split(b"\0"))):
        try:
            with open(os.path.join(os.fsencode(top), name), "rb") as file:  # names are bytes
                content = hashlib.file_digest(file, "sha256").digest()
        except OSError:
            content = b""  # gone meanwhile, or no file
        parts += [name, content]
    return b"\0".join(parts)


def _git(root: Path, *words: str) -> bytes:
    """What git says; nothing if it cannot say."""
    try:
        ran = subprocess.run(  # noqa: S603 - words of this file
            ["git", "-C", str(root), *words],  # noqa: S607 - whichever git the project uses
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return ran.stdout if ran.returncode == 0 else b""

"""The scratch folder: everything that a run's forkserver puts into the file system, in one place.

The folder's name says whose it is, and a lock in it says whether its owner lives; so what a
killed run left behind is found and removed by the next, and nothing else is ever touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
from multiprocessing import util
from pathlib import Path
from typing import Final

PREFIX: Final = "poolcheck-run-"
# A socket's path has at most 107 bytes, and the forkserver's takes 55 beyond the parent's.
PARENT_MAX: Final = 50
_LOCK: Final = "owner.lock"


@functools.cache
def claim() -> Path:
    """This process has a scratch folder, and the folders of dead runs are gone.

    `multiprocessing` keeps its own temporary folder inside it, unless it has one already. The
    folder is removed when this process ends in good order.

    Returns:
        The folder; the same at every call.
    """
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > PARENT_MAX:
        parent = Path("/tmp")  # noqa: S108 - mkdtemp makes a folder of our own there
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = usual
    # Runs after multiprocessing has removed its own folder, whose priority is -100.
    util.Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=-200)
    return folder


def sweep(parent: Path) -> list[Path]:
    """The scratch folders of dead runs are removed; which they were is returned.

    Args:
        parent: where scratch folders are made.
    """
    removed = []
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its owner lives
            finally:
                os.close(lock)
            shutil.rmtree(folder)
            removed.append(folder)
    return removed

"""Cleaning up: what a test left is removed, in good order first and then not."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from machines import scratch
from machines.harness import tag
from machines.harness.footprint import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable

GRACE_S: Final = 0.5
# The kernel has ended and shown dead what was killed by then, in seconds.
_KILLED_S: Final = 5.0
# So begins what an instance shares in memory; twelve hexadecimal digits of it say whose it is.
MEMORY_PREFIX: Final = "pc"


def cleanup_orphaned_processes(grace: float = GRACE_S) -> tuple[str, ...]:
    """No process is left whose tag names an owner that is dead; what was ended is returned.

    A process without a tag is never touched, nor one whose owner lives, nor one of another
    namespace of process numbers.

    Args:
        grace: seconds that they get to end by themselves.

    Returns:
        Each in a few words: its number and its name.
    """
    return end_processes(tag.orphans(), grace)


def end_processes(processes: Iterable[psutil.Process], grace: float = GRACE_S) -> tuple[str, ...]:
    """They have ended: told to, and killed if they did not; children of ours are reaped.

    Args:
        processes: psutil tells each from another that has its number by now.
        grace: seconds between the two.

    Returns:
        Each in a few words: its number and its name.
    """
    ended = []
    asked = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            ended.append(f"process {process.pid} ({process.name()})")
            asked.append(process)
            process.terminate()
            process.resume()  # a stopped one would not hear it
    _, stubborn = psutil.wait_procs(asked, grace)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, _KILLED_S)
    return tuple(ended)


def cleanup_shared_memory(prefix: str) -> tuple[str, ...]:
    """No semaphore or segment of shared memory is left whose name begins so.

    Args:
        prefix: an instance's `memory_prefix`; must begin as all of those do.

    Returns:
        The names of those that were removed.

    Raises:
        ValueError: the prefix is not one of the harness's.
    """
    if not prefix.startswith(MEMORY_PREFIX) or len(prefix) <= len(MEMORY_PREFIX):
        raise ValueError(f"prefix {prefix!r}: only what begins with {MEMORY_PREFIX!r} is removed")
    removed = []
    for path in sorted(SHARED.iterdir()) if SHARED.is_dir() else ():
        if path.name.removeprefix("sem.").startswith(prefix):
            with contextlib.suppress(OSError):
                path.unlink()
                removed.append(path.name)
                _forget(path.name)
    return tuple(removed)


def _forget(name: str) -> None:
    """The resource tracker does not warn of what is gone, whether it knew of it or not."""
    kind = "semaphore" if name.startswith("sem.") else "shared_memory"
    for tell in (resource_tracker.register, resource_tracker.unregister):
        tell(f"/{name.removeprefix('sem.')}", kind)


def cleanup_test_files(folder: Path | None = None) -> tuple[Path, ...]:
    """The folders of runs that died are gone, and so is the given one.

    Args:
        folder: of an instance of this process; None for none.

    Returns:
        The folders that were removed.

    Raises:
        ValueError: the folder is not inside this process's scratch folder.
    """
    own = scratch.claim()
    removed = [] if folder is None else [folder]
    if folder is not None:
        if own not in folder.parents:
            raise ValueError(f"{folder} is not removed: it is not inside {own}")
        remove_folder(folder)
    parents = {own.parent, Path(tempfile.gettempdir())}
    return (*removed, *(path for parent in sorted(parents) for path in scratch.sweep(parent)))


def remove_folder(folder: Path) -> None:
    """The folder is gone, also if a test has locked what is in it."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        for path, _, __ in os.walk(folder):  # from above, so that the next is found
            os.chmod(path, 0o700)
        shutil.rmtree(folder)
    except FileNotFoundError:  # the test has removed it
        shutil.rmtree(folder, ignore_errors=True)

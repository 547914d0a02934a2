"""What this process holds of the machine, for comparison before and after a pool."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from pathlib import Path

import psutil
from attrs import frozen

SHARED = Path("/dev/shm")  # noqa: S108 - looked at only: named semaphores and shared memory
LOKY = "sem.loky-"  # another pool's, which does not map what it has made


@frozen
class Footprint:
    """Everything that a pool could leave behind.

    Attributes:
        processes: descendants of this process, dead ones that nobody has reaped too.
        threads: those of this process.
        descriptors: those that are open, and what they are open on.
        shared: semaphores and segments of shared memory.
        temporary: files in the folder for temporary files.
    """

    processes: frozenset[psutil.Process]
    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[str, str]]
    shared: frozenset[str]
    temporary: frozenset[str]

    def left_since(self, before: Footprint) -> dict[str, set[object]]:
        """What is there now and was not before, by its kind; empty if there is nothing."""
        kinds = ("processes", "threads", "descriptors", "shared", "temporary")
        more = {kind: set(getattr(self, kind) - getattr(before, kind)) for kind in kinds}
        return {kind: what for kind, what in more.items() if what}


def footprint() -> Footprint:
    """What this process holds now; of shared memory, what no stranger has mapped."""
    descriptors = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that lists the others
            descriptors.add((name, os.readlink(f"/proc/self/fd/{name}")))
    family = psutil.Process().children(recursive=True)
    return Footprint(
        processes=frozenset(family),
        threads=frozenset(threading.enumerate()),
        descriptors=frozenset(descriptors),
        shared=frozenset(_shared({process.pid for process in family})),
        temporary=frozenset(os.listdir(tempfile.gettempdir())),
    )


def _shared(family: set[int]) -> set[str]:
    names = set(os.listdir(SHARED)) if SHARED.is_dir() else set()
    names = {name for name in names if not name.startswith(LOKY)}
    for stranger in Path("/proc").glob("[0-9]*/maps") if names else ():
        if int(stranger.parent.name) in family | {os.getpid()}:
            continue
        with contextlib.suppress(OSError):  # it has ended, or is none of our business
            maps = stranger.read_text(errors="replace")
            names = {name for name in names if f"{SHARED}/{name}" not in maps}
    return names

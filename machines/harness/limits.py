"""Limits: what a process may still take of the machine, set from outside and put back."""

from __future__ import annotations

import contextlib
import os
import resource
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIND: Final = {
    "memory": resource.RLIMIT_AS,
    "descriptors": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
}
# How the kernel calls them, in `/proc/PID/limits`.
_WORDS: Final = {
    "memory": "Max address space",
    "descriptors": "Max open files",
    "processes": "Max processes",
}


class Resource(StrEnum):
    """What a process runs out of."""

    MEMORY = "memory"
    DESCRIPTORS = "descriptors"
    PROCESSES = "processes"


@contextlib.contextmanager
def exhausted(pid: int, what: Resource, headroom: int = 0) -> Iterator[int]:
    """The process can take hardly more than it has, while this lasts; its limit is yielded.

    Args:
        pid: whose limit it is.
        what: of what; the kernel does not hold root to a number of processes.
        headroom: so much more it can still take: bytes, descriptors or processes.

    Raises:
        ProcessLookupError: there is no such process.
        PermissionError: it is somebody else's.
        ValueError: headroom is negative.
    """
    if headroom < 0:
        raise ValueError(f"headroom must be at least 0, not {headroom}")
    kind = _KIND[what]
    soft, hard = resource.prlimit(pid, kind)
    wanted = _taken(pid, what) + headroom
    bounds = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    limit = min(wanted, *bounds) if bounds else wanted
    resource.prlimit(pid, kind, (limit, hard))
    try:
        yield limit
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            resource.prlimit(pid, kind, (soft, hard))


def limit_of(pid: int, what: Resource) -> int:
    """What the kernel says that the process may have, as `/proc` shows it; -1 for no bound."""
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(_WORDS[what]):
            soft = line.removeprefix(_WORDS[what]).split()[0]
            return -1 if soft == "unlimited" else int(soft)
    raise LookupError(f"the kernel shows no limit of {what} for process {pid}")


def _taken(pid: int, what: Resource) -> int:
    """What the process has of it."""
    if what is Resource.MEMORY:
        return int(psutil.Process(pid).memory_info().vms)
    if what is Resource.DESCRIPTORS:
        # The limit is on a new one's number, which is the lowest that is free.
        taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        return next(number for number in range(len(taken) + 1) if number not in taken)
    user = psutil.Process(pid).uids().real
    return sum(
        process.info["num_threads"] or 0
        for process in psutil.process_iter(["num_threads", "uids"])
        if process.info["uids"] is not None and process.info["uids"].real == user
    )

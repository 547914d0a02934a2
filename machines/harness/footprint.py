"""The footprint: what this process holds of the machine, compared before and after a block."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
from attrs import frozen

from machines.harness.tag import born, mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHARED: Final = Path("/dev/shm")  # noqa: S108 - named semaphores and shared memory, looked at
DESCRIPTORS: Final = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
# What is on its way out when a block ends has gone by then, in seconds.
SETTLE_S: Final = 1.0
_LOOK_S: Final = 0.005
_WORDS_MAX: Final = 80


class Leaked(AssertionError):
    """Something was left behind.

    Attributes:
        left: each thing, in a few words.
    """

    def __init__(self, who: str, left: tuple[str, ...]) -> None:
        super().__init__(f"{who} left behind: {'; '.join(left)}")
        self.left = left


@frozen
class Footprint:
    """Everything that could be left behind.

    Attributes:
        processes: descendants of this process, dead ones that nobody has reaped too: each one's
            number and when it started.
        threads: those of this process.
        descriptors: those that are open: each one's number, and what it is open on.
        shared: semaphores and segments of shared memory, of all programs.
        files: in the folder that was looked at.
    """

    processes: frozenset[tuple[int, int]]
    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[int, str]]
    shared: frozenset[str]
    files: frozenset[str]


@frozen
class Left:
    """What is there and was not before; false if there is nothing.

    Attributes:
        processes: the numbers of new descendants.
        threads: new threads.
        descriptors: new ones.
        shared: names of new semaphores and segments that are this process's.
        files: new paths.
    """

    processes: tuple[int, ...]
    threads: tuple[threading.Thread, ...]
    descriptors: tuple[tuple[int, str], ...]
    shared: tuple[str, ...]
    files: tuple[str, ...]

    def __bool__(self) -> bool:
        kinds = (self.processes, self.threads, self.descriptors, self.shared, self.files)
        return any(kinds)

    def names(self) -> tuple[str, ...]:
        """Each thing, in a few words, in a fixed order."""
        return (
            *(f"process {pid} ({_command(pid)})" for pid in self.processes),
            *(f"thread {thread.name!r}" for thread in self.threads),
            *(f"descriptor {number} ({target})" for number, target in self.descriptors),
            *(f"shared memory or semaphore {name!r}" for name in self.shared),
            *(f"file {path}" for path in self.files),
        )


def footprint(folder: Path | None = None) -> Footprint:
    """What this process holds now.

    Args:
        folder: whose files are counted; None for no folder.
    """
    standing = _standing()
    return Footprint(
        processes=frozenset((pid, born(pid)) for pid in descendants() if pid not in standing.pids),
        threads=frozenset(threading.enumerate()),
        descriptors=frozenset(
            pair for pair in _descriptors() if pair[0] not in standing.descriptors
        ),
        shared=frozenset(os.listdir(SHARED) if SHARED.is_dir() else ()),
        files=frozenset(map(str, folder.rglob("*")) if folder is not None else ()),
    )


def left_since(before: Footprint, folder: Path | None = None, prefix: str = "") -> Left:
    """What is there now and was not before.

    Of what all programs share in memory, only that is counted whose name begins with the prefix, or
    that this process or a descendant holds.

    Args:
        before: how it was.
        folder: as for `footprint`.
        prefix: how the names begin of what is certainly this process's; empty for none.
    """
    now = footprint(folder)
    fresh = sorted(now.shared - before.shared)
    return Left(
        processes=tuple(sorted(pid for pid, _ in now.processes - before.processes)),
        threads=tuple(sorted(now.threads - before.threads, key=lambda thread: thread.name)),
        descriptors=tuple(sorted(now.descriptors - before.descriptors)),
        shared=tuple(_ours(fresh, prefix, [pid for pid, _ in now.processes])),
        files=tuple(sorted(now.files - before.files)),
    )


def settled(
    before: Footprint, folder: Path | None = None, prefix: str = "", limit_s: float = SETTLE_S
) -> Left:
    """What is still there, once all that was on its way out has had its time.

    Args:
        before: how it was.
        folder: as for `footprint`.
        prefix: as for `left_since`.
        limit_s: seconds to wait while anything is left.
    """
    until = time.monotonic() + limit_s
    while (left := left_since(before, folder, prefix)) and time.monotonic() < until:
        _await_end(left.processes, min(_LOOK_S, max(0.0, until - time.monotonic())))
    return left


@contextlib.contextmanager
def assert_no_leaks(limit_s: float = SETTLE_S) -> Iterator[None]:
    """What the block has made is gone when it ends, or is named.

    Args:
        limit_s: seconds that what is on its way out may take.

    Raises:
        Leaked: a process, thread, descriptor, semaphore or segment of shared memory is left.
    """
    mark()  # what stands once for all blocks is no leak of the first
    before = footprint()
    yield
    left = settled(before, limit_s=limit_s)
    if left:
        raise Leaked("the block", left.names())


def descendants() -> list[int]:
    """The numbers of all processes that descend from this one."""
    found: list[int] = []
    parents = [os.getpid()]
    while parents:
        parent = parents.pop()
        children = _children(parent)
        found += children
        parents += children
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        if os.path.isdir("/proc/self"):
            return []  # it has ended
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    found: list[int] = []
    for task in tasks:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


@frozen
class _Standing:
    pids: frozenset[int]
    descriptors: frozenset[int]


def _standing() -> _Standing:
    """The helpers that `multiprocessing` starts once and keeps, and its descriptors of them."""
    server: Any = forkserver._forkserver  # noqa: SLF001
    tracker: Any = resource_tracker._resource_tracker  # noqa: SLF001
    pids = (server._forkserver_pid, tracker._pid)  # noqa: SLF001
    descriptors = (server._forkserver_alive_fd, tracker._fd)  # noqa: SLF001
    return _Standing(
        frozenset(pid for pid in pids if pid is not None),
        frozenset(fd for fd in descriptors if fd is not None),
    )


def _descriptors() -> Iterator[tuple[int, str]]:
    for name in os.listdir(DESCRIPTORS):
        with contextlib.suppress(OSError):  # the one that lists the others
            target = os.readlink(f"{DESCRIPTORS}/{name}")
            yield int(name), target.removesuffix(" (deleted)")


def _ours(fresh: Iterable[str], prefix: str, family: list[int]) -> list[str]:
    certain = [name for name in fresh if prefix and name.removeprefix("sem.").startswith(prefix)]
    others = [name for name in fresh if name not in certain]
    if not others:
        return certain
    maps = ""
    for pid in (os.getpid(), *family):
        with contextlib.suppress(OSError):
            maps += Path(f"/proc/{pid}/maps").read_text(errors="replace")
    return certain + [name for name in others if f"{SHARED}/{name}\n" in maps]


def _await_end(pids: tuple[int, ...], timeout: float) -> None:
    """One of the processes has ended, or the time is over."""
    with contextlib.ExitStack() as stack:
        poll = select.poll()
        for pid in pids:
            with contextlib.suppress(OSError, AttributeError):
                fd = os.pidfd_open(pid)
                stack.callback(os.close, fd)
                poll.register(fd, select.POLLIN)
        poll.poll(timeout * 1000.0)


def _command(pid: int) -> str:
    """What a process runs, in a few words."""
    try:
        process = psutil.Process(pid)
        words = " ".join(process.cmdline()) or process.name()
        return words if len(words) <= _WORDS_MAX else f"{words[:_WORDS_MAX]}…"
    except psutil.Error:
        return "gone meanwhile"

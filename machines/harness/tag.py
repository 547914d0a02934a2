"""The tag: by what a process of the harness is known, also after whoever started it has died.

What this process executes inherits a variable of the environment; what it forks holds a descriptor
of a file whose name says the same. Both name the owner so that no other process, of the same number
or in another namespace, is taken for it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

from machines import scratch

VARIABLE: Final = "POOLCHECK_OWNER"
_SUFFIX: Final = ".owner"
_TEXT: Final = re.compile(r"(\d+)-(\d+)-(\d+)")
# In the text of a process's state the names of states come after its name, which may hold blanks.
_BORN_FIELD: Final = 19


@frozen
class Owner:
    """Who started a process.

    Attributes:
        namespace: which processes can see each other by number.
        pid: its number there.
        born: when it started, in ticks since the machine did.
    """

    namespace: int
    pid: int
    born: int

    def __str__(self) -> str:
        return f"{self.namespace}-{self.pid}-{self.born}"

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that waits to be reaped does not."""
        with contextlib.suppress(psutil.Error):
            gone = psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
            return not gone and born(self.pid) == self.born
        return False


def born(pid: int) -> int:
    """When a process started, in ticks since the machine did; 0 if there is none.

    Args:
        pid: its number.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(text.rpartition(")")[2].split()[_BORN_FIELD])
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return 0
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).create_time())
        return 0
    except OSError:
        return 0


def namespace(pid: int) -> int:
    """Which namespace of process numbers a process lives in; 0 if that cannot be seen."""
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    return 0


def owner() -> Owner:
    """This process, as an owner of others."""
    return _owner(os.getpid())


@functools.cache
def _owner(pid: int) -> Owner:
    return Owner(namespace(pid), pid, born(pid))


def mark() -> None:
    """What this process starts from now on carries its tag, until it ends."""
    _mark(os.getpid())


@functools.cache
def _mark(_: int) -> None:
    os.environ[VARIABLE] = str(owner())
    # Never closed, and not inherited by what is executed: that has the variable.
    os.open(scratch.claim() / f"{owner()}{_SUFFIX}", os.O_CREAT | os.O_RDONLY, 0o600)


def owners_of(process: psutil.Process) -> set[Owner]:
    """Everybody whose tag a process carries, and nobody if it cannot be looked at."""
    texts: list[str] = []
    with contextlib.suppress(psutil.Error, OSError):
        texts.append(process.environ().get(VARIABLE, ""))
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(OSError):
                texts.append(_tagged(os.readlink(f"/proc/{process.pid}/fd/{name}")))
    found = (_TEXT.fullmatch(text) for text in texts)
    return {Owner(*map(int, match.groups())) for match in found if match}


def _tagged(target: str) -> str:
    """What a descriptor's file says of an owner; empty if it is no such file."""
    path = Path(target.removesuffix(" (deleted)"))
    ours = path.parent.name.startswith(scratch.PREFIX) and path.suffix == _SUFFIX
    return path.stem if ours else ""


def orphans() -> list[psutil.Process]:
    """The processes that carry tags of owners who are all dead; nothing else is looked for."""
    here = namespace(os.getpid())
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid() or namespace(process.pid) != here:
            continue
        tags = owners_of(process)
        if tags and all(tag.namespace == here and not tag.alive for tag in tags):
            found.append(process)
    return found

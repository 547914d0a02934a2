"""An item of the report: a command, what it may take, and what is read off it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

GRACE_S: Final = 10.0


class Speed(Enum):
    """Whether an item is among those of `--quick`."""

    QUICK = "quick"
    SLOW = "slow"


class Standing(Enum):
    """What came of an item."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"
    LEFT_OUT = "not run"


@frozen
class Ran:
    """What came of a command.

    Attributes:
        code: its exit code; None if its time was over.
        output: what it printed.
        complaint: what it printed as errors.
        seconds: wall clock.
    """

    code: int | None
    output: str
    complaint: str
    seconds: float


Figures = tuple[tuple[str, str], ...]


@frozen
class Item:
    """One thing that the report says.

    Attributes:
        name: what it is about, in a few words.
        words: the command; the first is a program beside this Python.
        budget_s: seconds, wall clock; what takes longer is unknown.
        speed: whether it is among those of `--quick`.
        read: figures off what it printed; a `ValueError`, or the like, says it cannot be read.
    """

    name: str
    words: tuple[str, ...]
    budget_s: float
    speed: Speed
    read: Callable[[Ran], Figures]

    @property
    def line(self) -> str:
        """The command as it is typed."""
        return " ".join(word if "*" in word else shlex.quote(word) for word in self.words)


@frozen
class Result:
    """What came of an item.

    Attributes:
        item: which.
        standing: what came of it.
        figures: what was read off it.
        seconds: wall clock.
        why: why it did not hold; empty if it did.
        output: what it printed.
    """

    item: Item
    standing: Standing
    figures: Figures = ()
    seconds: float = 0.0
    why: str = ""
    output: str = ""


def left_out(item: Item) -> Result:
    """The result of an item that was not run.

    Args:
        item: which.
    """
    return Result(item, Standing.LEFT_OUT, why="left out by --quick")


def result(item: Item, root: Path, environment: Mapping[str, str]) -> Result:
    """The item's command has run; what came of it is returned.

    Args:
        item: which.
        root: the project's folder, where it runs.
        environment: what is set besides.
    """
    ran = run(item, root, environment)
    if ran.code is None:
        why = f"not at its end after {item.budget_s:g} s"
        return Result(item, Standing.UNKNOWN, seconds=ran.seconds, why=why)
    figures: Figures = ()
    unreadable = ""
    try:
        figures = item.read(ran)
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        unreadable = f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())}"
    if ran.code != 0:
        last = (ran.complaint.strip() or ran.output.strip()).splitlines()[-1:]
        why = f"exit code {ran.code}" + (f": {last[0].strip()[:200]}" if last else "")
        standing = Standing.VIOLATED if ran.code == 1 else Standing.UNKNOWN
        return Result(item, standing, figures, ran.seconds, why, ran.output)
    standing = Standing.UNKNOWN if unreadable else Standing.HOLDS
    return Result(item, standing, figures, ran.seconds, unreadable, ran.output)


def run(item: Item, root: Path, environment: Mapping[str, str]) -> Ran:
    """The command has ended, or was ended with all that it started.

    Args:
        item: whose.
        root: where it runs.
        environment: what is set besides.
    """
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - the catalogue's own commands
        _found(item.words, root),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, complaint = process.communicate(timeout=item.budget_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return Ran(None, "", "", time.monotonic() - began)
        except BaseException:
            _end(process)
            raise
    return Ran(process.returncode, output, complaint, time.monotonic() - began)


def _found(words: tuple[str, ...], root: Path) -> list[str]:
    """The words with the program that stands beside this Python, and patterns replaced by files."""
    first, *rest = words
    beside = os.path.join(os.path.dirname(sys.executable), first)
    program = sys.executable if first == "python" else beside if os.path.exists(beside) else first
    found = [program]
    for word in rest:
        files = sorted(root.glob(word)) if "*" in word else []
        found += [str(file.relative_to(root)) for file in files] or [word]
    return found


def _end(process: subprocess.Popen[str]) -> None:
    """The process and its group are ended: asked first, then killed."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_S)
            return

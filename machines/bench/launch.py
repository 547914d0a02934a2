"""One trial in a fresh process, bounded in time, with nothing left of it afterwards."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROGRAM: Final = "machines.bench.child"
END_S: Final = 10.0


class Status(StrEnum):
    """What came of a trial; all but the first are findings, and no figure."""

    MEASURED = "measured"
    NOT_BUILT = "not built"
    BREAKS = "breaks"
    LOSES = "loses the task"
    HANGS = "hangs"
    FAILED = "failed"


@frozen
class Asked:
    """A trial to be carried out.

    Attributes:
        contestant: its name.
        measure: its name.
        round: which round, from 0.
        workers: how many.
        samples: how much is done.
        limit_s: seconds after which it is said to hang.
    """

    contestant: str
    measure: str
    round: int
    workers: int
    samples: int
    limit_s: float


@frozen
class Outcome:
    """What came of it.

    Attributes:
        asked: the trial.
        status: whether it came to a figure.
        figures: the figures by name.
        detail: a sentence, where there is something to say.
    """

    asked: Asked
    status: Status
    figures: Mapping[str, float] = field(factory=dict)
    detail: str = ""


def launch(asked: Asked) -> Outcome:
    """The trial was carried out in a process of its own, of which nothing is left.

    Args:
        asked: the trial.

    Raises:
        OSError: the operating system refused the process.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        errors = Path(home, "errors")
        with errors.open("wb") as file, _started(asked, home, file) as child:
            line, expired = _first_line(child, asked.limit_s)
        if line.endswith(b"\n"):
            told: dict[str, Any] = json.loads(line)
            return Outcome(asked, Status(told["status"]), told["figures"], told["detail"])
        if expired:
            return Outcome(asked, Status.HANGS, detail=f"no end within {asked.limit_s:g} s")
        last = errors.read_text(errors="replace").strip().rpartition("\n")[2]
        return Outcome(asked, Status.FAILED, detail=f"exit code {child.returncode}: {last}")


@contextlib.contextmanager
def _started(asked: Asked, home: str, errors: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The trial's process while the block runs; its whole group has ended afterwards."""
    trial = {
        "contestant": asked.contestant,
        "workers": asked.workers,
        "samples": asked.samples,
    }
    bound_s = math.ceil(asked.limit_s + END_S)
    request = json.dumps({"measure": asked.measure, "trial": trial, "bound_s": bound_s})
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-P", "-m", PROGRAM, request],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "TMPDIR": home},
        start_new_session=True,
    )
    orderly = False
    try:
        yield child
        child.wait(END_S)
        orderly = child.returncode == 0
    except subprocess.TimeoutExpired:
        orderly = False
    finally:
        # An orderly process's resource tracker, deaf to SIGTERM, still has to tidy up after it.
        _end_group(child.pid, signal.SIGTERM if orderly else signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _first_line(child: subprocess.Popen[bytes], limit_s: float) -> tuple[bytes, bool]:
    """What the process told in time, and whether it was killed because it told nothing."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _end_group(child.pid, signal.SIGKILL)

    clock = threading.Timer(limit_s, expire)
    clock.start()
    try:
        assert child.stdout is not None  # noqa: S101 - it was asked for
        line = child.stdout.readline()
        return line, expired.is_set()
    finally:
        clock.cancel()
        clock.join()


def _end_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)

"""Conducting the checks: as many at once as there are processors, those that measure speed alone.

Each command has a process group of its own, which is ended with it when its time is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Final

from machines.gatekeeper.check import Cores, Outcome, Ran, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from machines.gatekeeper.check import Check, Command, Plan

GRACE_S: Final = 5.0


class Room:
    """So many processors, taken by those who come first.

    Args:
        processors: how many.
    """

    def __init__(self, processors: int) -> None:
        self._all = processors
        self._left = processors
        self._changed = threading.Condition()
        self._queue: list[object] = []

    @contextlib.contextmanager
    def taken(self, cores: Cores) -> Iterator[None]:
        """While the block runs this many are taken; nobody overtakes who waits for more."""
        wanted = 1 if cores is Cores.ONE else self._all
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            self._changed.wait_for(lambda: self._queue[0] is ticket and self._left >= wanted)
            self._queue.pop(0)
            self._left -= wanted
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._left += wanted
                self._changed.notify_all()


def conducted(
    checks: Sequence[Check],
    plan: Plan,
    after_each: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Every check has run; the outcomes are returned in the checks' order.

    Args:
        checks: which.
        plan: of this run.
        after_each: is given each outcome as it comes, by several threads in turn.
    """
    room, telling = Room(plan.processes), threading.Lock()
    done: dict[str, Outcome] = {}

    def conduct(check: Check) -> None:
        with room.taken(check.cores):
            outcome = judged(check, plan, list(_ran(check, plan)))
        with telling:
            done[check.name] = outcome
            after_each(outcome)

    # What measures comes first, alone; then what takes everything; what is small fills the rest.
    order = sorted(checks, key=lambda check: (-check.cores.value, -check.budget_s))
    with ThreadPoolExecutor(max(1, len(order))) as threads:
        list(threads.map(conduct, order))
    return [done[check.name] for check in checks]


def _ran(check: Check, plan: Plan) -> Iterator[Ran]:
    """The check's commands run one after another, until its budget is spent."""
    plan.place(check.name).mkdir(parents=True, exist_ok=True)
    left = check.budget_s
    for command in check.commands(plan):
        one = run(command, plan, left)
        _keep(check, plan, one)
        yield one
        left -= one.seconds
        if one.code is None:
            return


def run(command: Command, plan: Plan, limit_s: float) -> Ran:
    """The command has ended, or was ended with all that it started; what came of it is returned.

    Args:
        command: which.
        plan: of this run.
        limit_s: seconds, wall clock.
    """
    first, *rest = command.words
    words = [sys.executable, *rest] if first == "python" else [_beside(first), *rest]
    environment = {**os.environ, "PYTHONPATH": str(plan.root), **command.environment}
    began = time.monotonic()
    # Files, not pipes: whoever outlives the command must not be waited for.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(  # noqa: S603 - the catalogue's own commands
            words,
            cwd=plan.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaint,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(timeout=max(limit_s, 0.0))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        seconds = time.monotonic() - began
        return Ran(command, code, _text(output), _text(complaint), seconds)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _beside(program: str) -> str:
    """The program that stands beside this Python, if there is one; else whichever is found."""
    path = os.path.join(os.path.dirname(sys.executable), program)
    return path if os.path.exists(path) else program


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process is ended, asked first, and so is what is left of its group."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE_S)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)


def _keep(check: Check, plan: Plan, one: Ran) -> None:
    """What a command printed is kept beside the reports."""
    with (plan.place(check.name) / "log.txt").open("a", encoding="utf-8") as log:
        log.write(f"$ {one.command.line}\n{one.output}{one.complaint}\n")

"""The ledger: every task of a chaos run, in as much memory at its end as at its beginning.

A line for each is there from the start, so that what a pool keeps can be told from what is written
down about it. A line is written when the task is submitted, and when its answer comes.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen

from machines.suites.chaos import work
from pool.errors import PoolError, SessionLost, TaskTimeout, WorkerLost
from pool.recovery import Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pool import TaskFuture

KINDS: Final = tuple(sorted(work.WORKS))
_LINE: Final = np.dtype(
    [
        ("state", "u1"),
        ("kind", "u1"),
        ("retries", "u1"),
        ("answers", "u1"),
        ("ending", "u1"),
        ("started", "?"),
        ("critical", "?"),
        ("deadline", "?"),
        ("attempt", "u2"),
        ("session", "i2"),
        ("life", "i4"),
        ("calls", "i4"),
        ("worker", "i8"),
        ("value", "i8"),
        ("intended", "f8"),
        ("ended", "f8"),
    ]
)


class State(IntEnum):
    """Whether a line stands for a task."""

    EMPTY = 0
    REFUSED = 1
    ACCEPTED = 2


class Told(IntEnum):
    """What a client was told of its task."""

    NOTHING = 0
    RETURNED = 1
    OWN_ERROR = 2
    LOST = 3
    SESSION_LOST = 4
    TIMEOUT = 5
    NO_MEMORY = 6
    OTHER = 7


@frozen
class Wish:
    """What a client wants.

    Attributes:
        work: one of `work.WORKS`.
        retries: how many more times it may start.
        session: the number of its session; -1 for none.
        life: how many times that had been opened again.
        deadline: seconds from now; None for none.
        size: bytes that it keeps.
    """

    work: str = "short"
    retries: int = 0
    session: int = -1
    life: int = 0
    deadline: float | None = None
    size: int = 0


class Ledger:
    """All tasks of one run, by number, and how each ended.

    Attributes:
        lines: a numpy array with a line for each number.
        others: what clients were told that no task may be told, in words; the first few.
        refused: how often which error refused a submit.

    Args:
        room: how many tasks there can be.
    """

    OTHERS_MAX: Final = 20

    def __init__(self, room: int) -> None:
        self.lines: NDArray[Any] = np.full(room, 0, dtype=_LINE)
        self.others: list[str] = []
        self.refused: dict[str, int] = {}
        self._next = 0
        self._open = 0
        self._accepted = 0
        self._changed = threading.Condition()

    def begin(self, wish: Wish, intended: float) -> int:
        """The next number is this wish's.

        Args:
            wish: what is wanted.
            intended: when it was to be submitted, by the monotonic clock.

        Raises:
            OverflowError: there is no room for more.
        """
        with self._changed:
            number = self._next
            if number >= len(self.lines):
                raise OverflowError(f"the ledger has room for {len(self.lines)} tasks")
            self._next += 1
            line = self.lines[number]
            line["kind"], line["retries"] = KINDS.index(wish.work), wish.retries
            line["session"], line["life"] = wish.session, wish.life
            line["deadline"], line["intended"] = wish.deadline is not None, intended
            return number

    def accepted(self, number: int, future: TaskFuture[Any]) -> None:
        """The task has its number, and its answer will be written down."""
        with self._changed:
            self.lines[number]["state"] = State.ACCEPTED
            self._open += 1
            self._accepted += 1
        future.add_done_callback(partial(self._answered, number))

    def refuse(self, number: int, error: PoolError) -> None:
        """The task was never accepted."""
        with self._changed:
            self.lines[number]["state"] = State.REFUSED
            name = type(error).__name__
            self.refused[name] = self.refused.get(name, 0) + 1

    @property
    def unanswered(self) -> int:
        """How many accepted tasks have no answer yet."""
        return self._open

    @property
    def accepted_count(self) -> int:
        """How many tasks were accepted."""
        return self._accepted

    @property
    def count(self) -> int:
        """How many numbers are taken."""
        return self._next

    def await_all(self, limit_s: float) -> int:
        """How many accepted tasks have no answer, after at most so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, limit_s)
            return self._open

    def await_answer(self, number: int, limit_s: float) -> bool:
        """Whether the task has its answer, or was refused, after at most so many seconds."""
        line = self.lines[number]
        with self._changed:
            return self._changed.wait_for(
                lambda: bool(line["answers"] or line["state"] == State.REFUSED), limit_s
            )

    def await_fewer(self, most: int, limit_s: float) -> bool:
        """Whether fewer tasks than this are unanswered, after at most so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open < most, limit_s)

    def tasks(self) -> NDArray[Any]:
        """The lines of the accepted tasks, in the order submitted."""
        accepted: NDArray[Any] = self.lines[self.numbers()]
        return accepted

    def numbers(self) -> NDArray[Any]:
        """The numbers of the accepted tasks, in order."""
        return np.flatnonzero(self.lines["state"][: self._next] == State.ACCEPTED)

    def _answered(self, number: int, future: TaskFuture[Any]) -> None:
        at = time.monotonic()
        ending, facts = self._told(number, future)
        with self._changed:
            line = self.lines[number]
            line["answers"] += 1
            if line["answers"] == 1:
                line["ending"], line["ended"] = ending, at
                for name, fact in facts.items():
                    line[name] = fact
                self._open -= 1
                self._changed.notify_all()

    def _told(self, number: int, future: TaskFuture[Any]) -> tuple[Told, dict[str, Any]]:
        try:
            error = future.exception()
        except CancelledError as cancelled:
            error = cancelled
        if error is None:
            result: Any = future.result()
            if isinstance(result, tuple):
                return Told.RETURNED, {"calls": result[0], "value": result[1]}
            return Told.RETURNED, {"value": result if isinstance(result, int) else -1}
        if isinstance(error, work.OwnError):
            return Told.OWN_ERROR, {"value": work.value(error.number)}
        if isinstance(error, MemoryError):
            return Told.NO_MEMORY, {}
        told = next((told for kind, told in _ERRORS.items() if isinstance(error, kind)), None)
        if told is None:
            if len(self.others) < self.OTHERS_MAX:
                self.others.append(f"task {number} was told {error!r}")
            return Told.OTHER, {}
        assert isinstance(error, PoolError)  # noqa: S101 - each kind is one
        return told, {
            "started": error.started,
            "critical": error.severity is Severity.CRITICAL,
            "attempt": error.attempt or 0,
            "worker": -1 if error.worker is None else error.worker,
        }


_ERRORS: Final[dict[type[PoolError], Told]] = {
    WorkerLost: Told.LOST,
    SessionLost: Told.SESSION_LOST,
    TaskTimeout: Told.TIMEOUT,
}

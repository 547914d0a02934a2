"""The moves of a history: what worker, session, breaker and task went from which state to which.

Workers, sessions and the breaker tell their moves themselves; a task's are read off the records
that show what became of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from model import breaker, session, task, worker
from model import history as saw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Row = tuple[str, str, str, str]


class Move(NamedTuple):
    """One move that fired.

    Attributes:
        of: `worker`, `session`, `breaker` or `task`.
        number: which of them; 0 for the breaker.
    """

    of: str
    number: int
    before: str
    because: str
    after: str

    @property
    def row(self) -> Row:
        """The row of its table that fired."""
        return self.of, self.before, self.because, self.after


def legal() -> Iterator[Row]:
    """Every row of every table is yielded, in the tables' order."""
    for of, moves in _TABLES.items():
        for before, because, after in moves():
            yield of, before, because, after


_TABLES: Final[dict[str, Callable[[], Iterator[tuple[str, str, str]]]]] = {
    "worker": worker.moves,
    "session": session.moves,
    "breaker": breaker.moves,
    "task": task.moves,
}


class Moves:
    """Reads a history record by record, and tells the moves that each shows.

    Attributes:
        holder: the worker that each unresolved task was handed to last.
        home: the worker that each session lives on, or lived on last.
        in_flight: the unresolved tasks that a worker holds, in the order in which it got them.
    """

    def __init__(self) -> None:
        self.holder: dict[int, int] = {}
        self.home: dict[int, int] = {}
        self.in_flight: dict[int, str] = {}
        self._session_of: dict[int, int] = {}
        self._left: dict[int, None] = {}
        self._away: set[int] = set()
        self._readers: dict[type, Callable[[Any], list[Move]]] = {
            saw.Moved: self._moved,
            saw.SessionMoved: self._session_moved,
            saw.BreakerMoved: lambda r: [Move("breaker", 0, r.before, r.because, r.after)],
            saw.Submitted: self._submitted,
            saw.Refused: lambda r: [Move("task", r.task, task.FIRST, r.why, "refused")],
            saw.Assigned: self._assigned,
            saw.Recalled: self._recalled,
            saw.Diverted: self._diverted,
            saw.Started: self._started,
            saw.Resolved: self._resolved,
            saw.Told: self._told,
        }

    @property
    def watched(self) -> Iterator[type]:
        """The records that tell it anything."""
        yield from self._readers

    def observe(self, record: saw.Record) -> list[Move]:
        """The record is taken into account; the moves that it shows are returned, in order."""
        read = self._readers.get(type(record))
        return [] if read is None else read(record)

    def _moved(self, record: saw.Moved) -> list[Move]:
        worker_ = record.worker
        moves = [Move("worker", worker_, record.before, record.because, record.after)]
        if record.because == "checkout":
            moves += self._come_to(worker_)
        elif record.after == "terminating":
            self._left.update(dict.fromkeys(t for t in self.in_flight if self.holder[t] == worker_))
        return moves

    def _come_to(self, worker_: int) -> list[Move]:
        """A worker that is busy with nothing new has come to the first that was sent ahead."""
        for number, state in self.in_flight.items():
            if self.holder[number] == worker_ and state != "ahead":
                return []
        for number, state in self.in_flight.items():
            if self.holder[number] == worker_:
                self.in_flight[number] = "assigned"
                return [Move("task", number, state, "its_turn", "assigned")]
        return []

    def _session_moved(self, record: saw.SessionMoved) -> list[Move]:
        return [Move("session", record.session, record.before, record.because, record.after)]

    def _submitted(self, record: saw.Submitted) -> list[Move]:
        if record.session is not None:
            self._session_of[record.task] = record.session
        return [Move("task", record.task, task.FIRST, "accepted", "waiting")]

    def _assigned(self, record: saw.Assigned) -> list[Move]:
        number = record.task
        moves = self._given_back(number) if number in self._left else []
        because, after = ("sent_ahead", "ahead") if record.ahead else ("handed_over", "assigned")
        before = self.in_flight.get(number, "waiting")
        self.in_flight[number] = after
        self.holder[number] = record.worker
        session_ = self._session_of.get(number)
        if session_ is not None:
            self.home[session_] = record.worker
        return [*moves, Move("task", number, before, because, after)]

    def _recalled(self, record: saw.Recalled) -> list[Move]:
        moves = []
        for number in record.tasks:
            before = self.in_flight.pop(number, None)
            if before is not None:
                moves.append(Move("task", number, before, "recalled", "waiting"))
        return moves

    def _diverted(self, record: saw.Diverted) -> list[Move]:
        number = record.task
        moves = self._given_back(number) if number in self._left else []
        before = self.in_flight.pop(number, "waiting")
        self._away.add(number)
        return [*moves, Move("task", number, before, "diverted", "away")]

    def _started(self, record: saw.Started) -> list[Move]:
        before = self.in_flight.get(record.task)
        if before is None or self.holder[record.task] != record.worker:
            return []  # its client has had an answer, or it is tried elsewhere by now
        self.in_flight[record.task] = "running"
        return [Move("task", record.task, before, "started", "running")]

    def _resolved(self, record: saw.Resolved) -> list[Move]:
        self._left.pop(record.task, None)
        rests = "away" if record.task in self._away else "waiting"
        before = self.in_flight.pop(record.task, rests)
        return [Move("task", record.task, before, record.ending, "resolved")]

    def _given_back(self, number: int) -> list[Move]:
        del self._left[number]
        before = self.in_flight.pop(number)
        return [Move("task", number, before, "tried_again", "waiting")]

    def _told(self, _: saw.Told) -> list[Move]:
        if not self._left:
            return []
        return [move for number in list(self._left) for move in self._given_back(number)]

"""What must sometimes happen: a run in which it never does has shown little, whatever it says.

Each observer counts how often one thing happened in a history. Whoever drives the pool tells the
faults; that a fault struck is no record, for the pool does not see it.
"""

from __future__ import annotations

import abc
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from model import history as saw
from model.moves import Moves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model.moves import Move

Watches = dict["type[saw.Record]", "Callable[[Any], bool | None]"]


class Observer(abc.ABC):
    """Looks out for one thing; a watching method returns True when it has just happened."""

    words: ClassVar[str]

    @abc.abstractmethod
    def watches(self) -> Watches:
        """The records that it depends on, each with the method that takes it."""


class SessionOutlives(Observer):
    """A session is lost with its worker, and a task of another's still returns elsewhere."""

    words = "a session outlived another's worker"

    def __init__(self) -> None:
        self._session_of: dict[int, int] = {}
        self._placed: dict[int, None] = {}
        self._outliving: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.SessionMoved: self._moved,
            saw.Resolved: self._resolved,
        }

    def _submitted(self, record: saw.Submitted) -> None:
        if record.session is not None:
            self._session_of[record.task] = record.session

    def _moved(self, record: saw.SessionMoved) -> None:
        if record.after == "placed":
            self._placed[record.session] = None
        elif record.because == "worker_lost":
            self._placed.pop(record.session, None)
            self._outliving.discard(record.session)
            self._outliving.update(self._placed)
        elif record.after != "closing":
            self._placed.pop(record.session, None)
            self._outliving.discard(record.session)

    def _resolved(self, record: saw.Resolved) -> bool:
        outlives = self._session_of.get(record.task) in self._outliving
        return outlives and record.ending == "returned"


class BreakerRecovers(Observer):
    """The breaker opens, and in the end a start succeeds and closes it."""

    words = "the breaker opened and closed again"

    def __init__(self) -> None:
        self._opened = False

    def watches(self) -> Watches:
        return {saw.BreakerMoved: self._moved}

    def _moved(self, record: saw.BreakerMoved) -> bool:
        closes = self._opened and record.after == "closed"
        self._opened = record.after != "closed"
        return closes


class RetrySucceeds(Observer):
    """A task's function starts a second time, because its worker was lost, and returns."""

    words = "a retry succeeded"

    def __init__(self) -> None:
        self._starts: Counter[int] = Counter()

    def watches(self) -> Watches:
        return {saw.Started: self._started, saw.Resolved: self._resolved}

    def _started(self, record: saw.Started) -> None:
        self._starts[record.task] += 1

    def _resolved(self, record: saw.Resolved) -> bool:
        return self._starts.pop(record.task, 0) > 1 and record.ending == "returned"


OBSERVERS: Final[tuple[type[Observer], ...]] = (SessionOutlives, BreakerRecovers, RetrySucceeds)
FAULT_IN_FLIGHT: Final = "{} happened while a task was in flight"


class Sometimes:
    """Counts in one history what sometimes happens.

    Attributes:
        happened: how often each thing did, by its words.
        moves: what the history shows of who is where.
    """

    def __init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self.moves = Moves()
        self._watchers: dict[type, list[tuple[str, Callable[[Any], bool | None]]]] = {}
        for observer in OBSERVERS:
            for kind, watch in observer().watches().items():
                self._watchers.setdefault(kind, []).append((observer.words, watch))

    def struck(self, fault: str) -> bool:
        """The fault has struck now; whether a task was in flight is returned.

        Args:
            fault: its name.
        """
        if not self.moves.in_flight:
            return False
        self.happened[FAULT_IN_FLIGHT.format(fault)] += 1
        return True

    def observe(self, record: saw.Record) -> list[Move]:
        """The record is taken into account; the moves that it shows are returned."""
        for words, watch in self._watchers.get(type(record), ()):
            if watch(record):
                self.happened[words] += 1
        return self.moves.observe(record)


def never(happened: Iterable[str], faults: Iterable[str], moves: Iterable[str]) -> list[str]:
    """What should have happened over a whole session and did not is returned, in fixed order.

    Args:
        happened: the words of all that did.
        faults: the names of the faults that there are.
        moves: the names of the legal moves.
    """
    due = [
        *(observer.words for observer in OBSERVERS),
        *(FAULT_IN_FLIGHT.format(fault) for fault in faults),
        *moves,
    ]
    seen = set(happened)
    return [words for words in due if words not in seen]

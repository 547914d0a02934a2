"""The promises, and the judge that holds a history against all of them.

Read the quoted words in `task_safety.py`, `session_safety.py`, `worker_safety.py`,
`breaker_safety.py`, `error_truth.py`, `cause.py`, `promptness.py`, `timeliness.py`,
`liveness.py` and `starvation.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from model.breaker_safety import OnlyProbesPass
from model.cause import CausesToldTruly
from model.checker import Checker, Verdict, Violation
from model.choice import FairlyChosen
from model.error_truth import ErrorsToldTruly
from model.liveness import BackAtStrength, EveryTaskResolves, ShutdownEnds
from model.promptness import DoneAtOnce
from model.session_safety import LossIsLoud, OneWorkerInOrder, OwnState
from model.session_wishes import WishesGranted
from model.starvation import NobodyStarves
from model.task_safety import (
    CancelledStaysCancelled,
    DeadlinesHold,
    OwnResult,
    ResolvesOnce,
    StartsOnce,
)
from model.timeliness import OnTime
from model.worker_safety import (
    BadFramesEndTheirWorker,
    Bounded,
    LegalMoves,
    NothingLeft,
    OneTaskAtATime,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model.history import Record

    Watch = Callable[[Any], str | None]

PROMISES: Final[tuple[type[Checker], ...]] = (
    ResolvesOnce,
    OwnResult,
    StartsOnce,
    OneTaskAtATime,
    OneWorkerInOrder,
    OwnState,
    LossIsLoud,
    LegalMoves,
    Bounded,
    DeadlinesHold,
    CancelledStaysCancelled,
    OnlyProbesPass,
    NothingLeft,
    BadFramesEndTheirWorker,
    ErrorsToldTruly,
    DoneAtOnce,
    OnTime,
    WishesGranted,
    FairlyChosen,
    CausesToldTruly,
    EveryTaskResolves,
    BackAtStrength,
    ShutdownEnds,
    NobodyStarves,
)

WORDS: Final[dict[str, str]] = {checker.promise: checker.words for checker in PROMISES}


class Judge:
    """Holds one history against every promise, record by record, in bounded time for each.

    Args:
        promises: the checkers' classes; all of them unless given.
    """

    def __init__(self, promises: Iterable[type[Checker]] = PROMISES) -> None:
        self._checkers = [promise() for promise in promises]
        self._watches: dict[type, list[Watch]] = {}
        self._owners: dict[Watch, Checker] = {}
        self._broken: list[Checker] = []
        self._seen = 0
        for checker in self._checkers:
            for kind, method in checker.watches().items():
                self._watches.setdefault(kind, []).append(method)
                self._owners[method] = checker

    def observe(self, record: Record) -> Violation | None:
        """The record is taken into account; the first promise that it breaks is returned."""
        found = None
        for watch in self._watches.get(type(record), ()):
            sentence = watch(record)
            if sentence:
                checker = self._owners[watch]
                self._broken.append(checker)
                found = found or Violation(checker.promise, sentence, self._seen)
        self._seen += 1
        return found

    def verdicts(self) -> dict[str, Verdict]:
        """What is known of each promise now; what was once broken is not mended by what comes."""
        known = {checker.promise: checker.verdict for checker in self._checkers}
        return known | {checker.promise: Verdict.VIOLATED for checker in self._broken}


def judge(history: Iterable[Record]) -> tuple[dict[str, Verdict], list[Violation]]:
    """Every promise's verdict over a whole history is returned, and what was broken, in order.

    Args:
        history: the records, in the order in which they were seen.
    """
    court = Judge()
    violations = [found for record in history if (found := court.observe(record)) is not None]
    return court.verdicts(), violations

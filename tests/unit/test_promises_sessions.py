"""The promises about sessions and the breaker, each against histories written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.checker import Verdict, Violation
from model.history import (
    Assigned,
    BreakerMoved,
    Found,
    Moved,
    Opened,
    Refused,
    Resolved,
    SessionAsked,
    SessionMoved,
    SessionRefused,
    StartAsked,
    Started,
    Submitted,
    Told,
)
from model.promises import PROMISES, Judge

if TYPE_CHECKING:
    from model.history import Record

CHECKERS = {checker.promise: checker for checker in PROMISES}
ASKED = SessionAsked(7, "open")
AGAIN = SessionAsked(7, "reopen")
FIRST = Submitted(0, None, 0, session=7)
SECOND = Submitted(1, None, 0, session=7)
OTHER = Submitted(2, None, 0, session=8)
FREE = Submitted(3, None, 0)
PLACED = SessionMoved(7, "opened", "first_task", "placed")
LOST = SessionMoved(7, "placed", "worker_lost", "lost")
REOPENED = SessionMoved(7, "lost", "reopened", "opened")
CLOSED = SessionMoved(7, "placed", "expired", "closed")
GONE = Moved(4, "busy", "exited", "terminating")
SENT = Assigned(0, 4)
RETURNED = Resolved(0, "returned", None, started=True)
TOLD = Told(0.0)


def lost(task: int) -> Resolved:
    return Resolved(task, "session_lost", None, started=False)


LIVES = [ASKED, FIRST, PLACED, SENT, TOLD]
OPENED = Opened(size=2, queue_limit=None, grace=5.0, failures_max=2, probes_max=1)
TRIPPED = BreakerMoved("closed", "tripped", "open")
COOLED = BreakerMoved("open", "cooled", "half_open")
SUCCEEDED = BreakerMoved("half_open", "probe_succeeded", "closed")
FAILED = BreakerMoved("half_open", "probe_failed", "open")


def failed(worker: int) -> Moved:
    return Moved(worker, "initializing", "init_failed", "terminating")


def came_up(worker: int) -> Moved:
    return Moved(worker, "initializing", "init_complete", "ready")


ACCEPTED: list[tuple[str, str, list[Record]]] = [
    ("S5", "one worker, in order", [FIRST, SECOND, SENT, Assigned(1, 4)]),
    ("S5", "another worker after a loss", [FIRST, SENT, LOST, SECOND, Assigned(1, 5)]),
    ("S5", "another worker after its end", [FIRST, SENT, CLOSED, SECOND, Assigned(1, 5)]),
    ("S5", "each session its own worker", [FIRST, OTHER, SENT, Assigned(2, 5)]),
    ("S5", "a task of none anywhere", [FIRST, FREE, SENT, Assigned(3, 5)]),
    ("S6", "an empty state at first", [FIRST, Started(0, 4), Found(0, ())]),
    (
        "S6",
        "what the one before left",
        [FIRST, SECOND, Started(0, 4), Started(1, 4), Found(1, (0,))],
    ),
    (
        "S6",
        "nothing of before a loss",
        [FIRST, SECOND, Started(0, 4), LOST, Started(1, 4), Found(1, ())],
    ),
    ("S6", "nothing of another's", [FIRST, OTHER, Started(0, 4), Started(2, 4), Found(2, ())]),
    ("S6", "no state for a task of none", [FREE, Started(3, 4), Found(3, ())]),
    ("S7", "a life without a loss", [*LIVES, RETURNED, CLOSED, TOLD]),
    (
        "S7",
        "a loss that all are told of",
        [*LIVES, SECOND, TOLD, GONE, LOST, lost(0), lost(1), TOLD],
    ),
    (
        "S7",
        "a refusal while lost",
        [*LIVES, GONE, LOST, lost(0), TOLD, Refused(1, "session_lost", 7)],
    ),
    ("S7", "a refusal of what never was", [Refused(1, "session_lost", 9)]),
    (
        "S7",
        "a new life as asked",
        [*LIVES, GONE, LOST, lost(0), TOLD, AGAIN, REOPENED, SECOND, TOLD],
    ),
    (
        "S7",
        "an end that another asked for",
        [*LIVES, GONE, LOST, Resolved(0, "timeout", None, True), TOLD],
    ),
    ("S7", "a refused session", [ASKED, SessionRefused(7, "shutdown"), TOLD]),
    ("S12", "starts through a closed breaker", [OPENED, StartAsked(0), StartAsked(1), TOLD]),
    ("S12", "failures that were not in a row", [OPENED, failed(0), came_up(1), failed(2), TOLD]),
    ("S12", "one probe", [OPENED, TRIPPED, COOLED, StartAsked(2), TOLD]),
    (
        "S12",
        "a probe after another",
        [OPENED, TRIPPED, COOLED, StartAsked(2), FAILED, failed(2), COOLED, StartAsked(3)],
    ),
    (
        "S12",
        "starts after a good probe",
        [OPENED, TRIPPED, COOLED, StartAsked(2), SUCCEEDED, StartAsked(3)],
    ),
    ("S12", "an open breaker that waits", [OPENED, failed(0), TRIPPED, failed(1), TOLD]),
]

REJECTED: list[tuple[str, str, list[Record]]] = [
    (
        "S5",
        "task 1 of session 7 was sent to worker 5, but the session lives on 4",
        [FIRST, SECOND, SENT, Assigned(1, 5)],
    ),
    (
        "S5",
        "task 0 of session 7 was sent after task 1, which was submitted later",
        [FIRST, SECOND, Assigned(1, 4), SENT],
    ),
    (
        "S6",
        "task 1 found no state in its state, not those of tasks 0",
        [FIRST, SECOND, Started(0, 4), Started(1, 4), Found(1, None)],
    ),
    (
        "S6",
        "task 1 found the marks of no task in its state, not those of tasks 0",
        [FIRST, SECOND, Started(0, 4), Started(1, 4), Found(1, ())],
    ),
    (
        "S6",
        "task 2 found the marks of tasks 0 in its state, not those of no task",
        [FIRST, OTHER, Started(0, 4), Started(2, 4), Found(2, (0,))],
    ),
    ("S7", "task 0 was accepted for session 7, which is none", [FIRST]),
    (
        "S7",
        "task 0 was accepted for session 7, which is none",
        [ASKED, SessionRefused(7, "broken"), FIRST],
    ),
    (
        "S7",
        "task 1 was accepted for session 7, which is lost",
        [*LIVES, GONE, LOST, lost(0), TOLD, SECOND],
    ),
    ("S7", "session 7 is lost, and tasks 0 still wait for it", [*LIVES, GONE, LOST, TOLD]),
    ("S7", "worker 4 is gone, and session 7 was not told", [*LIVES, GONE, lost(0), TOLD]),
    ("S7", "task 1 was refused, but session 7 is placed", [*LIVES, Refused(1, "session_lost", 7)]),
    (
        "S7",
        "task 0 resolved as lost with its session, but that was not lost",
        [*LIVES, lost(0), TOLD],
    ),
    ("S7", "task 3 resolved as lost with its session, but had none", [FREE, lost(3)]),
    (
        "S7",
        "session 7 was reopened, but no client had asked for that since it was lost",
        [*LIVES, GONE, LOST, lost(0), TOLD, REOPENED],
    ),
    (
        "S7",
        "session 7 was reopened, but no client had asked for that since it was lost",
        [ASKED, FIRST, AGAIN, PLACED, SENT, GONE, LOST, lost(0), TOLD, REOPENED],
    ),
    ("S7", "session 7 left placed because worker_lost, but it was opened", [ASKED, LOST]),
    (
        "S7",
        "session 7 moved from opened to lost because expired, which is no legal move",
        [ASKED, SessionMoved(7, "opened", "expired", "lost")],
    ),
    ("S12", "worker 0 was to start while the breaker was open", [OPENED, TRIPPED, StartAsked(0)]),
    (
        "S12",
        "worker 1 was to start as number 2 while the breaker was half open; 1 may",
        [OPENED, TRIPPED, COOLED, StartAsked(0), StartAsked(1)],
    ),
    (
        "S12",
        "2 starts failed in a row, and the breaker is closed",
        [OPENED, failed(0), failed(1), TOLD],
    ),
    ("S12", "the breaker moved from open to half_open because cooled, but it was closed", [COOLED]),
    (
        "S12",
        "the breaker moved from closed to half_open because tripped, which is no legal move",
        [BreakerMoved("closed", "tripped", "half_open")],
    ),
]


def only(promise: str, history: list[Record]) -> tuple[Verdict, list[Violation]]:
    """One checker alone: its verdict, and what it found."""
    court = Judge([CHECKERS[promise]])
    found = [violation for record in history if (violation := court.observe(record))]
    return court.verdicts()[promise], found


@pytest.mark.parametrize(
    ("promise", "history"),
    [case[::2] for case in ACCEPTED],
    ids=[f"{promise} {name}" for promise, name, _ in ACCEPTED],
)
def test_a_history_that_keeps_the_promise_is_accepted(promise: str, history: list[Record]) -> None:
    assert only(promise, history) == (Verdict.HOLDS, [])


@pytest.mark.parametrize(
    ("promise", "sentence", "history"),
    REJECTED,
    ids=[f"{promise} {at} {sentence}" for at, (promise, sentence, _) in enumerate(REJECTED)],
)
def test_a_history_that_breaks_the_promise_is_rejected_by_its_last_record(
    promise: str, sentence: str, history: list[Record]
) -> None:
    verdict, found = only(promise, history)
    assert found == [Violation(promise, sentence, len(history) - 1)]
    assert verdict is Verdict.VIOLATED


def test_each_of_them_has_both_sorts_of_histories() -> None:
    assert {case[0] for case in ACCEPTED} == {"S5", "S6", "S7", "S12"}
    assert {case[0] for case in REJECTED} == {"S5", "S6", "S7", "S12"}

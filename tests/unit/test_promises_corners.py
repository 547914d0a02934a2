"""Corners of the checkers that no run of a sound pool comes to, each with what is said there."""

from __future__ import annotations

import attrs
import pytest
from told_records import (
    CHECKERS,
    CHECKOUT,
    CONFIG,
    DIED,
    GIVEN,
    OPENED,
    START,
    TASK,
    THRICE,
    TRIPPED,
    TROUBLE,
    UNWELL,
    UP,
    accepts,
    rejects,
    resolved,
)

from model.history import (
    Assigned,
    CancelAsked,
    Configured,
    Moved,
    Opened,
    Recalled,
    Record,
    Refused,
    Resolved,
    RetryPlanned,
    Started,
    Submitted,
    Told,
)
from model.moves import Moves
from model.promises import Judge
from model.recovery import Answer
from pool.errors import WorkerTraceback

FALLS_BACK: Configured = attrs.evolve(CONFIG, falls_back=True)
FULL = Opened(size=1, queue_limit=0, grace=5.0)
PLANNED = RetryPlanned(0, 1, 0.5, "backoff_retry")
CHECKED_IN = Moved(0, "busy", "checkin_error", "ready")
RAISED: list[Record] = [*UP, THRICE, CHECKOUT, GIVEN, Started(0, 0), CHECKED_IN]
TIMEOUT = Moved(0, "initializing", "init_timeout", "terminated")


@pytest.mark.parametrize(
    ("promise", "sentence", "history"),
    [
        (
            "S1",
            "task 0 resolved as cancelled, but its function had started",
            [TASK, Started(0, 0), CancelAsked(0, forcibly=False), resolved("cancelled")],
        ),
        (
            "S15",
            "worker 0 failed because health_check_failed, and that was not told",
            [CONFIG, *UP, UNWELL, Moved(0, "degraded", "exited", "terminating")],
        ),
        (
            "S15",
            "task 0 was given up, but may run 2 times more",
            [CONFIG, *UP, THRICE, CHECKOUT, GIVEN, Started(0, 0), DIED, TROUBLE, resolved("lost")],
        ),
        (
            "S16",
            "task 0 was refused as one too many, though the fallback is free",
            [FULL, FALLS_BACK, TRIPPED, Refused(0, "saturated")],
        ),
        (
            "S16",
            "task 0 was cancelled while it waited, and still waits",
            [OPENED, CONFIG, TASK, CancelAsked(0, forcibly=False), Told(0.0)],
        ),
        (
            "S16",
            "task 0 was to be ended, and goes on",
            [OPENED, CONFIG, TASK, CancelAsked(0, forcibly=True), Told(0.0)],
        ),
    ],
)
def test_what_is_wrong_is_said(promise: str, sentence: str, history: list[Record]) -> None:
    assert rejects(promise, sentence, history)


@pytest.mark.parametrize(
    ("promise", "history"),
    [
        # Without a configuration nothing is known of waits, and so nothing is said of them.
        ("S15", [*UP, THRICE, CHECKOUT, GIVEN, Started(0, 0), DIED, TROUBLE, resolved("lost")]),
        ("S17", [START, TIMEOUT, Told(1.0)]),
        ("S15", [CONFIG, *UP, TASK, resolved("lost")]),
        # What is resolved is out of its session's order.
        ("S5", [Submitted(0, None, 0, 7), Resolved(0, "lost", None, started=True), GIVEN]),
        # What raised is not tried again, though it might be; nor diverted by a closed breaker.
        ("S15", [CONFIG, *RAISED, resolved("raised")]),
        ("S16", [FULL, FALLS_BACK, Refused(0, "saturated")]),
    ],
)
def test_what_is_not_known_to_be_wrong_is_not_said(promise: str, history: list[Record]) -> None:
    assert accepts(promise, history)


@pytest.mark.parametrize(
    "history",
    [
        [OPENED, CONFIG, *UP, TASK, Assigned(0, 0, ahead=True), UNWELL, Told(1.0)],
        [OPENED, CONFIG, *UP, TASK, PLANNED, resolved("lost"), Told(1.0)],
    ],
    ids=["ahead on a worker that is unwell", "resolved while it rests"],
)
def test_nobody_starves_who_has_not_waited_long(history: list[Record]) -> None:
    judge = Judge([CHECKERS["L4"]])
    assert [judge.observe(record) for record in history] == [None] * len(history)


def test_a_task_that_was_never_handed_over_is_not_recalled() -> None:
    moves = Moves()
    assert moves.observe(Recalled(0, (4,))) == []


def test_an_answer_that_gives_up_says_so() -> None:
    assert str(Answer("abandon")) == "abandon, never"
    assert str(Answer("backoff_retry", 1.0, 2.0)) == "backoff_retry in 1 to 2 s"


def test_a_workers_traceback_has_the_name_that_the_standard_librarys_has() -> None:
    assert WorkerTraceback("a line").tb == "a line"

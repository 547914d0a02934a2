"""What clients wish for their sessions, and which worker is chosen: S18 and S19."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from told_records import (
    AGAIN,
    ASK,
    AT_WORK,
    BOTH,
    CHECKIN,
    CHECKOUT,
    CLOSE,
    CLOSING,
    CONFIG,
    GIVEN,
    GONE,
    READY,
    READY_1,
    SESSION,
    TASK,
    accepts,
    rejects,
)

from model.history import (
    Assigned,
    Moved,
    SessionMoved,
    SessionRefused,
    ShutdownAsked,
    Submitted,
    Told,
)

if TYPE_CHECKING:
    from model.history import Record

ACCEPTED: list[tuple[str, str, list[Record]]] = [
    ("S18", "opened and again", [ASK, Told(0.0), ASK, Told(1.0)]),
    ("S18", "refused after the end", [ShutdownAsked(None), ASK, SessionRefused(7, "shutdown")]),
    ("S18", "closed with its last task", [ASK, Told(0.0), SESSION, CLOSE, CLOSING, Told(1.0)]),
    ("S18", "closed though lost already", [ASK, Told(0.0), GONE, CLOSE, CLOSING, SESSION, Told(1)]),
    (
        "S18",
        "reopened",
        [ASK, Told(0.0), GONE, AGAIN, SessionMoved(7, "lost", "reopened", "opened"), Told(1.0)],
    ),
    ("S18", "nothing to close", [CLOSE, Told(0.0)]),
    (
        "S18",
        "refused while it closes",
        [
            ASK,
            Told(0.0),
            SESSION,
            CLOSE,
            CLOSING,
            Told(1.0),
            ASK,
            SessionRefused(7, "session_lost"),
            Told(2.0),
        ],
    ),
    (
        "S19",
        "sent ahead to a quick worker",
        [*AT_WORK, CHECKIN, CHECKOUT, Assigned(1, 0, ahead=True), Told(1.001)],
    ),
    ("S19", "the last", [*BOTH, TASK, Moved(1, "ready", "checkout", "busy"), Assigned(0, 1)]),
    (
        "S19",
        "one without sessions",
        [
            *BOTH,
            SESSION,
            Moved(1, "ready", "checkout", "busy"),
            Assigned(0, 1),
            Moved(1, "busy", "checkin_success", "ready"),
            Submitted(1, None, 0),
            CHECKOUT,
            Assigned(1, 0),
        ],
    ),
    (
        "S19",
        "its own worker",
        [
            *BOTH,
            SESSION,
            Moved(1, "ready", "checkout", "busy"),
            Assigned(0, 1),
            Moved(1, "busy", "checkin_success", "ready"),
            Submitted(1, None, 0, 7),
            Moved(1, "ready", "checkout", "busy"),
            Assigned(1, 1),
        ],
    ),
]
REJECTED: list[tuple[str, str, list[Record]]] = [
    (
        "S18",
        "session 7 was none and was refused as shutdown",
        [ASK, SessionRefused(7, "shutdown"), Told(0.0)],
    ),
    (
        "S18",
        "session 7 was to open, and was not refused, though the pool is over",
        [ShutdownAsked(None), ASK, Told(0.0)],
    ),
    (
        "S18",
        "session 7 was lost and was to reopen; it is lost",
        [ASK, Told(0.0), GONE, AGAIN, Told(1.0)],
    ),
    (
        "S18",
        "session 7 was opened and was to be closed; it is opened",
        [ASK, Told(0.0), CLOSE, Told(1.0)],
    ),
    (
        "S18",
        "session 7 is closing, and has no task left to wait for",
        [ASK, Told(0.0), CLOSE, CLOSING, Told(1.0)],
    ),
    (
        "S18",
        "session 7 was to reopen, and was not refused, though it is closing",
        [ASK, Told(0.0), SESSION, CLOSE, CLOSING, Told(1.0), AGAIN, Told(2.0)],
    ),
    ("S19", "task 0 went to worker 0; of [0, 1] it was for 1", [*BOTH, TASK, CHECKOUT, GIVEN]),
    (
        "S19",
        "task 0 went to worker 1; of [0, 1] it was for 0",
        [
            attrs.evolve(CONFIG, last_first=False),
            READY,
            READY_1,
            TASK,
            Moved(1, "ready", "checkout", "busy"),
            Assigned(0, 1),
        ],
    ),
    (
        "S19",
        "task 1 went to worker 1; of [0, 1] it was for 0",
        [
            *BOTH,
            SESSION,
            Moved(1, "ready", "checkout", "busy"),
            Assigned(0, 1),
            Moved(1, "busy", "checkin_success", "ready"),
            Submitted(1, None, 0),
            Moved(1, "ready", "checkout", "busy"),
            Assigned(1, 1),
        ],
    ),
    (
        "S19",
        "task 1 was sent ahead to worker 0, which was not quick",
        [*AT_WORK, CHECKIN, CHECKOUT, Assigned(1, 0, ahead=True), Told(1.003)],
    ),
    (
        "S19",
        "task 1 was sent ahead to worker 0, which was not quick",
        [*AT_WORK, Assigned(1, 0, ahead=True), Told(1.0)],
    ),
]


@pytest.mark.parametrize(("promise", "title", "history"), ACCEPTED, ids=lambda it: str(it)[:40])
def test_good_history_is_accepted(promise: str, title: str, history: list[Record]) -> None:
    assert accepts(promise, history), title


@pytest.mark.parametrize(("promise", "sentence", "history"), REJECTED, ids=lambda it: str(it)[:60])
def test_bad_history_is_rejected(promise: str, sentence: str, history: list[Record]) -> None:
    assert rejects(promise, sentence, history)


def test_each_of_these_promises_has_both_sorts_of_histories() -> None:
    promises = {"S18", "S19"}
    assert {case[0] for case in ACCEPTED} == {case[0] for case in REJECTED} == promises

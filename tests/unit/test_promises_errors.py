"""What is told of errors: S15."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from told_records import (
    AT_WORK,
    CHECKIN,
    CHECKOUT,
    CONFIG,
    DIED,
    GIVEN,
    IDLE_DIED,
    LOST,
    LOST_ONE,
    START_1,
    TASK,
    THRICE,
    TROUBLE,
    UP,
    accepts,
    rejects,
    resolved,
    told,
)

from model.history import (
    Assigned,
    Broke,
    Finished,
    Moved,
    Recalled,
    RetryPlanned,
    Started,
    Told,
    Troubled,
)

if TYPE_CHECKING:
    from model.history import Record

ACCEPTED: list[tuple[str, str, list[Record]]] = [
    ("S15", "an idle worker's loss is told", [*UP, IDLE_DIED, TROUBLE, Told(1.0)]),
    (
        "S15",
        "the last of two workers is a critical loss",
        [
            *UP,
            START_1,
            IDLE_DIED,
            TROUBLE,
            Told(1.0),
            Moved(1, "initializing", "init_failed", "terminating"),
            Troubled(1, "initialization", "critical", "retry"),
            Told(2.0),
        ],
    ),
    ("S15", "lost and tried again", [*LOST_ONE, RetryPlanned(0, 2, 0.0, "immediate_retry")]),
    ("S15", "lost, once", [*AT_WORK, DIED, TROUBLE, resolved("lost"), LOST, Told(2.0)]),
    (
        "S15",
        "given up with retries left after the breaker broke the pool",
        [*LOST_ONE, Broke(), resolved("lost"), LOST],
    ),
    ("S15", "returned", [*AT_WORK, CHECKIN, resolved("returned"), told(None, None, None, 1, 0)]),
    (
        "S15",
        "cancelled while it waits",
        [TASK, resolved("cancelled"), told(None, None, None, 0, None)],
    ),
    (
        "S15",
        "taken back and timed out",
        [
            TASK,
            Assigned(0, 0, ahead=True),
            Recalled(0, (0,)),
            resolved("timeout"),
            told("timeout", "major", "abandon", 0, None),
        ],
    ),
    (
        "S15",
        "out of memory, and tried again after a while",
        [
            *[CONFIG, *UP, THRICE, CHECKOUT, GIVEN, Started(0, 0)],
            Finished(0, 0, "raised", ["MemoryError", ""]),
            Moved(0, "busy", "recovery_degrade", "degraded"),
            Troubled(0, "resource", "critical", "degrade"),
            RetryPlanned(0, 2, 1.0, "backoff_retry"),
        ],
    ),
]
REJECTED: list[tuple[str, str, list[Record]]] = [
    ("S15", "worker 0 failed because exited, and that was not told", [*UP, IDLE_DIED, Told(1.0)]),
    ("S15", "worker 0 was said to have failed (connection), but it had not", [*UP, TROUBLE]),
    (
        "S15",
        "worker 0 failed because exited, told as ('timeout', 'replace'); "
        "right is ('connection', 'replace')",
        [*UP, IDLE_DIED, Troubled(0, "timeout", "major", "replace")],
    ),
    (
        "S15",
        "worker 0: connection was told as minor; right is major",
        [*UP, IDLE_DIED, Troubled(0, "connection", "minor", "replace")],
    ),
    (
        "S15",
        "task 0 was said to get attempt 3; it gets 2",
        [*LOST_ONE, RetryPlanned(0, 3, 0.0, "immediate_retry")],
    ),
    (
        "S15",
        "task 0 was to be tried again by immediate_retry in 0.1 s; "
        "right is immediate_retry in 0 to 0 s",
        [*LOST_ONE, RetryPlanned(0, 2, 0.1, "immediate_retry")],
    ),
    (
        "S15",
        "task 0 was to be tried again, but nobody held it",
        [CONFIG, THRICE, RetryPlanned(0, 2, 0.0, "immediate_retry")],
    ),
    (
        "S15",
        "task 0 was given up, but may run 2 times more",
        [*LOST_ONE, resolved("lost")],
    ),
    (
        "S15",
        "task 0, lost, was told as timeout and abandon; right is connection and abandon",
        [*AT_WORK, DIED, TROUBLE, resolved("lost"), told("timeout", "major", "abandon", 1, 0)],
    ),
    (
        "S15",
        "task 0, lost,: connection was told as critical; right is major",
        [
            *AT_WORK,
            DIED,
            TROUBLE,
            resolved("lost"),
            told("connection", "critical", "abandon", 1, 0),
        ],
    ),
    (
        "S15",
        "task 0, lost, was told as of (session, attempt, worker) (None, 2, 0); "
        "right is (None, 1, 0)",
        [*AT_WORK, DIED, TROUBLE, resolved("lost"), told("connection", "major", "abandon", 2, 0)],
    ),
    (
        "S15",
        "task 0, returned, was told as an error: ('task', None, None)",
        [*AT_WORK, CHECKIN, resolved("returned"), told("task", None, None, 1, 0)],
    ),
]


@pytest.mark.parametrize(("promise", "title", "history"), ACCEPTED, ids=lambda it: str(it)[:40])
def test_good_history_is_accepted(promise: str, title: str, history: list[Record]) -> None:
    assert accepts(promise, history), title


@pytest.mark.parametrize(("promise", "sentence", "history"), REJECTED, ids=lambda it: str(it)[:60])
def test_bad_history_is_rejected(promise: str, sentence: str, history: list[Record]) -> None:
    assert rejects(promise, sentence, history)


def test_each_of_these_promises_has_both_sorts_of_histories() -> None:
    promises = {"S15"}
    assert {case[0] for case in ACCEPTED} == {case[0] for case in REJECTED} == promises

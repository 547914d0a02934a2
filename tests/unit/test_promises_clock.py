"""What is done at once and what is due by the clock: S16 and S17."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from told_records import (
    CHECKED,
    CHECKIN,
    CHECKOUT,
    CONFIG,
    COOLED,
    DUE,
    EXPIRED,
    GIVEN,
    LIMIT,
    LIVES,
    OPENED,
    PLACED,
    READY,
    RECYCLED,
    START,
    START_1,
    TASK,
    TRIPPED,
    TWO,
    UNWELL,
    UP,
    accepts,
    rejects,
    resolved,
)

from model.history import (
    Bloated,
    BreakerMoved,
    Broke,
    CancelAsked,
    CheckAnswered,
    CheckAsked,
    Died,
    Moved,
    Refused,
    RetryPlanned,
    SessionAsked,
    SessionRefused,
    ShutdownAsked,
    Submitted,
    Told,
)

if TYPE_CHECKING:
    from model.history import Record

ACCEPTED: list[tuple[str, str, list[Record]]] = [
    ("S16", "a worker for each task", [OPENED, START, Told(0.0), READY, TASK, CHECKOUT, GIVEN]),
    ("S16", "no worker is free", [OPENED, START, Told(0.0), TASK, Told(1.0)]),
    (
        "S16",
        "it backs off",
        [
            OPENED,
            *UP,
            TASK,
            CHECKOUT,
            GIVEN,
            RetryPlanned(0, 2, 1.0, "x"),
            CHECKIN,
            Told(1.0),
            Told(2.0),
        ],
    ),
    ("S16", "the breaker is open", [TWO, START, TRIPPED, Told(0.0)]),
    (
        "S16",
        "cancelled at once",
        [
            OPENED,
            START,
            Told(0.0),
            TASK,
            Told(1.0),
            CancelAsked(0, False),
            resolved("cancelled"),
            Told(2.0),
        ],
    ),
    (
        "S16",
        "cancelled at work, in vain",
        [OPENED, *UP, TASK, CHECKOUT, GIVEN, Told(1.0), CancelAsked(0, False), Told(2.0)],
    ),
    ("S16", "it is over", [TWO, START, ShutdownAsked(None), Told(0.0)]),
    (
        "S16",
        "a session waits for its own worker",
        [
            TWO,
            *UP[:2],
            START_1,
            Told(0.0),
            Submitted(0, None, 0, 7),
            PLACED,
            CHECKOUT,
            GIVEN,
            Moved(1, "initializing", "init_complete", "ready"),
            Submitted(1, None, 0, 7),
            Told(1.0),
        ],
    ),
    (
        "S17",
        "ended when the shutdown's grace was over",
        [
            *[OPENED, CONFIG, START, TASK, ShutdownAsked(9.0), Told(0.0)],
            *[ShutdownAsked(2.0), Told(1.0), resolved("shutdown"), Told(3.0)],
        ],
    ),
    ("S17", "a start within its time", [OPENED, CONFIG, START, Told(0.0), READY, Told(59.0)]),
    (
        "S17",
        "a start whose time is over",
        [
            OPENED,
            CONFIG,
            START,
            Told(0.0),
            Told(59.0),
            Moved(0, "initializing", "init_timeout", "terminating"),
            Told(60.0),
        ],
    ),
    ("S17", "a check that is answered", [*CHECKED, CheckAnswered(0, 1), Told(31.0), Told(40.0)]),
    ("S17", "a check that is missed", [*CHECKED, UNWELL, Told(35.0)]),
    (
        "S17",
        "three checks that are missed",
        [
            *CHECKED,
            UNWELL,
            Told(35.0),
            CheckAsked(0, 2),
            Told(60.0),
            Told(65.0),
            CheckAsked(0, 3),
            Told(90.0),
            LIMIT,
            Told(95.0),
        ],
    ),
    (
        "S17",
        "a suspect is asked at once",
        [
            *DUE,
            TASK,
            CHECKOUT,
            GIVEN,
            Told(1.0),
            Moved(0, "busy", "recovery_degrade", "degraded"),
            CheckAsked(0, 1),
            Told(2.0),
        ],
    ),
    ("S17", "a session in time", [*DUE, SessionAsked(7, "open"), Told(1.0), EXPIRED, Told(11.0)]),
    (
        "S17",
        "a session that was refused never was",
        [*DUE, SessionAsked(7, "open"), SessionRefused(7, "shutdown"), Told(1.0), Told(20.0)],
    ),
    (
        "S17",
        "an old worker",
        [OPENED, attrs.evolve(CONFIG, health_interval=None), *UP, RECYCLED, Told(100.0)],
    ),
    ("S17", "a worker that is too large", [*DUE, Bloated(0), RECYCLED, Told(1.0)]),
    ("S17", "the breaker cools in time", [*DUE, TRIPPED, Told(1.0), COOLED, Told(1.5)]),
    (
        "S17",
        "the breaker gives up",
        [
            *DUE,
            TRIPPED,
            Told(1.0),
            COOLED,
            Told(1.5),
            BreakerMoved("half_open", "probe_failed", "open"),
            Broke(),
            Told(2.0),
            Told(9.0),
        ],
    ),
    (
        "S17",
        "a worker that stops in time",
        [*DUE, LIVES, Bloated(0), RECYCLED, Told(1.0), Died(0), Told(3.0), Told(9.0)],
    ),
]
REJECTED: list[tuple[str, str, list[Record]]] = [
    ("S16", "task 0 waits, though worker 0 is free", [OPENED, *UP, TASK, Told(1.0)]),
    (
        "S16",
        "task 1 waits, though worker 0 of its session is free",
        [
            OPENED,
            *UP,
            Submitted(0, None, 0, 7),
            PLACED,
            CHECKOUT,
            GIVEN,
            Told(1.0),
            Submitted(1, None, 0, 7),
            CHECKIN,
            Told(2.0),
        ],
    ),
    (
        "S16",
        "task 0 waits, though worker 0 is free",
        [
            OPENED,
            *UP,
            TASK,
            CHECKOUT,
            GIVEN,
            RetryPlanned(0, 2, 1.0, "x"),
            CHECKIN,
            Told(1.0),
            Told(2.5),
        ],
    ),
    (
        "S16",
        "at 0 s only 1 of 2 workers live, and nothing hinders more",
        [TWO, START, Told(0.0)],
    ),
    (
        "S16",
        "task 0 was cancelled while it waited, and still waits",
        [OPENED, START, Told(0.0), TASK, Told(1.0), ShutdownAsked(None, cancels=True), Told(2.0)],
    ),
    (
        "S17",
        "at 1 s task 0 was ended by the shutdown, whose grace is until 2.0 s",
        [
            *[OPENED, CONFIG, START, TASK, ShutdownAsked(2.0), Told(0.0)],
            *[resolved("shutdown"), Told(1.0)],
        ],
    ),
    (
        "S17",
        "at 61 s worker 0 has been starting since 0 s",
        [OPENED, CONFIG, START, Told(0.0), Told(61.0)],
    ),
    (
        "S17",
        "at 59 s worker 0 was given up, though it may start until 60 s",
        [
            OPENED,
            CONFIG,
            START,
            Told(0.0),
            Moved(0, "initializing", "init_timeout", "terminating"),
            Told(59.0),
        ],
    ),
    (
        "S17",
        "at 31 s worker 0 was not asked at 30 s whether it is well",
        [*DUE, Told(31.0)],
    ),
    (
        "S17",
        "at 29 s worker 0 was asked whether it is well, though nothing called for it",
        [*DUE, CheckAsked(0, 1), Told(29.0)],
    ),
    ("S17", "at 36 s worker 0 owed an answer by 35 s, and is ready", [*CHECKED, Told(36.0)]),
    (
        "S17",
        "at 34 s worker 0 was said to have missed a health check, and had not",
        [*CHECKED, UNWELL, Told(34.0)],
    ),
    (
        "S17",
        "at 65 s worker 0 was removed for 2 missed health checks; 3 are",
        [*CHECKED, UNWELL, Told(35.0), CheckAsked(0, 2), Told(60.0), LIMIT, Told(65.0)],
    ),
    (
        "S17",
        "at 96 s worker 0 has missed 3 health checks in a row, and is kept",
        [
            *CHECKED,
            UNWELL,
            Told(35.0),
            CheckAsked(0, 2),
            Told(60.0),
            Told(66.0),
            CheckAsked(0, 3),
            Told(90.0),
            Told(96.0),
        ],
    ),
    (
        "S17",
        "at 12 s session 7 has had no task since 1 s, and lives",
        [*DUE, SessionAsked(7, "open"), Told(1.0), Told(12.0)],
    ),
    (
        "S17",
        "at 9 s session 7 expired, though it was not to before 11.0 s",
        [*DUE, SessionAsked(7, "open"), Told(1.0), EXPIRED, Told(9.0)],
    ),
    (
        "S17",
        "at 3 s session 7 expired, though it was not to before None s",
        [
            *DUE,
            SessionAsked(7, "open"),
            Submitted(0, None, 0, 7),
            PLACED,
            GIVEN,
            Told(1.0),
            EXPIRED,
            Told(3.0),
        ],
    ),
    (
        "S17",
        "at 3 s worker 0 has served 2 tasks, and is kept",
        [*DUE, CHECKOUT, CHECKIN, Told(1.0), CHECKOUT, CHECKIN, Told(3.0)],
    ),
    (
        "S17",
        "at 101 s worker 0 was ready at 0 s first, and is kept",
        [OPENED, attrs.evolve(CONFIG, health_interval=None), *UP, Told(101.0)],
    ),
    ("S17", "at 1 s worker 0 was recycled without a reason", [*DUE, RECYCLED, Told(1.0)]),
    (
        "S17",
        "at 7 s worker 0 was told to stop at 1 s, and lives",
        [*DUE, LIVES, Bloated(0), RECYCLED, Told(1.0), Told(7.0)],
    ),
    (
        "S17",
        "at 1.25 s the breaker cooled after 0.25 s; right is 0.5 s",
        [*DUE, TRIPPED, Told(1.0), COOLED, Told(1.25)],
    ),
    ("S17", "at 2 s the breaker is open since 1 s", [*DUE, TRIPPED, Told(1.0), Told(2.0)]),
    (
        "S17",
        "at 1 s the pool broke when its breaker had opened 1 times; 1 it may",
        [*DUE, TRIPPED, Broke(), Told(1.0)],
    ),
    (
        "S17",
        "at 2 s the breaker has opened 2 times in a row, and may cool",
        [
            *DUE,
            TRIPPED,
            Told(1.0),
            COOLED,
            Told(1.5),
            BreakerMoved("half_open", "probe_failed", "open"),
            Told(2.0),
        ],
    ),
    (
        "S16",
        "task 5 was refused as one too many, though the fallback is free",
        [attrs.evolve(CONFIG, falls_back=True), TRIPPED, Refused(5, "saturated")],
    ),
]


@pytest.mark.parametrize(("promise", "title", "history"), ACCEPTED, ids=lambda it: str(it)[:40])
def test_good_history_is_accepted(promise: str, title: str, history: list[Record]) -> None:
    assert accepts(promise, history), title


@pytest.mark.parametrize(("promise", "sentence", "history"), REJECTED, ids=lambda it: str(it)[:60])
def test_bad_history_is_rejected(promise: str, sentence: str, history: list[Record]) -> None:
    assert rejects(promise, sentence, history)


def test_each_of_these_promises_has_both_sorts_of_histories() -> None:
    promises = {"S16", "S17"}
    assert {case[0] for case in ACCEPTED} == {case[0] for case in REJECTED} == promises

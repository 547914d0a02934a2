"""What is told of errors, done at once, due by the clock, asked for and chosen: S15 to S19."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from machines.vocabulary import waits_of
from model.checker import Verdict, Violation
from model.history import (
    Answered,
    Assigned,
    Bloated,
    BreakerMoved,
    Broke,
    CancelAsked,
    CheckAnswered,
    CheckAsked,
    Configured,
    Died,
    Finished,
    Launched,
    Moved,
    Opened,
    Recalled,
    Refused,
    Resolved,
    RetryPlanned,
    SessionAsked,
    SessionMoved,
    SessionRefused,
    ShutdownAsked,
    StartAsked,
    Started,
    Submitted,
    Told,
    Troubled,
)
from model.promises import PROMISES, Judge
from pool.recovery import RetryPolicy

if TYPE_CHECKING:
    from model.history import Record

CHECKERS = {checker.promise: checker for checker in PROMISES}
WAITS = waits_of(RetryPolicy())
CONFIG = Configured(
    waits=WAITS,
    falls_back=False,
    init_timeout=60.0,
    health_interval=30.0,
    health_timeout=5.0,
    health_failures_max=3,
    session_ttl=10.0,
    tasks_max=2,
    age_max=100.0,
    overflow_idle=5.0,
    cooldown=0.5,
    cooldown_max=30.0,
    openings_max=1,
    killings_max=1,
)
OPENED = Opened(size=1, queue_limit=None, grace=5.0)
TWO = Opened(size=2, queue_limit=None, grace=5.0)
START, START_1 = StartAsked(0), StartAsked(1)
LIVES = Launched(0)
READY = Moved(0, "initializing", "init_complete", "ready")
CHECKOUT = Moved(0, "ready", "checkout", "busy")
CHECKIN = Moved(0, "busy", "checkin_success", "ready")
DIED = Moved(0, "busy", "exited", "terminating")
IDLE_DIED = Moved(0, "ready", "exited", "terminating")
TROUBLE = Troubled(0, "connection", "major", "replace")
TASK, THRICE = Submitted(0, None, 0), Submitted(0, None, 2)
GIVEN = Assigned(0, 0)
UP = [START, READY, Told(0.0)]
LOST_ONE = [CONFIG, *UP, THRICE, CHECKOUT, GIVEN, Started(0, 0), Told(1.0), DIED, TROUBLE]
AT_WORK = [CONFIG, *UP, TASK, CHECKOUT, GIVEN, Started(0, 0), Told(1.0)]
DUE = [OPENED, CONFIG, *UP]
CHECKED = [*DUE, CheckAsked(0, 1), Told(30.0)]
UNWELL = Moved(0, "ready", "health_check_failed", "degraded")
LIMIT = Moved(0, "degraded", "health_check_limit", "terminating")
PLACED = SessionMoved(7, "opened", "first_task", "placed")
EXPIRED = SessionMoved(7, "placed", "expired", "closed")
TRIPPED = BreakerMoved("closed", "tripped", "open")
COOLED = BreakerMoved("open", "cooled", "half_open")
RECYCLED = Moved(0, "ready", "recycle", "terminating")


def resolved(ending: str, task: int = 0) -> Resolved:
    return Resolved(task, ending, None, started=True)


def told(*facts: str | int | None, task: int = 0, session: int | None = None) -> Answered:
    category, severity, strategy, attempt, worker = facts
    return Answered(task, category, severity, strategy, attempt, worker, session)  # type: ignore[arg-type]


def only(promise: str, history: list[Record]) -> tuple[Verdict, list[Violation]]:
    court = Judge([CHECKERS[promise]])
    found = [violation for record in history if (violation := court.observe(record))]
    return court.verdicts()[promise], found


LOST = told("connection", "major", "abandon", 1, 0)
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
SESSION = Submitted(0, None, 0, 7)
ASK, AGAIN, CLOSE = (SessionAsked(7, wish) for wish in ("open", "reopen", "close"))
GONE = SessionMoved(7, "opened", "worker_lost", "lost")
CLOSING = SessionMoved(7, "opened", "close_requested", "closing")
READY_1 = Moved(1, "initializing", "init_complete", "ready")
BOTH = [attrs.evolve(CONFIG, health_interval=None), READY, READY_1]
ACCEPTED += [
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
]


REJECTED += [
    (
        "S16",
        "task 5 was refused as one too many, though the fallback is free",
        [attrs.evolve(CONFIG, falls_back=True), TRIPPED, Refused(5, "saturated")],
    ),
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
]


@pytest.mark.parametrize(("promise", "title", "history"), ACCEPTED, ids=lambda it: str(it)[:40])
def test_good_history_is_accepted(promise: str, title: str, history: list[Record]) -> None:
    del title
    assert only(promise, history) == (Verdict.HOLDS, [])


@pytest.mark.parametrize(("promise", "sentence", "history"), REJECTED, ids=lambda it: str(it)[:60])
def test_bad_history_is_rejected(promise: str, sentence: str, history: list[Record]) -> None:
    verdict, found = only(promise, history)
    assert found == [Violation(promise, sentence, len(history) - 1)]
    assert verdict is Verdict.VIOLATED


def test_each_of_these_promises_has_both_sorts_of_histories() -> None:
    promises = {"S15", "S16", "S17", "S18", "S19"}
    assert {case[0] for case in ACCEPTED} == {case[0] for case in REJECTED} == promises

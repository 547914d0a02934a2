"""Records and short histories that the tests of the promises about what is told begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from machines.vocabulary import waits_of
from model.checker import Verdict, Violation
from model.history import (
    Answered,
    Assigned,
    BreakerMoved,
    CheckAsked,
    Configured,
    Launched,
    Moved,
    Opened,
    Resolved,
    SessionAsked,
    SessionMoved,
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
SESSION = Submitted(0, None, 0, 7)
ASK, AGAIN, CLOSE = (SessionAsked(7, wish) for wish in ("open", "reopen", "close"))
GONE = SessionMoved(7, "opened", "worker_lost", "lost")
CLOSING = SessionMoved(7, "opened", "close_requested", "closing")
READY_1 = Moved(1, "initializing", "init_complete", "ready")
BOTH = [attrs.evolve(CONFIG, health_interval=None), READY, READY_1]


def resolved(ending: str, task: int = 0) -> Resolved:
    return Resolved(task, ending, None, started=True)


def told(*facts: str | int | None, task: int = 0, session: int | None = None) -> Answered:
    category, severity, strategy, attempt, worker = facts
    return Answered(task, category, severity, strategy, attempt, worker, session)  # type: ignore[arg-type]


LOST = told("connection", "major", "abandon", 1, 0)


def accepts(promise: str, history: list[Record]) -> bool:
    """Whether the promise's checker, alone, finds nothing wrong with the history."""
    return _only(promise, history) == (Verdict.HOLDS, [])


def rejects(promise: str, sentence: str, history: list[Record]) -> bool:
    """Whether it finds just this, and finds it in the last record."""
    found = [Violation(promise, sentence, len(history) - 1)]
    return _only(promise, history) == (Verdict.VIOLATED, found)


def _only(promise: str, history: list[Record]) -> tuple[Verdict, list[Violation]]:
    court = Judge([CHECKERS[promise]])
    found = [violation for record in history if (violation := court.observe(record))]
    return court.verdicts()[promise], found

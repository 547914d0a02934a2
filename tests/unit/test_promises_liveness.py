"""The liveness promises, each against histories written by hand, with their three verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.checker import Verdict, Violation
from model.history import (
    Broke,
    Closed,
    Died,
    Healed,
    Launched,
    Opened,
    Resolved,
    SessionMoved,
    ShutdownAsked,
    Submitted,
    Told,
)
from model.promises import PROMISES, Judge

if TYPE_CHECKING:
    from model.history import Record

CHECKERS = {checker.promise: checker for checker in PROMISES}
OPENED = Opened(size=2, queue_limit=None, grace=5.0)
TASK = Submitted(0, None, 0)
SHUT = ShutdownAsked(None)
RETURNED = Resolved(0, "returned", 7, started=True)
LOST = Resolved(1, "lost", None, started=True)
PLACED = SessionMoved(0, "opened", "first_task", "placed")
GONE_AGAIN = SessionMoved(0, "placed", "expired", "closed")
WELL = Healed(complete=True, ready=2)
WEAK = Healed(complete=True, ready=1)
GONE = Healed(complete=True, ready=0)
UNFINISHED = Healed(complete=False, ready=0)


def only(promise: str, history: list[Record]) -> tuple[Verdict, list[Violation]]:
    """One checker alone: its verdict, and what it found."""
    court = Judge([CHECKERS[promise]])
    found = [violation for record in history if (violation := court.observe(record))]
    return court.verdicts()[promise], found


ACCEPTED: list[tuple[str, str, list[Record]]] = [
    ("L1", "no task at all", [OPENED, WELL]),
    ("L1", "every task resolved", [OPENED, TASK, RETURNED, WELL]),
    ("L2", "back at size", [OPENED, WELL]),
    (
        "L2",
        "one worker more, in which a session lives",
        [OPENED, PLACED, Healed(complete=True, ready=3)],
    ),
    ("L2", "said that it is broken", [OPENED, Broke(), GONE]),
    ("L2", "shut down", [OPENED, SHUT, GONE]),
    ("L3", "ended in time", [OPENED, SHUT, Told(0.0), Closed(), GONE]),
    (
        "L3",
        "every process is dead at the last moment",
        [OPENED, Launched(0), SHUT, Told(0.0), Told(5.0), Died(0), Told(6.0), Closed(), GONE],
    ),
    (
        "L3",
        "tasks may run on where no grace was named",
        [OPENED, TASK, SHUT, Told(0.0), Told(900.0), RETURNED, Told(901.0), Closed(), GONE],
    ),
]

REJECTED: list[tuple[str, str, list[Record]]] = [
    (
        "L1",
        "nothing more can happen, and these tasks never resolved: 0, 3",
        [OPENED, Submitted(3, None, 0), Submitted(1, None, 0), TASK, LOST, WELL],
    ),
    ("L2", "nothing more can happen, and 1 of 2 workers are ready", [OPENED, WEAK]),
    (
        "L2",
        "nothing more can happen, and 3 of 2 workers are ready",
        [OPENED, Healed(complete=True, ready=3)],
    ),
    (
        "L2",
        "nothing more can happen, and 3 of 2 workers are ready",
        [OPENED, PLACED, GONE_AGAIN, Healed(complete=True, ready=3)],
    ),
    (
        "L3",
        "nothing more can happen, and the pool that was shut down has not ended",
        [OPENED, SHUT, Told(0.0), GONE],
    ),
    (
        "L3",
        "the grace was over at 1 s, and at 1.5 s 1 tasks are unresolved and 0 workers live",
        [OPENED, TASK, ShutdownAsked(1.0), Told(0.0), Told(1.0), Told(1.5)],
    ),
    (
        "L3",
        "the grace was over at 5 s, and at 6 s 0 tasks are unresolved and 2 workers live",
        [OPENED, Launched(0), Launched(1), SHUT, Told(0.0), Told(5.0), Told(6.0)],
    ),
    (
        "L3",
        "the grace was over at 1 s, and at 2 s 1 tasks are unresolved and 0 workers live",
        [OPENED, TASK, ShutdownAsked(9.0), Told(0), ShutdownAsked(1.0), Told(0), Told(2.0)],
    ),
    (
        "L3",
        "the grace was over at 1 s, and at 2 s 1 tasks are unresolved and 0 workers live",
        [OPENED, TASK, ShutdownAsked(1.0), Told(0), ShutdownAsked(9.0), Told(0), Told(2.0)],
    ),
    (
        "L3",
        "the grace was over at 15 s, and at 16 s 0 tasks are unresolved and 1 workers live",
        [OPENED, TASK, Launched(0), SHUT, Told(0), RETURNED, Told(10.0), Told(15.0), Told(16.0)],
    ),
]


@pytest.mark.parametrize(
    ("promise", "history"),
    [case[::2] for case in ACCEPTED],
    ids=[f"{promise} {name}" for promise, name, _ in ACCEPTED],
)
def test_a_history_that_keeps_the_promise_is_accepted(promise: str, history: list[Record]) -> None:
    verdict, found = only(promise, history)
    assert found == []
    assert verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("promise", "sentence", "history"),
    REJECTED,
    ids=[f"{promise} {at}" for at, (promise, _, _) in enumerate(REJECTED)],
)
def test_a_history_that_breaks_the_promise_is_rejected_by_its_last_record(
    promise: str, sentence: str, history: list[Record]
) -> None:
    verdict, found = only(promise, history)
    assert found == [Violation(promise, sentence, len(history) - 1)]
    assert verdict is Verdict.VIOLATED


def test_every_liveness_promise_has_both_sorts_of_histories() -> None:
    liveness = {"L1", "L2", "L3"}  # test_promises_starvation.py has L4
    assert {case[0] for case in ACCEPTED} == liveness
    assert {case[0] for case in REJECTED} == liveness


@pytest.mark.parametrize("promise", ["L1", "L2", "L3"])
def test_nothing_is_known_before_the_run_has_healed(promise: str) -> None:
    history: list[Record] = [OPENED, TASK, RETURNED, SHUT, Told(0.0), Closed()]
    assert only(promise, history) == (Verdict.UNKNOWN, [])


@pytest.mark.parametrize("promise", ["L1", "L2", "L3"])
def test_nothing_is_known_when_the_budget_for_healing_ran_out(promise: str) -> None:
    history: list[Record] = [OPENED, TASK, SHUT, Told(0.0), UNFINISHED]
    assert only(promise, history) == (Verdict.UNKNOWN, [])
    assert only(promise, [OPENED, UNFINISHED]) == (Verdict.UNKNOWN, [])


def test_l3_is_unknown_for_a_pool_that_nobody_shut_down() -> None:
    assert only("L3", [OPENED, Told(0.0), WELL]) == (Verdict.UNKNOWN, [])


def test_l3_counts_the_shutdown_from_the_event_that_tells_the_pool_of_it() -> None:
    early: list[Record] = [OPENED, TASK, Told(50.0), ShutdownAsked(1.0), Told(50.0), Told(51.0)]
    assert only("L3", early) == (Verdict.UNKNOWN, [])
    assert [found.record for found in only("L3", [*early, Told(51.5)])[1]] == [6]


@pytest.mark.parametrize(
    ("promise", "history"),
    [
        ("L1", [OPENED, TASK, WELL, RETURNED, WELL]),
        ("L2", [OPENED, WEAK, SHUT, Told(0.0), Closed(), GONE]),
        ("L3", [OPENED, Launched(0), SHUT, Told(0), Told(9.0), Died(0), Closed(), GONE]),
        ("L3", [OPENED, SHUT, Told(0.0), GONE, Closed(), GONE]),
    ],
)
def test_what_was_once_broken_stays_broken_when_the_run_heals_later(
    promise: str, history: list[Record]
) -> None:
    verdict, found = only(promise, history)
    assert len(found) == 1
    assert verdict is Verdict.VIOLATED

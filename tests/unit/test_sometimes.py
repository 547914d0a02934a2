"""What must sometimes happen: each observer sees it where it happens, and nowhere else."""

from __future__ import annotations

import pytest

from model import history as saw
from model.sometimes import OBSERVERS, Sometimes, never

OUTLIVED = "a session outlived another's worker"
RECOVERED = "the breaker opened and closed again"
RETRIED = "a retry succeeded"


def happened(*history: saw.Record) -> dict[str, int]:
    """What the observers say of a history."""
    sometimes = Sometimes()
    for record in history:
        sometimes.observe(record)
    return dict(sometimes.happened)


def placed(session: int) -> saw.SessionMoved:
    return saw.SessionMoved(session, "opened", "first_task", "placed")


def lost(session: int) -> saw.SessionMoved:
    return saw.SessionMoved(session, "placed", "worker_lost", "lost")


TWO = (saw.Submitted(0, None, 0, 0), saw.Submitted(1, None, 0, 1), placed(0), placed(1))
ANSWERS = saw.Resolved(1, "returned", 1, True)


def test_a_session_that_answers_after_another_is_lost_has_outlived_it() -> None:
    assert happened(*TWO, lost(0), ANSWERS) == {OUTLIVED: 1}


@pytest.mark.parametrize(
    "history",
    [
        (*TWO, ANSWERS, lost(0)),
        (*TWO, lost(0), lost(1), ANSWERS),
        (*TWO, lost(0), saw.Resolved(1, "session_lost", None, False)),
        (*TWO, lost(0), saw.Resolved(0, "returned", 1, True)),
        (*TWO[:3], lost(0), placed(1), ANSWERS),
        (*TWO, saw.SessionMoved(1, "placed", "expired", "closed"), lost(0), ANSWERS),
    ],
    ids=["before", "both lost", "no answer", "the lost one", "placed later", "closed before"],
)
def test_a_session_that_does_not_answer_afterwards_has_outlived_nothing(
    history: tuple[saw.Record, ...],
) -> None:
    assert OUTLIVED not in happened(*history)


OPENS = saw.BreakerMoved("closed", "tripped", "open")
HALF = saw.BreakerMoved("open", "cooled", "half_open")
CLOSES = saw.BreakerMoved("half_open", "probe_succeeded", "closed")


def test_a_breaker_that_opens_and_closes_has_recovered() -> None:
    assert happened(OPENS, HALF, CLOSES) == {RECOVERED: 1}


@pytest.mark.parametrize("history", [(OPENS,), (OPENS, HALF), (CLOSES,)])
def test_a_breaker_that_stays_open_or_never_opened_has_not(
    history: tuple[saw.Record, ...],
) -> None:
    assert happened(*history) == {}


START = (saw.Submitted(0, None, 1), saw.Assigned(0, 3), saw.Started(0, 3))
AGAIN = (saw.Assigned(0, 4), saw.Started(0, 4))


def test_a_task_that_returns_after_its_second_start_is_a_retry_that_succeeded() -> None:
    assert happened(*START, *AGAIN, saw.Resolved(0, "returned", 1, True)) == {RETRIED: 1}


@pytest.mark.parametrize(
    "history",
    [
        (*START, saw.Resolved(0, "returned", 1, True)),
        (*START, *AGAIN, saw.Resolved(0, "lost", None, True)),
        (*START, *AGAIN, saw.Resolved(0, "raised", None, True)),
        (*START, *AGAIN),
        (
            *START,
            saw.Submitted(1, None, 0),
            saw.Started(1, 4),
            saw.Resolved(1, "returned", 1, True),
        ),
    ],
    ids=["first time", "lost again", "raised", "unresolved", "another's start"],
)
def test_a_task_that_starts_once_or_does_not_return_is_none(
    history: tuple[saw.Record, ...],
) -> None:
    assert happened(*history) == {}


def test_a_fault_that_strikes_while_a_worker_holds_a_task_is_counted() -> None:
    sometimes = Sometimes()
    for record in START[:2]:
        sometimes.observe(record)
    assert sometimes.struck("crash")
    assert sometimes.happened == {"crash happened while a task was in flight": 1}


@pytest.mark.parametrize("history", [(), START[:1], (*START, saw.Resolved(0, "raised", 1, True))])
def test_a_fault_that_strikes_while_none_does_is_not(history: tuple[saw.Record, ...]) -> None:
    sometimes = Sometimes()
    for record in history:
        sometimes.observe(record)
    assert not sometimes.struck("crash")
    assert sometimes.happened == {}


def test_what_never_happened_is_named_in_order() -> None:
    words = [observer.words for observer in OBSERVERS]
    assert never([], ["crash"], ["a move"]) == [
        *words,
        "crash happened while a task was in flight",
        "a move",
    ]
    assert never([*words, "a move"], ["crash"], ["a move"]) == [
        "crash happened while a task was in flight"
    ]

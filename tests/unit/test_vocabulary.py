"""The one map between the pool's words and the model's: complete, and one to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from machines import vocabulary
from model import breaker, session, worker
from model import history as saw
from model.worker import LEGAL
from pool import effects as do
from pool.breaker import BREAKER, BreakerBecause, BreakerState
from pool.effects import Ending, Outcome, Refusal
from pool.events import Timer, TimerKind
from pool.lifecycle import LIFECYCLE, Because, WorkerState
from pool.recovery import Category, Severity, Strategy, Treatment
from pool.sessions import SESSIONS, SessionBecause, SessionState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

MAPS = [
    (WorkerState, vocabulary.STATES),
    (Because, vocabulary.REASONS),
    (Ending, vocabulary.ENDINGS),
    (Refusal, vocabulary.REFUSALS),
    (SessionState, vocabulary.SESSION_STATES),
    (SessionBecause, vocabulary.SESSION_REASONS),
    (BreakerState, vocabulary.BREAKER_STATES),
    (BreakerBecause, vocabulary.BREAKER_REASONS),
]
TABLES = [
    (LIFECYCLE, vocabulary.STATES, vocabulary.REASONS, worker),
    (SESSIONS, vocabulary.SESSION_STATES, vocabulary.SESSION_REASONS, session),
    (BREAKER, vocabulary.BREAKER_STATES, vocabulary.BREAKER_REASONS, breaker),
]
TIMER = Timer(TimerKind.DEADLINE, 4)

SAYS = [
    (do.SendTask(1, 2, 3), saw.Assigned(task=2, worker=1)),
    (do.SendTask(1, 2, 3, ahead=True), saw.Assigned(task=2, worker=1, ahead=True)),
    (do.SpawnWorker(1), saw.StartAsked(1)),
    (do.FailOver(2), saw.Diverted(2)),
    (do.RefuseSession(4, Refusal.BROKEN), saw.SessionRefused(4, "broken")),
    (do.RefuseSession(4, Refusal.SESSION_LOST), saw.SessionRefused(4, "session_lost")),
    (
        do.SessionMoved(4, SessionState.PLACED, SessionBecause.WORKER_LOST, SessionState.LOST),
        saw.SessionMoved(4, "placed", "worker_lost", "lost"),
    ),
    (
        do.BreakerMoved(BreakerState.CLOSED, BreakerBecause.TRIPPED, BreakerState.OPEN),
        saw.BreakerMoved("closed", "tripped", "open"),
    ),
    (
        do.WorkerMoved(1, WorkerState.READY, Because.CHECKOUT, WorkerState.BUSY),
        saw.Moved(1, "ready", "checkout", "busy"),
    ),
    (do.CheckWorker(1, 3), saw.CheckAsked(1, 3)),
    (
        do.Trouble(1, Category.CONNECTION, Severity.MAJOR, Treatment.REPLACE, "it exited"),
        saw.Troubled(1, "connection", "major", "replace", "it exited"),
    ),
    (
        do.RetryPlanned(2, 3, 0.5, Strategy.IMMEDIATE_RETRY),
        saw.RetryPlanned(2, 3, 0.5, "immediate_retry"),
    ),
    (do.PoolBroke(), saw.Broke()),
    (do.PoolClosed(), saw.Closed()),
]
SAYS_NOTHING = [
    do.RefuseTask(2, Refusal.SATURATED),
    do.RecallTasks(1),
    do.DropSession(1, 4),
    do.StopWorker(1),
    do.KillWorker(1),
    do.ResolveTask(1, Outcome(Ending.LOST)),
    do.SetTimer(TIMER, 1.0),
    do.ClearTimer(TIMER),
    do.ResultDropped(1, 2, 3),
]


@pytest.mark.parametrize(("words", "mapped"), MAPS)
def test_every_word_of_the_pool_has_one_of_the_model(
    words: type[StrEnum], mapped: Mapping[StrEnum, str]
) -> None:
    assert set(mapped) == set(words)


@pytest.mark.parametrize(("words", "mapped"), MAPS)
def test_no_two_words_of_the_pool_share_one_of_the_model(
    words: type[StrEnum], mapped: Mapping[StrEnum, str]
) -> None:
    assert len(set(mapped.values())) == len(words)


def test_the_models_words_are_plain_strings() -> None:
    assert {type(word) for _, mapped in MAPS for word in mapped.values()} == {str}


def test_the_states_are_those_of_the_model() -> None:
    assert set(vocabulary.STATES.values()) == set(LEGAL)


@pytest.mark.parametrize(("rows", "states", "reasons", "model"), TABLES)
def test_the_pools_own_tables_have_the_models_rows(
    rows: Any, states: Any, reasons: Any, model: Any
) -> None:
    def target(row: Any) -> Any:
        return states[row[0] if isinstance(row, tuple) else row]

    told = {
        states[state]: {reasons[because]: target(row) for because, row in its.items()}
        for state, its in rows.items()
    }
    assert told == model.LEGAL
    assert {after for _, _, after in model.moves()} <= set(model.LEGAL)


def test_the_reasons_are_those_of_the_model() -> None:
    assert set(vocabulary.REASONS.values()) == {why for row in LEGAL.values() for why in row}


@pytest.mark.parametrize(("effect", "record"), SAYS)
def test_an_effect_that_shows_something_is_told_in_the_models_words(
    effect: do.Effect, record: saw.Record
) -> None:
    assert vocabulary.record_of(effect) == record


@pytest.mark.parametrize("effect", SAYS_NOTHING)
def test_an_effect_that_shows_nothing_by_itself_is_no_record(effect: do.Effect) -> None:
    assert vocabulary.record_of(effect) is None


def test_every_effect_is_one_or_the_other() -> None:
    told = {type(effect) for effect, _ in SAYS} | {type(effect) for effect in SAYS_NOTHING}
    assert told == set(get_args(do.Effect))


@pytest.mark.parametrize("why", Refusal)
@pytest.mark.parametrize("session", [None, 4])
def test_a_refusal_keeps_its_task_reason_and_session(why: Refusal, session: int | None) -> None:
    record = vocabulary.refused(do.RefuseTask(2, why), session)
    assert record == saw.Refused(2, vocabulary.REFUSALS[why], session)


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("started", [True, False])
def test_a_resolution_keeps_its_task_ending_value_and_claim(ending: Ending, started: bool) -> None:
    effect = do.ResolveTask(3, Outcome(ending, b"payload", 1, 2, started, "detail"))
    record = vocabulary.resolved(effect, ["echo", 3])
    assert record == saw.Resolved(3, vocabulary.ENDINGS[ending], ["echo", 3], started)

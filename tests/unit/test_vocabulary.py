"""The one map between the pool's words and the model's: complete, and one to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from machines import vocabulary
from model import history as saw
from model.worker import LEGAL
from pool import effects as do
from pool.effects import Ending, Outcome, Refusal
from pool.events import Timer, TimerKind
from pool.lifecycle import Because, WorkerState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

MAPS = [
    (WorkerState, vocabulary.STATES),
    (Because, vocabulary.REASONS),
    (Ending, vocabulary.ENDINGS),
    (Refusal, vocabulary.REFUSALS),
]
TIMER = Timer(TimerKind.DEADLINE, 4)

SAYS = [
    (do.SendTask(1, 2, 3), saw.Assigned(task=2, worker=1)),
    (do.RefuseTask(2, Refusal.SATURATED), saw.Refused(2, "saturated")),
    (do.RefuseTask(2, Refusal.SHUTDOWN), saw.Refused(2, "shutdown")),
    (do.RefuseTask(2, Refusal.BROKEN), saw.Refused(2, "broken")),
    (
        do.WorkerMoved(1, WorkerState.READY, Because.CHECKOUT, WorkerState.BUSY),
        saw.Moved(1, "ready", "checkout", "busy"),
    ),
    (do.PoolBroke(), saw.Broke()),
    (do.PoolClosed(), saw.Closed()),
]
SAYS_NOTHING = [
    do.SpawnWorker(1),
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


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("started", [True, False])
def test_a_resolution_keeps_its_task_ending_value_and_claim(ending: Ending, started: bool) -> None:
    effect = do.ResolveTask(3, Outcome(ending, b"payload", 1, 2, started, "detail"))
    record = vocabulary.resolved(effect, ["echo", 3])
    assert record == saw.Resolved(3, vocabulary.ENDINGS[ending], ["echo", 3], started)

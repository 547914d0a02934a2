"""The tables: the pool's lifecycles and its decisions about errors are those of the model.

Goal: find a move that one of the two allows and the other does not, or an error that the two answer
differently. Method: every state of a worker, a session and the breaker with every reason there is;
an event without a row is refused, says who, what, where and what was legal, and changes nothing.
Errors of every kind are put to both, under every strategy and shape of back-off.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from machines import vocabulary
from machines.vocabulary import CATEGORIES, SEVERITIES, STRATEGIES, waits_of
from model import breaker, recovery, session, worker
from pool.breaker import BREAKER, BreakerBecause, BreakerState
from pool.errors import LifecycleError
from pool.lifecycle import LIFECYCLE, Because, WorkerState, next_row
from pool.recovery import Backoff, Category, RetryPolicy, Shape, Strategy, decide, severity_of
from pool.sessions import SessionBecause, SessionState, next_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NUMBER = 7


def refusal(act: Callable[[], object]) -> str:
    """The words with which the move is refused."""
    with pytest.raises(LifecycleError) as caught:
        act()
    return str(caught.value)


def words(who: str, because: str, state: str, legal: Mapping[str, str]) -> str:
    """How a move without a row is refused."""
    known = ", ".join(sorted(legal)) or "nothing"
    return f"{who} {NUMBER} cannot take {because} in {state}; legal: {known}"


@pytest.mark.parametrize("because", Because)
@pytest.mark.parametrize("state", WorkerState)
def test_worker_moves_as_the_model_says_or_not_at_all(state: WorkerState, because: Because) -> None:
    """Each row leads where the model's does, and there is none beside."""
    where, why = vocabulary.STATES[state], vocabulary.REASONS[because]
    legal = worker.LEGAL[where]
    if why in legal:
        after, _ = next_row(LIFECYCLE, NUMBER, state, because)
        assert vocabulary.STATES[after] == legal[why]
    else:
        said = refusal(lambda: next_row(LIFECYCLE, NUMBER, state, because))
        assert said == words("worker", why, where, legal)


@pytest.mark.parametrize("because", SessionBecause)
@pytest.mark.parametrize("state", SessionState)
def test_session_moves_as_the_model_says_or_not_at_all(
    state: SessionState, because: SessionBecause
) -> None:
    """Each row leads where the model's does, and there is none beside."""
    where, why = vocabulary.SESSION_STATES[state], vocabulary.SESSION_REASONS[because]
    legal = session.LEGAL[where]
    if why in legal:
        after = next_state(NUMBER, state, because)
        assert vocabulary.SESSION_STATES[after] == legal[why]
    else:
        said = refusal(lambda: next_state(NUMBER, state, because))
        assert said == words("session", why, where, legal)


def test_breaker_moves_as_the_model_says() -> None:
    """The breaker's table is the model's."""
    states, reasons = vocabulary.BREAKER_STATES, vocabulary.BREAKER_REASONS
    rows = {
        states[state]: {reasons[why]: states[after] for why, after in BREAKER[state].items()}
        for state in BreakerState
    }
    assert rows == breaker.LEGAL
    assert {why for row in rows.values() for why in row} == {reasons[it] for it in BreakerBecause}


@pytest.mark.parametrize("touches_all", [False, True])
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("shape", Shape)
def test_error_is_answered_as_the_model_says(
    shape: Shape, strategy: Strategy, touches_all: bool
) -> None:
    """Severity, strategy and wait, of every kind, after any number of attempts."""
    for category, attempts_max in itertools.product(Category, (0, 3, 6)):
        backoff = Backoff(shape=shape, base=1.5, cap=9.0, attempts_max=attempts_max)
        policy = RetryPolicy(backoff=backoff, strategies={category: strategy})
        for attempts, previous in itertools.product(range(1, 9), (0.0, 1.0, 4.0)):
            agree(policy, category, attempts, previous, touches_all)


def agree(
    policy: RetryPolicy, category: Category, attempts: int, previous: float, touches_all: bool
) -> None:
    """The pool's decision about one error is among those that the model allows."""
    rng = random.Random(attempts)  # noqa: S311 - jitter, not a secret
    decision = decide(policy, category, attempts, rng, touches_all=touches_all, previous=previous)
    kind = CATEGORIES[category]
    right = recovery.answer(waits_of(policy), kind, attempts, previous, touches_all=touches_all)
    severity = severity_of(category, attempts, touches_all=touches_all)
    assert SEVERITIES[severity] == recovery.severity(kind, attempts, touches_all=touches_all)
    assert decision.severity is severity
    assert STRATEGIES[decision.strategy] == right.strategy
    assert (decision.delay is None) == (right.least is None)
    assert decision.delay is None or right.allows(decision.delay)


@pytest.mark.parametrize("category", Category)
def test_an_error_touches_nothing_else_and_follows_no_wait_unless_that_is_said(
    category: Category,
) -> None:
    """What a caller leaves out is what the model takes for granted."""
    backoff = Backoff(shape=Shape.DECORRELATED)
    policy = RetryPolicy(backoff=backoff, strategies={category: Strategy.BACKOFF_RETRY})
    alone = decide(policy, category, 1, random.Random(1), touches_all=False, previous=0.0)  # noqa: S311 - jitter
    assert decide(policy, category, 1, random.Random(1)) == alone  # noqa: S311 - jitter
    assert severity_of(category, 1) is alone.severity
    assert backoff.delay(1, random.Random(1)) == backoff.base  # noqa: S311 - jitter


def test_jitter_spreads_up_to_three_times_the_wait_before() -> None:
    """Between the least and the most that the model allows, and not only at one end."""
    policy = RetryPolicy(backoff=Backoff(shape=Shape.DECORRELATED, base=1.0, cap=16.0))
    waits = [
        decide(policy, Category.RESOURCE, 1, random.Random(seed), previous=4.0).delay or 0.0  # noqa: S311 - jitter, not a secret
        for seed in range(50)
    ]
    assert 1.0 <= min(waits) < 3.0
    assert 9.0 < max(waits) <= 12.0

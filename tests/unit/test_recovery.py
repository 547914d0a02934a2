"""Recovery as pure functions: each category, severity, strategy, treatment and back-off shape."""

from __future__ import annotations

import itertools
import pickle
import random
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from pool.effects import Ending
from pool.lifecycle import Because
from pool.recovery import (
    BASE_SEVERITY,
    STRATEGIES,
    Backoff,
    Category,
    Decision,
    RetryPolicy,
    Severity,
    Shape,
    Strategy,
    Treatment,
    decide,
    severity_of,
)
from pool.tasks import USUAL
from pool.workers import TROUBLES

SEED = 5
NAN, INFINITE = float("nan"), float("inf")


def seeded(seed: int = SEED) -> random.Random:
    return random.Random(seed)  # noqa: S311 - jitter, not a secret


# As the design has them.
SEVERITIES = {
    "initialization": "critical",
    "connection": "major",
    "communication": "major",
    "timeout": "major",
    "resource": "critical",
    "health_check": "minor",
    "session": "minor",
    "task": "major",
    "system": "critical",
}
DEFAULTS = {
    "initialization": "circuit_break",
    "connection": "immediate_retry",
    "communication": "immediate_retry",
    "timeout": "abandon",
    "resource": "backoff_retry",
    "health_check": "backoff_retry",
    "session": "abandon",
    "task": "abandon",
    "system": "abandon",
}


@pytest.mark.parametrize(("category", "severity"), SEVERITIES.items())
def test_each_category_has_its_base_severity(category: str, severity: str) -> None:
    assert severity_of(Category(category), 1).name.lower() == severity


@pytest.mark.parametrize(("category", "strategy"), DEFAULTS.items())
def test_each_category_has_its_default_strategy(category: str, strategy: str) -> None:
    assert RetryPolicy().strategies[Category(category)] == strategy


def test_both_tables_hold_every_category_and_nothing_else() -> None:
    assert set(SEVERITIES) == set(Category) == set(BASE_SEVERITY)
    assert set(DEFAULTS) == set(Category) == set(STRATEGIES)


@pytest.mark.parametrize("category", Category)
def test_more_than_three_attempts_raise_the_severity_one_step(category: Category) -> None:
    base = BASE_SEVERITY[category]
    assert [severity_of(category, attempts) for attempts in (1, 2, 3)] == [base] * 3
    assert severity_of(category, 4) == min(base + 1, Severity.CRITICAL)
    assert severity_of(category, 9) == min(base + 1, Severity.CRITICAL)


@pytest.mark.parametrize("category", Category)
def test_an_error_that_touches_all_workers_is_critical(category: Category) -> None:
    assert severity_of(category, 1, touches_all=True) is Severity.CRITICAL


def test_severities_are_ordered_from_warning_to_critical() -> None:
    assert [step.name for step in sorted(Severity)] == ["WARNING", "MINOR", "MAJOR", "CRITICAL"]


@pytest.mark.parametrize(
    ("category", "attempts"),
    [(Category.SYSTEM, 2), (Category.RESOURCE, 2), (Category.RESOURCE, 7), (Category.TASK, 4)],
)
def test_a_critical_error_is_abandoned_after_its_second_attempt(
    category: Category, attempts: int
) -> None:
    policy = RetryPolicy(strategies={category: Strategy.BACKOFF_RETRY})
    given_up = Decision(Strategy.ABANDON, Severity.CRITICAL)
    assert given_up == decide(policy, category, attempts, seeded())


def test_an_error_that_touches_all_is_tried_once_more_and_then_abandoned() -> None:
    rng = seeded()
    first, second = (
        decide(RetryPolicy(), Category.CONNECTION, attempts, rng, touches_all=True)
        for attempts in (1, 2)
    )
    assert first == Decision(Strategy.IMMEDIATE_RETRY, Severity.CRITICAL, 0.0)
    assert second == Decision(Strategy.ABANDON, Severity.CRITICAL)


def decided(strategy: Strategy, attempts: int, **policy: Any) -> tuple[str, float | None]:
    """What is done about a minor error, under this strategy for its category."""
    chosen = RetryPolicy(strategies={Category.HEALTH_CHECK: strategy}, **policy)
    decision = decide(chosen, Category.HEALTH_CHECK, attempts, seeded())
    return decision.strategy.value, decision.delay


def test_immediate_retry_waits_0_100_and_200_milliseconds_and_then_gives_up() -> None:
    again = [decided(Strategy.IMMEDIATE_RETRY, attempts) for attempts in (1, 2, 3, 4)]
    waits = [("immediate_retry", wait) for wait in (0.0, 0.1, 0.2)]
    assert again == [*waits, ("abandon", None)]


def test_backoff_retry_waits_1_2_4_8_and_16_seconds_and_then_gives_up() -> None:
    again = [decided(Strategy.BACKOFF_RETRY, attempts) for attempts in range(1, 7)]
    waits = [("backoff_retry", wait) for wait in (1.0, 2.0, 4.0, 8.0, 16.0)]
    assert again == [*waits, ("abandon", None)]


@pytest.mark.parametrize("strategy", [Strategy.CIRCUIT_BREAK, Strategy.FAILOVER, Strategy.ABANDON])
def test_the_other_strategies_plan_no_attempt_on_a_worker(strategy: Strategy) -> None:
    assert decided(strategy, 1) == (strategy, None)


def test_each_strategy_has_been_decided_above() -> None:
    first = {decided(strategy, 1)[0] for strategy in Strategy}
    assert first == set(Strategy)


# Back-off.

WAITS = {
    Shape.LINEAR: [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.0],
    Shape.EXPONENTIAL: [0.5, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0],
    Shape.FIBONACCI: [0.5, 0.5, 1.0, 1.5, 2.5, 3.0, 3.0],
}


@pytest.mark.parametrize(("shape", "waits"), WAITS.items())
def test_each_regular_shape_grows_as_its_name_says_up_to_its_cap(
    shape: Shape, waits: list[float]
) -> None:
    backoff = Backoff(shape, base=0.5, cap=3.0, attempts_max=7)
    rng = seeded()
    before = rng.getstate()
    assert waits == [backoff.delay(attempt, rng) for attempt in range(1, 8)]
    assert backoff.delay(8, rng) is None
    assert before == rng.getstate()


def decorrelated(seed: int) -> list[float]:
    backoff = Backoff("decorrelated", base=1.0, cap=16.0, attempts_max=40)
    rng, waits = seeded(seed), [0.0]
    for attempt in range(1, 41):
        wait = backoff.delay(attempt, rng, waits[-1])
        assert wait is not None
        waits.append(wait)
    return waits[1:]


def test_decorrelated_waits_lie_between_the_base_and_three_times_the_one_before() -> None:
    waits = decorrelated(SEED)
    assert waits[0] == 1.0
    assert all(1.0 <= wait <= min(16.0, 3.0 * last) for last, wait in itertools.pairwise(waits))
    assert 16.0 in waits
    assert len(set(waits)) > 20


def test_decorrelated_waits_repeat_with_their_seed_and_only_with_it() -> None:
    assert decorrelated(SEED) == decorrelated(SEED) != decorrelated(SEED + 1)


def test_each_shape_has_been_tried_above() -> None:
    assert {*WAITS, Shape.DECORRELATED} == set(Shape)


@pytest.mark.parametrize("shape", Shape)
def test_a_thousandth_wait_is_the_cap(shape: Shape) -> None:
    backoff = Backoff(shape, attempts_max=1000)
    assert backoff.delay(1000, seeded(), previous=1e300) == 16.0


# What an error does to a worker, and what an ending is.


@pytest.mark.parametrize(
    ("because", "category", "treatment"),
    [
        ("init_failed", "initialization", "retry"),
        ("init_timeout", "initialization", "retry"),
        ("spawn_failed", "resource", "retry"),
        ("exited", "connection", "replace"),
        ("corrupt", "communication", "replace"),
        ("timeout", "timeout", "replace"),
        ("recovery_degrade", "resource", "degrade"),
        ("health_check_failed", "health_check", "degrade"),
        ("health_check_limit", "health_check", "remove"),
    ],
)
def test_each_trouble_of_a_worker_has_its_category_and_treatment(
    because: str, category: str, treatment: str
) -> None:
    assert TROUBLES[Because(because)] == (Category(category), Treatment(treatment))


def test_nine_ways_to_fail_use_every_treatment() -> None:
    assert len(TROUBLES) == 9
    assert {treatment for _, treatment in TROUBLES.values()} == set(Treatment)


def test_every_ending_but_two_is_some_kind_of_trouble() -> None:
    assert set(Ending) - set(USUAL) == {Ending.RETURNED, Ending.CANCELLED}


# The policies as values.


def test_policies_have_the_designs_defaults() -> None:
    assert RetryPolicy() == RetryPolicy((0.0, 0.1, 0.2), Backoff(), STRATEGIES, 0)
    assert Backoff() == Backoff(Shape.EXPONENTIAL, base=1.0, cap=16.0, attempts_max=5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": 0},
        {"base": -1.0},
        {"base": NAN},
        {"base": INFINITE},
        {"cap": 0.0},
        {"cap": INFINITE},
        {"attempts_max": -1},
        {"shape": "square"},
    ],
    ids=str,
)
def test_backoff_refuses_a_value_out_of_its_range(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name if name != "shape" else "square"):
        Backoff(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"base": "1"}, {"cap": None}, {"cap": True}, {"attempts_max": 1.5}, {"attempts_max": True}],
    ids=str,
)
def test_backoff_refuses_a_value_of_a_wrong_type(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(TypeError, match=f"^{name} must be a .*number"):
        Backoff(**wrong)


@pytest.mark.parametrize("waits", [(-0.1,), (0.0, INFINITE), (NAN,), ("1",)], ids=str)
def test_policy_refuses_waits_that_are_no_seconds(waits: Any) -> None:
    with pytest.raises(ValueError, match=r"^immediate must be seconds of at least 0, not "):
        RetryPolicy(immediate=waits)


@pytest.mark.parametrize(
    "wrong", [{"disk": "abandon"}, {"task": "pray"}], ids=["category", "strategy"]
)
def test_policy_refuses_an_unknown_word(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^'\w+' is not a valid (Category|Strategy)$"):
        RetryPolicy(strategies=wrong)


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), ("a", TypeError)])
def test_policy_refuses_a_seed_that_is_no_count(seed: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^seed must be "):
        RetryPolicy(seed=seed)


def test_words_are_taken_as_strings_and_unnamed_categories_keep_their_default() -> None:
    policy = RetryPolicy(strategies={"task": "failover"})
    assert policy.strategies == {**STRATEGIES, Category.TASK: Strategy.FAILOVER}
    assert Backoff(shape="linear").shape is Shape.LINEAR


def test_policy_cannot_be_changed_and_survives_pickling() -> None:
    policy = RetryPolicy(immediate=[1], strategies={"task": "failover"}, seed=3)
    with pytest.raises(FrozenInstanceError):
        policy.seed = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        policy.strategies[Category.TASK] = Strategy.ABANDON  # type: ignore[index]
    again = pickle.loads(pickle.dumps(policy))
    assert (policy, hash(policy)) == (again, hash(again))

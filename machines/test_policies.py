"""The policies: what may be configured of errors and recovery is what the model says, and no more.

Goal: find a setting that the pool takes although the model refuses it, or the other way round.
Method: values of every sort, those at the limits most, for each setting of a back-off and of a
retry policy; whatever is taken survives pickling, for a configuration is sent to workers.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model import limits
from pool.recovery import Backoff, Category, RetryPolicy, Shape, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.limits import Refused

VALUES = st.one_of(
    st.sampled_from([0, 0.0, 1, 1.0, -1, True, False, None, "1", float("inf"), float("nan")]),
    st.integers(-3, 1_000),
    st.floats(),
    st.text(max_size=3),
)


def made(make: Callable[[], object], refused: Refused | None) -> None:
    """It was made if the model lets it, and refused with the right words if not."""
    if refused is None:
        make()
        return
    with pytest.raises(refused.kind) as caught:
        make()
    assert refused.words in str(caught.value)


@given(value=VALUES)
def test_waits_of_a_backoff_are_finite_seconds_above_nought(value: Any) -> None:
    """Base and cap take exactly what the model lets them."""
    made(lambda: Backoff(base=value), limits.seconds("base", value))
    made(lambda: Backoff(cap=value), limits.seconds("cap", value))


@given(value=VALUES)
def test_counts_are_whole_numbers_of_at_least_nought(value: Any) -> None:
    """So are the seed and the number of attempts."""
    made(lambda: Backoff(attempts_max=value), limits.count("attempts_max", value))
    made(lambda: RetryPolicy(seed=value), limits.count("seed", value))


@given(values=st.lists(VALUES, max_size=4).map(tuple))
@example(values=(0, 0.0))
@example(values=(float("inf"),))
@example(values=("0",))
@example(values=(-1.0,))
def test_immediate_waits_are_finite_seconds_of_at_least_nought(values: tuple[Any, ...]) -> None:
    """None of them may be anything else."""
    made(lambda: RetryPolicy(immediate=values), limits.waits("immediate", values))


@given(value=VALUES)
def test_a_policys_backoff_is_a_backoff(value: Any) -> None:
    """Whatever else is given for it is refused by name."""
    words = f"backoff must be a Backoff, not {value!r}"
    made(lambda: RetryPolicy(backoff=value), limits.Refused(TypeError, words))


@given(
    immediate=st.lists(st.floats(0, 10), max_size=3).map(tuple),
    backoff=st.builds(
        Backoff,
        shape=st.sampled_from(Shape),
        base=st.floats(0.001, 10),
        cap=st.floats(0.001, 10),
        attempts_max=st.integers(0, 9),
    ),
    strategies=st.dictionaries(st.sampled_from(Category), st.sampled_from(Strategy)),
    seed=st.integers(0, 9),
)
def test_a_policy_survives_pickling(**settings: Any) -> None:
    """Every setting of it is the same afterwards."""
    policy = RetryPolicy(**settings)
    again = pickle.loads(pickle.dumps(policy))  # noqa: S301 - made one line before
    assert again == policy
    assert dict(again.strategies) == dict(policy.strategies)

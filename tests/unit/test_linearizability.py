"""Histories of a session's state that are linearizable, and ones that are not."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.checker import Verdict
from model.linearizability import UNKNOWN, Linearity, Operation, linearity
from model.session_state import EMPTY, LOST, State, step

READ, APPEND_1, APPEND_2 = ("read",), ("append", 1), ("append", 2)
LOSE, REOPEN = ("lose",), ("reopen",)


def op(call: Any, invoked: float, answered: float, result: Any) -> Operation:
    return Operation(call, invoked, answered, result)


def lost_answer(call: Any, invoked: float) -> Operation:
    return Operation(call, invoked, math.inf, UNKNOWN)


def judged(*history: Operation, configurations_max: int = 10_000) -> Linearity:
    return linearity(history, step, EMPTY, configurations_max=configurations_max)


ACCEPTED = {
    "nothing": (),
    "one after the other": (op(APPEND_1, 0, 1, 0), op(READ, 2, 3, (1,))),
    "a read beside an append sees the state before": (
        op(APPEND_1, 0, 9, 0),
        op(READ, 1, 2, ()),
    ),
    "a read beside an append sees the state after": (
        op(APPEND_1, 0, 9, 0),
        op(READ, 1, 2, (1,)),
    ),
    "an append without an answer may have happened": (
        lost_answer(APPEND_1, 0),
        op(READ, 2, 3, (1,)),
    ),
    "and may not have": (lost_answer(APPEND_1, 0), op(READ, 2, 3, ())),
    "and may happen late": (
        lost_answer(APPEND_1, 0),
        op(READ, 2, 3, ()),
        op(READ, 4, 5, (1,)),
    ),
    "one of two sets wins": (
        op(("cas", (), (5,)), 0, 3, True),
        op(("cas", (), (6,)), 1, 2, False),
    ),
    "lost, told, opened again, empty": (
        op(APPEND_1, 0, 1, 0),
        op(LOSE, 2, 2, None),
        op(READ, 3, 4, LOST),
        op(REOPEN, 5, 6, None),
        op(READ, 7, 8, ()),
    ),
    "touching intervals overlap": (op(APPEND_1, 0, 1, 0), op(READ, 1, 2, ())),
}

REJECTED = {
    "an append that was answered is not seen": (
        (op(APPEND_1, 0, 1, 0), op(READ, 2, 3, ())),
        (0, 1),
    ),
    "a value comes back": (
        (op(APPEND_1, 0, 9, 0), op(READ, 1, 2, (1,)), op(READ, 3, 4, ())),
        (0, 1, 2),
    ),
    "both sets win": (
        (op(("cas", (), (5,)), 0, 3, True), op(("cas", (), (6,)), 1, 2, True)),
        (0, 1),
    ),
    "a silent empty state": (
        (op(APPEND_1, 0, 1, 0), op(READ, 2, 3, ()), op(READ, 4, 5, ())),
        (0, 1),
    ),
    "a lost session answers before it is opened again": (
        (op(LOSE, 0, 0, None), op(READ, 1, 2, ()), op(REOPEN, 3, 4, None)),
        (0, 1),
    ),
    "a session is told lost that was not": ((op(READ, 0, 1, LOST),), (0,)),
    "an unknown append happens twice": (
        (
            lost_answer(APPEND_1, 0),
            op(READ, 1, 2, (1,)),
            op(READ, 3, 4, (1, 1)),
            op(READ, 5, 6, (1, 1)),
        ),
        (0, 1, 2),
    ),
    "two clients see two orders": (
        (
            op(APPEND_1, 0, 9, 0),
            op(APPEND_2, 0, 9, 1),
            op(READ, 1, 2, (2,)),
            op(READ, 3, 4, (1, 2)),
        ),
        (0, 1, 2),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_history_that_some_order_explains_is_linearizable(name: str) -> None:
    assert judged(*ACCEPTED[name]).verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", REJECTED)
def test_a_history_that_no_order_explains_is_refuted_by_its_shortest_prefix(name: str) -> None:
    history, refuted = REJECTED[name]
    found = judged(*history)
    assert found.verdict is Verdict.VIOLATED
    assert found.refuted == refuted
    assert found.at in refuted


def test_an_answer_that_nobody_knows_says_so() -> None:
    assert str(lost_answer(READ, 0)).endswith("result=unknown)")


def test_a_search_without_budget_knows_nothing() -> None:
    many = [lost_answer(("append", n), 0) for n in range(5)]
    last = op(READ, 1, 2, (4, 3, 2, 1, 0))
    assert judged(*many, last, configurations_max=20).verdict is Verdict.UNKNOWN
    assert judged(*many, last).verdict is Verdict.HOLDS


def test_what_was_refuted_is_no_longer_than_it_must_be() -> None:
    history, _ = REJECTED["a value comes back"]
    found = judged(*history)
    assert found.at is not None
    cut = history[found.at].answered
    before = [
        one if one.answered < cut else op(one.call, one.invoked, math.inf, UNKNOWN)
        for one in history
        if one.invoked < cut
    ]
    assert judged(*before).verdict is Verdict.HOLDS


# Against all orders, tried one by one.


def by_hand(history: list[Operation]) -> bool:
    """Whether some order of some of the operations explains all answers."""
    must = {at for at, one in enumerate(history) if one.result is not UNKNOWN}
    for count in range(len(must), len(history) + 1):
        for order in itertools.permutations(range(len(history)), count):
            if must <= set(order) and _explains(history, order):
                return True
    return False


def _explains(history: list[Operation], order: tuple[int, ...]) -> bool:
    latest = -math.inf
    state: State = EMPTY
    for at in order:
        one = history[at]
        latest = max(latest, one.invoked)
        if one.result is not UNKNOWN and one.answered < latest:
            return False
        state, result = step(state, one.call)
        if one.result is not UNKNOWN and one.result != result:
            return False
    return True


CALLS = st.sampled_from([READ, APPEND_1, APPEND_2, ("cas", (), (1,)), LOSE, REOPEN])
RESULTS = st.sampled_from([UNKNOWN, None, LOST, (), (1,), (1, 2), (2,), 0, 1, True, False])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    call = draw(CALLS)
    begin, length = draw(st.integers(0, 6)), draw(st.integers(0, 4))
    state = draw(st.sampled_from([None, (), (1,), (2,)]))
    result = draw(st.one_of(st.just(step(state, call)[1]), RESULTS))
    return Operation(call, float(begin), float(begin + length), result)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(operations(), max_size=5))
def test_the_search_agrees_with_trying_every_order(history: list[Operation]) -> None:
    found = linearity(history, step, EMPTY)
    assert found.verdict is (Verdict.HOLDS if by_hand(history) else Verdict.VIOLATED)

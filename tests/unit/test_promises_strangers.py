"""What a checker has never heard of: it says nothing of it unless that alone breaks its promise."""

from __future__ import annotations

import pytest
from told_records import CONFIG, OPENED

from model.history import (
    Answered,
    Assigned,
    Bloated,
    CancelAsked,
    CheckAnswered,
    CheckAsked,
    Died,
    Diverted,
    FallbackRefused,
    Finished,
    Found,
    Launched,
    Moved,
    Overslept,
    Recalled,
    Record,
    Refused,
    Resolved,
    RetryPlanned,
    SessionAsked,
    SessionMoved,
    SessionRefused,
    Started,
    Struck,
    Told,
    Troubled,
    Unpickled,
)
from model.promises import PROMISES, WORDS, Judge

# Each with the promises that it breaks though nothing of its kind has gone before.
STRANGERS: list[tuple[Record, set[str]]] = [
    (Refused(7, "shutdown"), {"S1"}),
    (Refused(7, "broken"), {"S1"}),
    (CancelAsked(7, forcibly=True), set()),
    (CancelAsked(7, forcibly=False), set()),
    (SessionAsked(7, "close"), set()),
    (SessionRefused(7, "closed"), set()),
    (SessionMoved(7, "placed", "worker_lost", "lost"), {"S7"}),
    (Assigned(7, 7), set()),
    (Recalled(7, (7,)), set()),
    (Diverted(7), set()),
    (FallbackRefused(7), set()),
    (Started(7, 7), {"S3"}),
    (Finished(7, 7, "returned", 1), set()),
    (Found(7, (1,)), {"S6"}),
    (Resolved(7, "returned", 1, started=True), {"S1", "S2"}),
    (Answered(7, None, None, None, 0, None, None), set()),
    (RetryPlanned(7, 1, 0.0, "immediate_retry"), {"S15"}),
    (Troubled(7, "connection", "major", "replace", "gone"), {"S15"}),
    (CheckAsked(7, 1), set()),
    (CheckAnswered(7, 1), set()),
    (Bloated(7), set()),
    (Moved(7, "busy", "exited", "terminating"), {"S8", "S15"}),
    (Launched(7), set()),
    (Died(7), set()),
    (Struck(7, "kill"), {"S14"}),
    (Unpickled(7), set()),
    (Told(0.0), set()),
    (Overslept(1.0), set()),
]


@pytest.mark.parametrize("before", [(), (CONFIG,), (CONFIG, OPENED)], ids=len)
@pytest.mark.parametrize(("record", "breaks"), STRANGERS, ids=lambda one: type(one).__name__)
def test_a_stranger_breaks_only_the_promises_that_are_about_strangers(
    record: Record, breaks: set[str], before: tuple[Record, ...]
) -> None:
    broken = set()
    for kind in PROMISES:
        judge = Judge([kind])
        assert [judge.observe(one) for one in before] == [None] * len(before)
        if any(judge.observe(one) is not None for one in (record, Told(0.0))):
            broken.add(kind.promise)
    assert broken - {"S16"} == breaks  # S16 also wants the workers that a pool begins with


@pytest.mark.parametrize("promise", WORDS)
def test_after_all_strangers_together_a_checker_still_judges(promise: str) -> None:
    (kind,) = (one for one in PROMISES if one.promise == promise)
    judge = Judge([kind])
    for record, breaks in STRANGERS:
        if promise not in breaks:
            judge.observe(record)
    assert set(judge.verdicts()) == {promise}

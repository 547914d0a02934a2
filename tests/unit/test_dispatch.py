"""Which idle worker gets which task, and which task goes first."""

from __future__ import annotations

import pytest
from pure_pool import PurePool, sent

from pool.events import Reply
from pool.recovery import RetryPolicy


def test_lifo_gives_the_task_to_the_worker_that_became_idle_last() -> None:
    pool = PurePool(size=3)
    assert sent(pool.submit(7, 8)) == [(2, 7), (1, 8)]
    pool.reply(2, 7)
    assert sent(pool.submit(9)) == [(2, 9)]


def test_fifo_gives_the_task_to_the_worker_that_became_idle_first() -> None:
    pool = PurePool(size=3, strategy="fifo")
    assert sent(pool.submit(7, 8)) == [(0, 7), (1, 8)]
    pool.reply(0, 7)
    assert sent(pool.submit(9, 10)) == [(2, 9), (0, 10)]


@pytest.mark.parametrize(
    ("strategy", "with_sessions", "chosen"), [("lifo", [3, 2], 1), ("fifo", [0, 1], 2)]
)
def test_among_those_with_as_few_sessions_the_strategy_decides(
    strategy: str, with_sessions: list[int], chosen: int
) -> None:
    pool = PurePool(size=4, strategy=strategy)
    pool.open(5, 6)
    asked = [*pool.submit(50, session=5), *pool.submit(60, session=6)]
    assert sent(asked) == list(zip(with_sessions, (50, 60), strict=True))
    for worker, task in sent(asked):
        pool.reply(worker, task)
    assert sent(pool.submit(7)) == [(chosen, 7)]


def test_a_task_that_comes_back_goes_before_those_that_wait() -> None:
    pool = PurePool()
    pool.submit(7, 8)
    pool.exits(0, unstarted=1)
    pool.reaped(0)
    assert sent(pool.ready(1)) == [(1, 7)]
    assert sent(pool.reply(1, 7, attempt=2)) == [(1, 8)]


def test_a_sessions_task_waits_for_an_older_one_that_comes_back() -> None:
    pool = PurePool(size=2)
    pool.open(5)
    pool.submit(7)
    pool.submit(50, session=5)
    pool.submit(51, session=5)
    pool.exits(1, unstarted=1)
    assert sent(pool.reply(0, 50)) == [(0, 7)]
    assert sent(pool.reply(0, 7, attempt=2)) == [(0, 51)]


def test_a_sessions_task_runs_at_once_when_another_worker_takes_the_older_one() -> None:
    pool = PurePool(size=2, retry=RetryPolicy(strategies={"task": "immediate_retry"}))
    pool.open(5)
    pool.submit(50, session=5)
    pool.submit(6)
    pool.reply(1, 50)
    pool.submit(7, retries=1)
    pool.submit(51, session=5)
    pool.reply(0, 6)
    assert sent(pool.reply(1, 7, Reply.RAISED)) == [(0, 7), (1, 51)]

"""Tasks whose worker was lost, or which raised: tried again, given to the fallback, or lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pure_pool import PurePool, endings, only, outcomes, sent

from pool import effects as do
from pool import events as told
from pool.breaker import BreakerPolicy
from pool.effects import Ending, Refusal
from pool.events import Reply, TimerKind
from pool.recovery import Backoff, Category, RetryPolicy, Severity, Shape, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

BREAKS = BreakerPolicy(failures_max=1, openings_max=0)


@pytest.fixture(scope="module")
def fallback() -> Iterator[ThreadPoolExecutor]:
    """An executor that is never asked for anything: the core only needs to know of it."""
    with ThreadPoolExecutor() as executor:
        yield executor


def policy(category: Category, strategy: Strategy, **settings: Any) -> RetryPolicy:
    return RetryPolicy(strategies={category: strategy}, **settings)


def lose(pool: PurePool, *, unstarted: int = 0) -> list[do.Effect]:
    """The newest worker exits with its task; the next is ready. What the exit asked is returned."""
    worker = max(pool.core.workers)
    asked = pool.exits(worker, unstarted=unstarted)
    pool.reaped(worker)
    pool.ready(worker + 1)
    return asked


def planned(asked: list[do.Effect]) -> list[tuple[int, float, str]]:
    return [(plan.attempt, plan.delay, plan.strategy) for plan in only(asked, do.RetryPlanned)]


# Never started, or perhaps.


def test_a_task_that_never_started_is_handed_out_again_at_once() -> None:
    pool = PurePool(size=2)
    pool.submit(7)
    asked = pool.exits(1, unstarted=1)
    assert planned(asked) == [(2, 0.0, "immediate_retry")]
    assert only(asked, do.SendTask) == [do.SendTask(0, 7, 2)]


def test_a_task_that_may_have_started_is_lost_unless_it_is_idempotent() -> None:
    pool = PurePool()
    pool.submit(7)
    asked = pool.exits(0)
    assert outcomes(asked)[7] == do.Outcome(
        Ending.LOST,
        worker=0,
        attempt=1,
        started=True,
        detail="it exited with code -9",
        category=Category.CONNECTION,
        severity=Severity.MAJOR,
        strategy=Strategy.ABANDON,
    )
    assert only(pool.reaped(0), do.SpawnWorker) == [do.SpawnWorker(1)]


def test_a_bad_frame_or_a_deadline_says_nothing_of_a_start_and_so_it_may_have_been() -> None:
    pool = PurePool()
    pool.submit(7)
    outcome = outcomes(pool.tell(told.FrameCorrupt(0, "crc")))[7]
    assert (outcome.started, outcome.category) == (True, Category.COMMUNICATION)


def test_a_task_that_never_started_is_given_up_after_fifteen_more_tries() -> None:
    pool = PurePool()
    pool.submit(7)
    assert [endings(lose(pool, unstarted=1)) for _ in range(15)] == [{}] * 15
    outcome = outcomes(lose(pool, unstarted=1))[7]
    facts = (outcome.ending, outcome.worker, outcome.attempt, outcome.started)
    assert facts == (Ending.LOST, 15, 16, False)


def test_an_idempotent_task_starts_again_as_often_as_it_may() -> None:
    pool = PurePool()
    pool.submit(7, retries=2)
    plans = [planned(lose(pool)), planned(pool.wait(0.0)), planned(lose(pool))]
    assert plans == [[(2, 0.0, "immediate_retry")], [], [(3, 0.1, "immediate_retry")]]
    pool.wait(0.1)
    outcome = outcomes(lose(pool))[7]
    facts = (outcome.ending, outcome.worker, outcome.attempt, outcome.started)
    assert facts == (Ending.LOST, 2, 3, True)


def test_a_reply_to_the_retry_is_the_tasks_result() -> None:
    pool = PurePool()
    pool.submit(7, retries=1)
    lose(pool)
    outcome = outcomes(pool.reply(1, 7, attempt=2))[7]
    assert (outcome.ending, outcome.worker, outcome.attempt) == (Ending.RETURNED, 1, 2)


def test_more_than_three_lost_attempts_are_critical_and_abandoned() -> None:
    pool = PurePool()
    pool.submit(7, retries=9)
    for _ in range(3):
        assert endings(lose(pool)) == {}
        pool.wait(1.0)
    outcome = outcomes(lose(pool))[7]
    assert (outcome.severity, outcome.strategy) == (Severity.CRITICAL, Strategy.ABANDON)


# Backing off.


def backing_off(category: Category = Category.CONNECTION, **settings: Any) -> PurePool:
    """Task 7 has been lost once and rests for a second; worker 1 is idle."""
    retry = policy(category, Strategy.BACKOFF_RETRY)
    pool = PurePool(retry=retry, **settings)
    pool.submit(7, retries=5, deadline=60.0)
    assert planned(lose(pool)) == [(2, 1.0, "backoff_retry")]
    return pool


def test_a_task_rests_before_it_is_handed_out_again_while_others_run() -> None:
    pool = backing_off()
    assert sent(pool.submit(8)) == [(1, 8)]
    pool.reply(1, 8)
    assert sent(pool.wait(0.9)) == []
    assert sent(pool.wait(0.1)) == [(1, 7)]


def test_a_timer_of_a_rest_that_is_over_moves_nothing() -> None:
    pool = backing_off()
    pool.submit(8)
    pool.wait(1.0)
    assert pool.fire(TimerKind.RETRY, 7) == []
    assert sent(pool.reply(1, 8)) == [(1, 7)]


def test_a_resting_task_may_have_started_and_so_is_killed_and_not_cancelled() -> None:
    pool = backing_off()
    assert pool.tell(told.CancelRequested(7)) == []
    asked = pool.tell(told.KillRequested(7))
    outcome = outcomes(asked)[7]
    assert (outcome.ending, outcome.started, outcome.worker) == (Ending.KILLED, True, 0)
    assert pool.timers == {}
    assert pool.states == {1: "ready"}


def test_the_deadline_of_a_resting_task_ends_it() -> None:
    retry = policy(Category.CONNECTION, Strategy.BACKOFF_RETRY, backoff=Backoff(base=9.0))
    pool = PurePool(retry=retry)
    pool.submit(7, retries=5, deadline=5.0)
    lose(pool)
    assert outcomes(pool.wait(5.0))[7].started is True
    assert pool.timers == {}


@pytest.mark.parametrize("shape", Shape)
def test_each_shape_of_back_off_is_obeyed_by_the_core(shape: Shape) -> None:
    backoff = Backoff(shape, base=2.0, cap=5.0)
    retry = policy(Category.CONNECTION, Strategy.BACKOFF_RETRY, backoff=backoff, seed=3)
    pool = PurePool(retry=retry)
    pool.submit(7, retries=5)
    waits = []
    for _ in range(3):
        ((_, wait, _),) = planned(lose(pool))
        waits.append(wait)
        pool.wait(wait)
    regular = {"linear": [2, 4, 5], "exponential": [2, 4, 5], "fibonacci": [2, 2, 4]}
    if shape is Shape.DECORRELATED:
        assert waits[0] == 2.0 < waits[1] < 5.0
    else:
        assert waits == regular[shape]


def test_a_worker_lost_with_a_retry_in_the_shutdown_is_replaced_for_it() -> None:
    pool = backing_off()
    pool.shut()
    assert pool.states == {1: "ready"}
    assert sent(pool.wait(1.0)) == [(1, 7)]
    assert only(pool.exits(1, unstarted=1), do.RetryPlanned) != []
    assert only(pool.reaped(1), do.SpawnWorker) == [do.SpawnWorker(2)]


# Raised.


def test_a_task_that_ran_out_of_a_resource_is_tried_again_once_after_a_second() -> None:
    pool = PurePool(size=2)
    pool.submit(7, retries=3)
    asked = pool.reply(1, 7, Reply.EXHAUSTED)
    assert (planned(asked), endings(asked)) == ([(2, 1.0, "backoff_retry")], {})
    pool.tell(told.HealthReported(1, 1))
    ((worker, _),) = sent(pool.wait(1.0))
    outcome = outcomes(pool.reply(worker, 7, Reply.EXHAUSTED, attempt=2))[7]
    assert (outcome.ending, outcome.payload, outcome.attempt) == (Ending.RAISED, b"4", 2)
    known = (outcome.category, outcome.severity, outcome.strategy)
    assert known == (Category.RESOURCE, Severity.CRITICAL, Strategy.ABANDON)


def test_a_task_that_raised_is_tried_again_only_if_the_policy_says_so() -> None:
    pool = PurePool()
    pool.submit(7, retries=3)
    asked = pool.reply(0, 7, Reply.RAISED)
    outcome = outcomes(asked)[7]
    known = (outcome.category, outcome.severity, outcome.strategy)
    assert known == (Category.TASK, Severity.MAJOR, Strategy.ABANDON)
    again = PurePool(retry=policy(Category.TASK, Strategy.IMMEDIATE_RETRY))
    again.submit(7, retries=1)
    assert sent(again.reply(0, 7, Reply.RAISED)) == [(0, 7)]
    assert endings(again.reply(0, 7, Reply.RAISED, attempt=2)) == {7: "raised"}


def test_a_task_that_is_not_idempotent_never_runs_twice_whatever_it_raised() -> None:
    pool = PurePool()
    pool.submit(7)
    assert endings(pool.reply(0, 7, Reply.EXHAUSTED)) == {7: "raised"}


# The fallback executor.


def failed_over(fallback: ThreadPoolExecutor, **settings: Any) -> PurePool:
    """Task 7, idempotent, was lost once, and the policy gives such to the fallback."""
    retry = policy(Category.CONNECTION, Strategy.FAILOVER)
    pool = PurePool(retry=retry, fallback=fallback, **settings)
    pool.submit(7, retries=1, deadline=60.0)
    assert only(lose(pool), do.FailOver) == [do.FailOver(7)]
    return pool


@pytest.mark.parametrize(
    ("reply", "ending"),
    [(Reply.RETURNED, "returned"), (Reply.RAISED, "raised"), (Reply.EXHAUSTED, "raised")],
)
def test_what_the_fallback_says_is_the_tasks_outcome(
    fallback: ThreadPoolExecutor, reply: Reply, ending: str
) -> None:
    pool = failed_over(fallback)
    outcome = outcomes(pool.tell(told.FallbackEnded(7, reply, b"4")))[7]
    assert (outcome.ending, outcome.payload, outcome.started) == (ending, b"4", True)
    assert (pool.core.tasks, pool.core.away, pool.timers) == ({}, {}, {})
    assert pool.core.queued == 0


@pytest.mark.parametrize("retries", [0, 1])
def test_a_task_that_the_fallback_did_not_run_is_broken_and_says_whether_it_ever_started(
    fallback: ThreadPoolExecutor, retries: int
) -> None:
    if retries:
        pool = failed_over(fallback)
    else:
        pool = PurePool(ready=0, fallback=fallback, breaker=BREAKS)
        pool.submit(7)
        pool.tell(told.SpawnFailed(0))
    asked = pool.tell(told.FallbackEnded(7, None, detail="it is shut down"))
    outcome = outcomes(asked)[7]
    assert (outcome.ending, outcome.detail) == (Ending.BROKEN, "it is shut down")
    assert outcome.started is bool(retries)
    known = (outcome.category, outcome.severity, outcome.strategy)
    assert known == (Category.SYSTEM, Severity.CRITICAL, Strategy.FAILOVER)


def test_a_task_is_not_handed_to_a_worker_while_the_fallback_has_it(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = failed_over(fallback)
    assert pool.core.idle != []
    assert pool.tell(told.CancelRequested(7)) == []
    assert pool.core.queued == 0


def test_a_task_that_only_the_fallback_ever_had_may_have_started(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = PurePool(ready=0, fallback=fallback, breaker=BREAKS)
    pool.submit(7)
    pool.tell(told.SpawnFailed(0))
    assert pool.tell(told.CancelRequested(7)) == []
    outcome = outcomes(pool.tell(told.KillRequested(7)))[7]
    assert (outcome.ending, outcome.started) == (Ending.KILLED, True)


@pytest.mark.parametrize("how", ["kill", "deadline"])
def test_a_task_that_the_fallback_has_can_be_given_up(
    fallback: ThreadPoolExecutor, how: str
) -> None:
    pool = failed_over(fallback)
    asked = pool.tell(told.KillRequested(7)) if how == "kill" else pool.wait(60.0)
    outcome = outcomes(asked)[7]
    assert outcome.ending == ("killed" if how == "kill" else "timeout")
    assert outcome.started is True
    assert pool.tell(told.FallbackEnded(7, Reply.RETURNED, b"4")) == []


def test_without_a_fallback_failover_means_lost() -> None:
    pool = PurePool(retry=policy(Category.CONNECTION, Strategy.FAILOVER))
    pool.submit(7, retries=1)
    assert endings(pool.exits(0)) == {7: "lost"}


def test_a_task_that_may_not_start_again_is_not_given_to_the_fallback(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = PurePool(fallback=fallback, retry=policy(Category.CONNECTION, Strategy.FAILOVER))
    pool.submit(7)
    assert endings(pool.exits(0)) == {7: "lost"}


def test_what_waits_goes_to_the_fallback_while_no_worker_serves_and_none_may_start(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = PurePool(ready=0, fallback=fallback, breaker=BreakerPolicy(failures_max=1))
    pool.open(5)
    pool.submit(7)
    pool.submit(50, session=5)
    asked = pool.tell(told.SpawnFailed(0))
    assert only(asked, do.FailOver) == [do.FailOver(7)]
    assert only(pool.submit(8), do.FailOver) == [do.FailOver(8)]
    assert sent([*pool.wait(0.5), *pool.ready(1)]) == [(1, 50)]


def test_nothing_goes_to_the_fallback_while_a_worker_serves(fallback: ThreadPoolExecutor) -> None:
    pool = PurePool(ready=1, size=2, fallback=fallback, breaker=BreakerPolicy(failures_max=1))
    pool.submit(7, 8)
    assert only(pool.tell(told.SpawnFailed(1)), do.FailOver) == []
    assert only(pool.submit(9), do.FailOver) == []


def test_a_task_that_goes_to_the_fallback_at_once_does_not_count_for_the_queue_limit(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = PurePool(ready=0, fallback=fallback, breaker=BREAKS, queue_limit=0)
    pool.tell(told.SpawnFailed(0))
    assert pool.submit(7, 8) == [do.FailOver(7), do.FailOver(8)]


def test_a_sessions_task_counts_for_the_queue_limit_even_then(
    fallback: ThreadPoolExecutor,
) -> None:
    policy = BreakerPolicy(failures_max=1)
    pool = PurePool(ready=0, fallback=fallback, breaker=policy, queue_limit=0)
    pool.open(5)
    pool.tell(told.SpawnFailed(0))
    assert pool.submit(50, session=5) == [do.RefuseTask(50, Refusal.SATURATED)]


def test_a_broken_pool_with_a_fallback_still_takes_tasks_but_none_for_a_session(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = PurePool(ready=0, fallback=fallback, breaker=BREAKS)
    pool.open(5)
    pool.submit(7)
    pool.submit(50, session=5)
    asked = pool.tell(told.SpawnFailed(0))
    assert (only(asked, do.FailOver), endings(asked)) == ([do.FailOver(7)], {50: "broken"})
    assert only(pool.submit(8), do.FailOver) == [do.FailOver(8)]
    assert pool.submit(51, session=5) == [do.RefuseTask(51, Refusal.BROKEN)]


def test_in_a_broken_pool_a_lost_task_that_may_start_again_goes_to_the_fallback(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = PurePool(ready=1, size=2, fallback=fallback, breaker=BREAKS)
    pool.submit(7, retries=1)
    pool.tell(told.SpawnFailed(1))
    assert only(pool.exits(0), do.FailOver) == [do.FailOver(7)]


def test_a_resting_task_goes_to_the_fallback_when_no_worker_may_start(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = backing_off(fallback=fallback, breaker=BREAKS)
    pool.exits(1)
    pool.reaped(1)
    asked = pool.tell(told.SpawnFailed(2))
    assert only(asked, do.FailOver) == [do.FailOver(7)]
    assert pool.at(TimerKind.RETRY, 7) is None


def test_a_pool_that_ends_waits_for_the_fallback_unless_its_grace_is_over(
    fallback: ThreadPoolExecutor,
) -> None:
    pool = failed_over(fallback)
    pool.shut()
    assert only(pool.reaped(1), do.PoolClosed) == []
    assert pool.tell(told.FallbackEnded(7, Reply.RETURNED))[-1] == do.PoolClosed()
    hasty = failed_over(fallback)
    hasty.shut(grace=1.0)
    assert outcomes(hasty.wait(1.0))[7].started is True

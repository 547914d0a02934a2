"""Health checks, degraded workers, wear and recycling."""

from __future__ import annotations

from typing import Any

import pytest
from pure_pool import PurePool, becauses, endings, only, sent

from pool import effects as do
from pool import events as told
from pool.config import PoolConfig
from pool.events import Reply, Timer, TimerKind
from pool.recovery import Category, Severity, Treatment

EVERY: dict[str, Any] = {"health_interval": 30.0, "health_timeout": 5.0}


def checks(asked: list[do.Effect]) -> list[tuple[int, int]]:
    return [(check.worker, check.check) for check in only(asked, do.CheckWorker)]


def well(worker: int, check: int, *, heavy: bool = False) -> told.Event:
    return told.HealthReported(worker, check, heavy)


def degraded(**settings: Any) -> PurePool:
    """The last of its workers has just run out of a resource, and owes an answer to check 1."""
    pool = PurePool(**settings)
    ((worker, task),) = sent(pool.submit(7))
    pool.reply(worker, task, Reply.EXHAUSTED)
    assert pool.states[worker] == "degraded"
    return pool


# Checks of idle workers.


def test_defaults_are_a_check_every_30_seconds_and_three_failures() -> None:
    config = PoolConfig()
    assert (config.health_interval, config.health_failures_max) == (30.0, 3)


def test_idle_workers_are_checked_every_30_seconds_and_busy_ones_are_not() -> None:
    pool = PurePool(size=2, **EVERY)
    pool.submit(7)
    assert checks(pool.wait(29.0)) == []
    assert checks(pool.wait(1.0)) == [(0, 1)]
    pool.tell(well(0, 1))
    pool.reply(1, 7)
    assert checks(pool.wait(30.0)) == [(0, 2), (1, 1)]


def test_no_interval_means_no_checks_of_idle_workers() -> None:
    pool = PurePool(health_interval=None)
    assert pool.wait(1000.0) == []


def test_a_worker_that_answers_stays_ready_and_nothing_bounds_it_any_more() -> None:
    pool = PurePool(**EVERY)
    pool.wait(30.0)
    assert pool.at(TimerKind.CHECK) == 35.0
    assert pool.tell(well(0, 1)) == [do.ClearTimer(Timer(TimerKind.CHECK, 0))]
    assert pool.states == {0: "ready"}


def test_a_worker_that_does_not_answer_is_degraded_and_takes_no_work() -> None:
    pool = PurePool(**EVERY)
    asked = pool.wait(35.0)
    assert becauses(asked) == ["health_check_failed"]
    words = "it did not answer a health check"
    told_so = do.Trouble(0, Category.HEALTH_CHECK, Severity.MINOR, Treatment.DEGRADE, words)
    assert only(asked, do.Trouble) == [told_so]
    assert sent(pool.submit(7)) == []


def test_a_degraded_worker_that_answers_is_ready_and_gets_what_waits() -> None:
    pool = PurePool(**EVERY)
    pool.wait(35.0)
    pool.submit(7)
    assert checks(pool.wait(25.0)) == [(0, 2)]
    asked = pool.tell(well(0, 2))
    assert becauses(asked) == ["health_restored", "checkout"]
    assert sent(asked) == [(0, 7)]


def test_three_failures_in_a_row_remove_the_worker_and_another_takes_its_place() -> None:
    pool = PurePool(**EVERY)
    assert becauses(pool.wait(94.0)) == ["health_check_failed"]
    asked = pool.wait(1.0)
    assert becauses(asked) == ["health_check_limit"]
    words = "it did not answer 3 health checks in a row"
    told_so = do.Trouble(0, Category.HEALTH_CHECK, Severity.MINOR, Treatment.REMOVE, words)
    assert only(asked, do.Trouble) == [told_so]
    assert only(asked, do.KillWorker) == [do.KillWorker(0)]
    assert only(pool.reaped(0), do.SpawnWorker) == [do.SpawnWorker(1)]


def test_an_answer_between_two_failures_starts_the_count_anew() -> None:
    pool = PurePool(**EVERY)
    pool.wait(90.0)
    pool.tell(well(0, 3))
    assert becauses(pool.wait(94.0 - 30.0)) == ["health_check_failed"]


def test_one_failure_removes_a_worker_that_may_have_none() -> None:
    pool = PurePool(health_failures_max=1, **EVERY)
    assert becauses(pool.wait(35.0)) == ["health_check_failed", "health_check_limit"]


def test_more_than_three_failures_are_worse() -> None:
    pool = PurePool(health_failures_max=4, **EVERY)
    worst = only(pool.wait(130.0), do.Trouble)[-1]
    assert (worst.treatment, worst.severity) == (Treatment.REMOVE, Severity.MAJOR)


def test_a_worker_that_owes_an_answer_is_not_asked_twice() -> None:
    pool = PurePool(health_interval=3.0, health_timeout=5.0)
    assert checks(pool.wait(4.0)) == [(0, 1)]
    assert checks(pool.wait(2.0)) == []


def test_a_task_ends_the_check_and_its_late_answer_is_welcome_once() -> None:
    pool = PurePool(**EVERY)
    pool.wait(30.0)
    pool.submit(7)
    assert pool.at(TimerKind.CHECK) is None
    assert pool.fire(TimerKind.CHECK) == []
    assert pool.tell(well(0, 1)) == []
    assert becauses(pool.tell(well(0, 1))) == ["corrupt"]


def test_an_answer_after_its_time_does_not_restore_the_worker() -> None:
    pool = PurePool(**EVERY)
    pool.wait(36.0)
    assert pool.tell(well(0, 1)) == []
    assert pool.states == {0: "degraded"}


def test_checks_go_on_while_the_pool_ends_and_stop_with_its_last_worker() -> None:
    pool = PurePool(size=2, **EVERY)
    pool.submit(7)
    pool.shut()
    pool.reaped(0)
    pool.wait(30.0)
    assert pool.at(TimerKind.HEALTH) == 60.0
    pool.reply(1, 7)
    pool.reaped(1)
    assert pool.timers == {}
    assert pool.fire(TimerKind.HEALTH) == []


def test_checks_go_on_while_a_lazy_pool_has_no_worker() -> None:
    pool = PurePool(lazy=True, **EVERY)
    pool.wait(40.0)
    pool.submit(7)
    pool.ready(0)
    pool.reply(0, 7)
    assert checks(pool.wait(20.0)) == [(0, 1)]


# Degraded by a task.


def test_a_worker_whose_task_ran_out_of_a_resource_is_degraded_and_checked_at_once() -> None:
    pool = PurePool()
    pool.submit(7)
    asked = pool.reply(0, 7, Reply.EXHAUSTED)
    assert becauses(asked) == ["recovery_degrade"]
    assert checks(asked) == [(0, 1)]
    words = "its task ran out of a resource"
    told_so = do.Trouble(0, Category.RESOURCE, Severity.CRITICAL, Treatment.DEGRADE, words)
    assert only(asked, do.Trouble) == [told_so]
    assert endings(asked) == {7: "raised"}
    assert becauses(pool.tell(well(0, 1))) == ["health_restored"]


def test_without_a_clock_of_checks_a_degraded_worker_is_asked_again_until_it_is_removed() -> None:
    pool = degraded()
    assert checks(pool.wait(5.0)) == [(0, 2)]
    assert checks(pool.wait(5.0)) == [(0, 3)]
    assert becauses(pool.wait(5.0)) == ["health_check_limit"]


def test_with_one_it_is_asked_again_when_that_comes_round() -> None:
    pool = degraded(**EVERY)
    assert checks(pool.wait(29.0)) == []
    assert checks(pool.wait(1.0)) == [(0, 2)]


def test_exhaustion_of_a_worker_that_is_over_its_memory_limit_recycles_it() -> None:
    pool = PurePool()
    pool.submit(7)
    asked = pool.reply(0, 7, Reply.EXHAUSTED, heavy=True)
    assert becauses(asked) == ["checkin_error", "recycle"]


def test_a_trouble_that_leaves_no_worker_well_is_critical() -> None:
    pool = PurePool(size=2, **EVERY)
    severities = [trouble.severity for trouble in only(pool.wait(35.0), do.Trouble)]
    assert severities == [Severity.MINOR, Severity.CRITICAL]


# Worn and recycled.


def test_a_worker_that_has_served_its_tasks_is_told_to_end_and_is_replaced() -> None:
    pool = PurePool(tasks_max=2)
    pool.submit(7, 8, 9)
    assert becauses(pool.reply(0, 7)) == ["checkin_success", "checkout"]
    asked = pool.reply(0, 8)
    assert becauses(asked) == ["checkin_success", "recycle"]
    assert only(asked, do.StopWorker) == [do.StopWorker(0)]
    assert pool.exits(0) == [do.KillWorker(0)]
    assert only(pool.reaped(0), do.SpawnWorker) == [do.SpawnWorker(1)]
    assert sent(pool.ready(1)) == [(1, 9)]


def test_an_idle_worker_is_recycled_at_its_age_and_a_busy_one_after_its_task() -> None:
    pool = PurePool(size=2, age_max=100.0)
    pool.wait(10.0)
    pool.submit(7)
    assert becauses(pool.wait(89.0), 0) == []
    asked = pool.wait(1.0)
    assert (becauses(asked, 0), becauses(asked, 1)) == (["recycle"], [])
    assert becauses(pool.reply(1, 7), 1) == ["checkin_success", "recycle"]


def test_age_counts_from_when_the_worker_was_ready() -> None:
    pool = PurePool(ready=0, age_max=100.0)
    pool.wait(10.0)
    pool.ready(0)
    assert pool.at(TimerKind.AGE) == 110.0
    pool.exits(0)
    assert pool.timers == {}


def test_a_worker_over_its_memory_limit_is_recycled_after_its_task() -> None:
    pool = PurePool()
    pool.submit(7)
    assert becauses(pool.reply(0, 7, heavy=True)) == ["checkin_success", "recycle"]


def test_an_idle_worker_that_says_that_it_is_over_its_memory_limit_is_recycled() -> None:
    pool = PurePool(**EVERY)
    pool.wait(30.0)
    assert becauses(pool.tell(well(0, 1, heavy=True))) == ["recycle"]


@pytest.mark.parametrize("wear", ["memory", "age", "tasks"])
def test_a_degraded_worker_that_is_worn_is_recycled_and_not_restored(wear: str) -> None:
    pool = degraded(
        age_max=3.0 if wear == "age" else None, tasks_max=1 if wear == "tasks" else None
    )
    asked = pool.wait(3.0) if wear == "age" else pool.tell(well(0, 1, heavy=wear == "memory"))
    assert becauses(asked) == ["recycle"]


@pytest.mark.parametrize("first", ["age", "memory"])
@pytest.mark.parametrize("other", [{"age_max": 5.0}, {"tasks_max": 5}], ids=str)
def test_other_wear_does_not_hide_that_memory_must_not_wait_for_sessions(
    first: str, other: Any
) -> None:
    pool = PurePool(prefetch=4, **other)
    pool.open(5)
    pool.submit(50, session=5)
    pool.submit(*range(5))
    pool.reply(0, 50)
    pool.reply(0, 0, heavy=first == "memory")
    pool.wait(5.0)
    assert becauses(pool.reply(0, 1)) == ["checkin_success", "checkout"]
    pool.reply(0, 2)
    assert becauses(pool.reply(0, 3, heavy=first == "age")) == ["checkin_success", "recycle"]


def test_of_a_recycled_worker_nothing_is_timed_but_its_end() -> None:
    pool = PurePool(age_max=99.0, max_overflow=1, overflow_idle=99.0, **EVERY)
    pool.submit(7, 8)
    pool.ready(1)
    pool.reply(1, 8)
    pool.wait(30.0)
    timed = {timer.kind for timer in pool.timers if timer.number == 1}
    assert timed == {TimerKind.AGE, TimerKind.SPARE, TimerKind.CHECK}
    assert becauses(pool.tell(well(1, 1, heavy=True)), 1) == ["recycle"]
    assert {timer.kind for timer in pool.timers if timer.number == 1} == {TimerKind.STOP}


def test_a_worker_that_does_not_end_by_itself_within_the_grace_is_killed() -> None:
    pool = PurePool(tasks_max=1, grace=5.0)
    pool.submit(7)
    pool.reply(0, 7)
    assert only(pool.wait(4.0), do.KillWorker) == []
    assert pool.wait(1.0) == [do.KillWorker(0)]
    pool.reaped(0)
    assert pool.timers == {}


def test_a_worker_that_ends_in_time_is_not_killed_twice() -> None:
    pool = PurePool(tasks_max=1, grace=5.0)
    pool.submit(7)
    pool.reply(0, 7)
    pool.exits(0)
    pool.reaped(0)
    assert pool.at(TimerKind.STOP) is None

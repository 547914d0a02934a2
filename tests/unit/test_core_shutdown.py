"""How a pool ends: at its client's wish, within a grace, or because no worker starts."""

from __future__ import annotations

from typing import Any

import pytest
from pure_pool import PurePool, becauses, endings, only, outcomes, sent

from pool import effects as do
from pool import events as told
from pool.breaker import BreakerPolicy
from pool.effects import Ending, Refusal
from pool.events import Reply, Timer, TimerKind
from pool.recovery import Category, Severity, Strategy
from pool.state import Phase

BREAKS = BreakerPolicy(failures_max=1, openings_max=0)
FOR_ALL = (TimerKind.HEALTH, TimerKind.BREAKER, TimerKind.STALL)
CLOSED = [*(do.ClearTimer(Timer(kind, 0)) for kind in FOR_ALL), do.PoolClosed()]


def busy(**settings: Any) -> PurePool:
    """Worker 0 holds task 7, and 8 waits."""
    pool = PurePool(grace=5.0, **settings)
    pool.submit(7, 8)
    return pool


# At its client's wish.


def test_an_idle_worker_is_told_to_end_and_bounded() -> None:
    pool = PurePool(grace=5.0)
    assert pool.shut()[1:] == [do.StopWorker(0), do.SetTimer(Timer(TimerKind.STOP, 0), 5.0)]
    assert becauses(pool.asked) == ["init_complete", "shutdown"]


def test_a_worker_that_starts_is_told_to_end() -> None:
    pool = PurePool(ready=0, init_timeout=60.0)
    asked = pool.shut()
    assert asked[0] == do.ClearTimer(Timer(TimerKind.INIT, 0))
    assert (becauses(asked), only(asked, do.StopWorker)) == (["shutdown"], [do.StopWorker(0)])


def test_a_degraded_worker_is_told_to_end() -> None:
    pool = PurePool()
    pool.submit(7)
    pool.reply(0, 7, Reply.EXHAUSTED)
    asked = pool.shut()
    assert becauses(asked) == ["shutdown"]
    assert do.ClearTimer(Timer(TimerKind.CHECK, 0)) in asked


def test_what_was_accepted_still_runs_and_its_last_result_ends_the_worker() -> None:
    pool = busy()
    assert pool.shut() == []
    assert sent(pool.reply(0, 7)) == [(0, 8)]
    assert becauses(pool.reply(0, 8)) == ["checkin_success", "shutdown"]


def test_a_worker_with_nothing_left_to_do_ends_while_another_still_runs() -> None:
    pool = PurePool(size=2)
    pool.submit(7)
    asked = pool.shut()
    assert (becauses(asked, 0), becauses(asked, 1)) == (["shutdown"], [])


def test_what_was_sent_ahead_still_runs() -> None:
    pool = PurePool(prefetch=4)
    pool.submit(*range(9))
    pool.reply(0, 0)
    pool.shut()
    for task in range(1, 9):
        pool.reply(0, task)
    assert endings(pool.asked) == dict.fromkeys(range(9), "returned")
    assert becauses(pool.asked)[-1] == "shutdown"


def test_the_pool_is_closed_once_every_worker_is_reaped_and_nothing_is_set_any_more() -> None:
    pool = PurePool(size=2, health_interval=30.0, session_ttl=9.0, age_max=99.0)
    pool.open(5)
    pool.shut()
    assert only(pool.reaped(0), do.PoolClosed) == []
    assert pool.reaped(1)[-4:] == CLOSED
    assert (pool.timers, pool.core.phase) == ({}, Phase.CLOSED)


def test_a_pool_without_workers_is_closed_at_once() -> None:
    pool = PurePool(lazy=True)
    assert pool.shut() == CLOSED


@pytest.mark.parametrize("closed", [False, True])
def test_nothing_is_accepted_any_more(closed: bool) -> None:
    pool = PurePool()
    pool.shut()
    if closed:
        pool.reaped(0)
    assert pool.submit(9) == [do.RefuseTask(9, Refusal.SHUTDOWN)]


def test_a_pool_is_closed_once() -> None:
    pool = PurePool()
    pool.shut()
    pool.reaped(0)
    assert pool.shut(cancel_waiting=True, grace=1.0) == []
    assert pool.fire(TimerKind.GRACE) == []


def test_a_stopped_worker_that_exits_or_takes_too_long_is_killed() -> None:
    pool = PurePool(grace=5.0)
    pool.shut()
    assert pool.wait(5.0) == [do.KillWorker(0)]
    assert pool.exits(0) == [do.KillWorker(0)]


def test_a_lost_worker_is_replaced_while_a_task_waits_and_not_after() -> None:
    pool = busy()
    pool.shut()
    pool.exits(0)
    assert only(pool.reaped(0), do.SpawnWorker) == [do.SpawnWorker(1)]
    assert sent(pool.ready(1)) == [(1, 8)]
    pool.exits(1)
    assert pool.reaped(1)[-1] == do.PoolClosed()


def test_a_worker_still_starts_for_a_task_that_came_back() -> None:
    pool = PurePool()
    pool.submit(7)
    pool.shut()
    pool.exits(0, unstarted=1)
    assert becauses(pool.reaped(0), 1) == []
    assert sent(pool.ready(1)) == [(1, 7)]


def test_waiting_tasks_are_cancelled_if_that_is_wanted_and_running_ones_are_not() -> None:
    pool = busy()
    assert endings(pool.shut(cancel_waiting=True)) == {8: "cancelled"}
    assert becauses(pool.reply(0, 7)) == ["checkin_success", "shutdown"]


def test_a_second_shutdown_may_still_cancel_what_waits() -> None:
    pool = busy()
    pool.shut()
    assert endings(pool.shut(cancel_waiting=True)) == {8: "cancelled"}


def test_what_was_sent_ahead_is_taken_back_and_cancelled() -> None:
    pool = PurePool(prefetch=4)
    pool.submit(*range(9))
    pool.reply(0, 0)
    asked = pool.shut(cancel_waiting=True)
    assert endings(asked) == dict.fromkeys((6, 7, 8), "cancelled")
    assert only(asked, do.RecallTasks) == [do.RecallTasks(0)]
    assert endings(pool.tell(told.TasksRecalled(0, (4, 5)))) == {4: "cancelled", 5: "cancelled"}
    for task in (1, 2, 3):
        pool.reply(0, task)
    assert becauses(pool.asked)[-1] == "shutdown"


def test_one_shutdown_may_ask_for_several_recalls() -> None:
    pool = PurePool(size=2, prefetch=4, strategy="fifo")
    pool.submit(*range(30))
    pool.reply(0, 0)
    pool.reply(1, 1)
    asked = pool.shut(cancel_waiting=True)
    assert only(asked, do.RecallTasks) == [do.RecallTasks(0), do.RecallTasks(1)]


# Within a grace.


def test_when_the_grace_is_over_every_task_ends_and_every_worker_is_killed() -> None:
    pool = busy(size=1, max_overflow=1)
    pool.ready(1)
    assert pool.shut(grace=2.0) == [do.SetTimer(Timer(TimerKind.GRACE, 0), 2.0)]
    pool.reply(1, 8)
    asked = pool.wait(2.0)
    facts: dict[str, Any] = {"category": Category.SYSTEM, "severity": Severity.CRITICAL}
    assert outcomes(asked)[7] == do.Outcome(
        Ending.SHUTDOWN, worker=0, attempt=1, started=True, strategy=Strategy.ABANDON, **facts
    )
    assert becauses(asked, 0) == ["shutdown"]
    assert only(asked, do.KillWorker) == [do.KillWorker(0), do.KillWorker(1)]


@pytest.mark.parametrize("state", ["initializing", "degraded"])
def test_a_worker_that_has_no_task_is_killed_too_when_the_grace_is_over(state: str) -> None:
    pool = PurePool(ready=0)
    pool.submit(7)
    if state == "degraded":
        pool.open(5)
        pool.ready(0)
        pool.submit(50, session=5)
        pool.reply(0, 7)
        pool.submit(51, session=5)
        pool.reply(0, 50, Reply.EXHAUSTED)
    assert pool.states == {0: state}
    pool.shut(grace=0.0)
    asked = pool.wait(0.0)
    assert becauses(asked) == ["shutdown"]
    assert only(asked, do.KillWorker) == [do.KillWorker(0)]
    assert set(endings(asked).values()) == {"shutdown"}
    assert pool.sessions == {}


def test_of_two_graces_the_one_that_ends_first_counts() -> None:
    pool = busy()
    pool.shut(grace=2.0)
    assert pool.shut(grace=3.0) == []
    assert pool.shut(grace=1.0) == [do.SetTimer(Timer(TimerKind.GRACE, 0), 1.0)]


def test_a_pool_that_is_closed_in_time_forgets_its_grace() -> None:
    pool = busy()
    pool.shut(grace=9.0)
    pool.reply(0, 7)
    pool.reply(0, 8)
    assert do.ClearTimer(Timer(TimerKind.GRACE, 0)) in pool.reaped(0)
    assert pool.timers == {}


def test_when_the_grace_is_over_what_was_sent_ahead_may_have_started() -> None:
    pool = PurePool(prefetch=4)
    pool.submit(*range(9))
    pool.reply(0, 0)
    pool.shut(grace=1.0)
    ended = outcomes(pool.wait(1.0))
    assert {task for task, outcome in ended.items() if outcome.started} == {1, 2, 3, 4, 5}
    assert endings(pool.reaped(0, unstarted=4)) == {}
    assert pool.core.phase is Phase.CLOSED


# Because no worker starts.


def test_a_pool_that_breaks_fails_what_waits_and_refuses_what_comes() -> None:
    pool = PurePool(ready=0, breaker=BREAKS)
    pool.submit(7)
    asked = pool.tell(told.WorkerInitFailed(0, "OSError"))
    facts: dict[str, Any] = {"category": Category.INITIALIZATION, "severity": Severity.CRITICAL}
    assert outcomes(asked)[7] == do.Outcome(
        Ending.BROKEN,
        detail="its initializer raised OSError",
        strategy=Strategy.CIRCUIT_BREAK,
        **facts,
    )
    assert pool.submit(8) == [do.RefuseTask(8, Refusal.BROKEN)]
    assert pool.open(5) == [do.RefuseSession(5, Refusal.BROKEN)]
    assert pool.tell(told.SessionReopened(5)) == [do.RefuseSession(5, Refusal.BROKEN)]
    assert only(pool.reaped(0), do.SpawnWorker) == []


def test_a_broken_pool_closes_when_it_is_told_to() -> None:
    pool = PurePool(ready=0, breaker=BREAKS)
    pool.tell(told.SpawnFailed(0))
    assert pool.shut() == CLOSED
    assert pool.submit(8) == [do.RefuseTask(8, Refusal.SHUTDOWN)]


def test_a_broken_pool_lets_a_running_task_finish_and_then_ends_its_worker() -> None:
    pool = busy(ready=1, size=2, breaker=BREAKS)
    assert endings(pool.tell(told.SpawnFailed(1))) == {8: "broken"}
    asked = pool.reply(0, 7)
    assert endings(asked) == {7: "returned"}
    assert becauses(asked) == ["checkin_success", "shutdown"]
    assert only([*asked, *pool.reaped(0)], do.PoolClosed) == []


def test_a_broken_pool_lets_what_was_sent_ahead_finish() -> None:
    pool = PurePool(ready=1, size=2, prefetch=4, breaker=BREAKS)
    pool.submit(*range(12))
    pool.reply(0, 0)
    held = [1, *(task.number for task in pool.core.workers[0].ahead)]
    assert len(held) > 1
    broken = endings(pool.tell(told.SpawnFailed(1)))
    assert broken == {task: "broken" for task in range(1, 12) if task not in held}
    for task in held:
        pool.reply(0, task)
    assert becauses(pool.asked)[-1] == "shutdown"


def test_a_broken_pool_ends_its_sessions() -> None:
    pool = PurePool(ready=1, size=2, breaker=BREAKS)
    pool.open(5, 6)
    pool.submit(50, 51, session=5)
    assert endings(pool.tell(told.SpawnFailed(1))) == {51: "broken"}
    assert pool.sessions == {5: "placed", 6: "opened"}
    pool.reply(0, 50)
    pool.reaped(0)
    assert pool.sessions == {}


@pytest.mark.parametrize("closing", [False, True])
def test_an_idempotent_task_is_lost_because_no_worker_would_come_for_it(closing: bool) -> None:
    pool = PurePool(ready=1, size=2, breaker=BREAKS)
    pool.submit(0, retries=5)
    if closing:
        pool.submit(1)
        pool.shut()
    pool.tell(told.SpawnFailed(1))
    outcome = outcomes(pool.exits(0))[0]
    assert (outcome.ending, outcome.started) == (Ending.LOST, True)
    assert pool.core.tasks == {}


def test_a_pool_that_breaks_while_it_ends_still_closes() -> None:
    pool = PurePool(ready=0, breaker=BREAKS)
    pool.submit(7)
    pool.shut()
    asked = pool.tell(told.SpawnFailed(0))
    assert endings(asked) == {7: "broken"}
    assert only(asked, do.PoolBroke) == [do.PoolBroke("its process was refused")]
    assert asked[-1] == do.PoolClosed()

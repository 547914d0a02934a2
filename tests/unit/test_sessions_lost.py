"""What becomes of a session when its worker is lost, degraded, recycled, or the pool ends."""

from __future__ import annotations

from typing import Any

import pytest
from pure_pool import PurePool, becauses, endings, only, outcomes, sent

from pool import effects as do
from pool import events as told
from pool.effects import Ending, Refusal
from pool.events import Reply, TimerKind
from pool.recovery import Category, Severity, Strategy


def placed(*tasks: int, worker: int = 0, **settings: Any) -> PurePool:
    """Session 5 lives on this worker, which runs the first of its tasks."""
    pool = PurePool(size=worker + 1, **settings)
    pool.open(5)
    pool.submit(*tasks, session=5)
    return pool


def test_a_lost_worker_loses_its_sessions_and_all_their_tasks_loudly() -> None:
    pool = PurePool()
    pool.open(5, 6)
    pool.submit(50, 51, session=5, retries=3)
    pool.submit(60, session=6)
    asked = pool.exits(0)
    lost = outcomes(asked)
    facts: dict[str, Any] = {
        "session": 5,
        "detail": "it exited with code -9",
        "category": Category.SESSION,
    }
    facts |= {"severity": Severity.MINOR, "strategy": Strategy.ABANDON}
    assert lost == {
        50: do.Outcome(Ending.SESSION_LOST, worker=0, attempt=1, started=True, **facts),
        51: do.Outcome(Ending.SESSION_LOST, **facts),
    }
    assert pool.sessions == {5: "lost", 6: "opened"}
    assert sent([*pool.reaped(0), *pool.ready(1)]) == [(1, 60)]


def test_a_lost_session_is_no_worse_when_no_other_worker_is_well() -> None:
    pool = placed(50, worker=1)
    pool.exits(0)
    assert outcomes(pool.exits(1))[50].severity is Severity.MINOR


def test_a_sessions_task_is_not_tried_again_even_if_it_never_started() -> None:
    pool = PurePool(size=2)
    pool.open(5)
    pool.submit(50, session=5, retries=3)
    asked = pool.exits(1, unstarted=1)
    assert outcomes(asked)[50].started is False
    assert endings(asked) == {50: "session_lost"}
    assert sent(asked) == []


def test_a_sessions_exception_is_not_tried_again() -> None:
    pool = PurePool()
    pool.open(5)
    pool.submit(50, session=5, retries=3)
    asked = pool.reply(0, 50, Reply.EXHAUSTED)
    assert endings(asked) == {50: "raised"}


def test_a_reopened_session_has_a_new_state_on_another_worker() -> None:
    pool = placed(50, worker=1)
    pool.exits(1)
    pool.tell(told.SessionReopened(5))
    assert only(pool.submit(51, session=5), do.SendTask) == [do.SendTask(0, 51, 1, 5, opens=True)]


def test_a_session_that_was_closing_when_its_worker_was_lost_is_gone() -> None:
    pool = placed(50, 51)
    pool.close(5)
    asked = pool.exits(0)
    assert endings(asked) == {50: "session_lost", 51: "session_lost"}
    assert only(asked, do.DropSession) == []
    assert (pool.sessions, pool.core.placed) == ({}, 0)


def test_the_state_of_a_session_that_drains_with_its_worker_need_not_be_dropped() -> None:
    pool = placed(50)
    pool.close(5)
    asked = pool.exits(0)
    assert [move.after for move in only(asked, do.SessionMoved)] == ["closed"]
    assert only(asked, do.DropSession) == []


def test_killing_a_sessions_task_loses_the_session() -> None:
    pool = placed(50, 51)
    asked = pool.tell(told.KillRequested(50))
    assert endings(asked) == {50: "killed", 51: "session_lost"}
    assert pool.sessions == {5: "lost"}


def test_a_sessions_task_past_its_deadline_loses_the_session() -> None:
    pool = PurePool()
    pool.open(5)
    pool.submit(50, session=5, deadline=2.0)
    assert endings(pool.wait(2.0)) == {50: "timeout"}
    assert pool.sessions == {5: "lost"}


# While its worker is degraded, recycled or shut down.


def test_a_session_waits_for_its_degraded_worker_and_goes_on_when_it_is_well() -> None:
    pool = placed(50, 51, worker=1)
    assert sent(pool.reply(1, 50, Reply.EXHAUSTED)) == []
    assert pool.sessions == {5: "placed"}
    assert sent(pool.tell(told.HealthReported(1, 1))) == [(1, 51)]


def test_a_session_is_lost_when_its_degraded_worker_is_removed() -> None:
    pool = placed(50, 51, worker=1, health_failures_max=1)
    pool.reply(1, 50, Reply.EXHAUSTED)
    assert endings(pool.wait(5.0)) == {51: "session_lost"}
    assert pool.sessions == {5: "lost"}


@pytest.mark.parametrize("worn", [{"tasks_max": 1}, {"age_max": 10.0}], ids=str)
def test_a_worker_is_not_recycled_for_tasks_or_age_while_a_session_lives_on_it(worn: Any) -> None:
    pool = placed(50, 51, **worn)
    pool.wait(10.0)
    pool.reply(0, 50)
    pool.reply(0, 51)
    assert pool.states == {0: "ready"}
    asked = pool.close(5)
    assert becauses(asked) == ["recycle"]
    assert only(asked, do.DropSession) == [do.DropSession(0, 5)]


def test_too_much_memory_does_not_wait_for_sessions() -> None:
    pool = placed(50, 51)
    asked = pool.reply(0, 50, heavy=True)
    lost = outcomes(asked)[51]
    assert becauses(asked) == ["checkin_success", "recycle"]
    assert lost.ending is Ending.SESSION_LOST
    assert lost.detail == "its worker was recycled: it is over its memory limit"
    assert pool.sessions == {5: "lost"}


def test_shutdown_runs_the_tasks_of_sessions_and_then_ends_these() -> None:
    pool = PurePool(size=2)
    pool.open(5, 6)
    pool.submit(50, 51, session=5)
    asked = pool.shut()
    assert becauses(asked, 0) == ["shutdown"]
    assert (endings(asked), becauses(asked, 1)) == ({}, [])
    assert sent(pool.reply(1, 50)) == [(1, 51)]
    asked = pool.reply(1, 51)
    ended = [(move.session, move.because) for move in only(asked, do.SessionMoved)]
    assert ended == [(5, "shutdown")]
    assert only(asked, do.DropSession) == []
    asked = [*pool.reaped(0), *pool.reaped(1)]
    assert [move.session for move in only(asked, do.SessionMoved)] == [6]
    assert asked[-1] == do.PoolClosed()


def test_shutdown_waits_for_a_degraded_worker_on_which_a_sessions_task_waits() -> None:
    pool = placed(50, 51)
    pool.reply(0, 50, Reply.EXHAUSTED)
    assert becauses(pool.shut()) == []
    assert sent(pool.tell(told.HealthReported(0, 1))) == [(0, 51)]


# Time to live.


def test_a_session_without_a_task_lives_300_seconds_by_default_and_its_state_is_dropped() -> None:
    pool = PurePool(session_ttl=300.0)
    pool.open(5)
    pool.wait(200.0)
    pool.submit(50, session=5)
    assert pool.at(TimerKind.SESSION, 5) is None
    pool.wait(400.0)
    pool.reply(0, 50)
    assert only(pool.wait(299.0), do.SessionMoved) == []
    asked = pool.wait(1.0)
    assert [move.because for move in only(asked, do.SessionMoved)] == ["expired"]
    assert only(asked, do.DropSession) == [do.DropSession(0, 5)]
    assert pool.submit(51, session=5) == [do.RefuseTask(51, Refusal.SESSION_LOST)]


def test_a_time_to_live_that_ran_out_as_a_task_came_does_not_count() -> None:
    pool = placed(50, session_ttl=300.0)
    assert pool.fire(TimerKind.SESSION, 5) == []
    assert pool.sessions == {5: "placed"}


def test_no_timer_outlives_its_session() -> None:
    pool = PurePool(size=2, session_ttl=300.0)
    pool.open(5, 6)
    pool.submit(60, session=6)
    pool.close(5)
    pool.exits(1)
    assert set(pool.timers) == {(TimerKind.SESSION, 6)}
    pool.wait(300.0)
    assert (pool.timers, pool.sessions) == ({}, {})


def test_a_reopened_session_lives_anew() -> None:
    pool = placed(50, session_ttl=300.0)
    pool.exits(0)
    pool.wait(200.0)
    pool.tell(told.SessionReopened(5))
    assert pool.at(TimerKind.SESSION, 5) == 500.0

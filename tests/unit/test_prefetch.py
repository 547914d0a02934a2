"""Tasks that are sent ahead to a quick worker, and how they are taken back."""

from __future__ import annotations

from typing import Any

import pytest
from pure_pool import PurePool, becauses, endings, only, outcomes, sent

from pool import effects as do
from pool import events as told
from pool.dispatch import QUICK_S, STALL_S
from pool.events import Reply, Timer, TimerKind

RECALL = [do.RecallTasks(0)]


def quick(waiting: int = 9, *, size: int = 1, prefetch: int = 4, **settings: Any) -> PurePool:
    """Each worker holds a task of 0 to size - 1; so many more wait, from `size` on."""
    pool = PurePool(size=size, prefetch=prefetch, strategy="fifo", **settings)
    pool.submit(*range(size + waiting))
    return pool


def laden(waiting: int = 9, **settings: Any) -> PurePool:
    """Worker 0 holds task 1, and 2 to 5 were sent ahead to it."""
    pool = quick(waiting, **settings)
    pool.reply(0, 0)
    assert ahead(pool) == [2, 3, 4, 5]
    return pool


def ahead(pool: PurePool, worker: int = 0) -> list[int]:
    return [task.number for task in pool.core.workers[worker].ahead]


def forget_waiting(pool: PurePool) -> None:
    for task in list(pool.core.waiting):
        pool.tell(told.CancelRequested(task))


def test_a_quick_worker_is_sent_tasks_ahead_while_many_wait() -> None:
    asked = quick().reply(0, 0)
    assert only(asked, do.SendTask) == [
        do.SendTask(0, 1, 1),
        *(do.SendTask(0, task, 1, ahead=True) for task in (2, 3, 4, 5)),
    ]


def test_a_worker_comes_to_what_was_sent_ahead_without_being_sent_it_again() -> None:
    pool = laden()
    asked = pool.reply(0, 1)
    assert becauses(asked) == ["checkin_success", "checkout"]
    assert sent(asked) == []
    assert ahead(pool) == [3, 4, 5]


def test_more_is_sent_ahead_once_half_of_it_is_left() -> None:
    pool = laden()
    pool.reply(0, 1)
    assert sent(pool.reply(0, 2)) == [(0, 6), (0, 7)]
    assert ahead(pool) == [4, 5, 6, 7]


def test_nothing_is_sent_ahead_of_a_workers_fair_share_of_what_waits() -> None:
    pool = quick(6, size=2)
    pool.reply(0, 0)
    assert ahead(pool) == [3]  # of five that wait, two each, and one of them is its next
    few = quick(2)
    few.reply(0, 0)
    assert ahead(few) == []


@pytest.mark.parametrize(
    ("seconds", "tasks"), [(QUICK_S, [2, 3, 4, 5]), (2 * QUICK_S, [])], ids=["quick", "slow"]
)
def test_only_a_worker_that_answers_quickly_is_sent_tasks_ahead(
    seconds: float, tasks: list[int]
) -> None:
    pool = quick()
    pool.wait(seconds)
    pool.reply(0, 0)
    assert ahead(pool) == tasks


def test_prefetch_0_sends_nothing_ahead() -> None:
    pool = quick(prefetch=0)
    assert sent(pool.reply(0, 0)) == [(0, 1)]


def test_no_more_is_sent_ahead_than_the_worker_may_serve() -> None:
    pool = quick(tasks_max=3)
    pool.reply(0, 0)
    assert ahead(pool) == [2]
    pool.reply(0, 1)
    assert becauses(pool.reply(0, 2)) == ["checkin_success", "recycle"]


def test_nothing_is_sent_ahead_to_a_worker_that_is_worn() -> None:
    pool = laden(20)
    pool.reply(0, 1, heavy=True)
    for task in (2, 3, 4):
        assert sent(pool.reply(0, task)) == []
    assert becauses(pool.reply(0, 5)) == ["checkin_success", "recycle"]


def test_nothing_is_sent_ahead_to_a_worker_that_is_degraded() -> None:
    asked = quick().reply(0, 0, Reply.EXHAUSTED)
    assert becauses(asked) == ["recovery_degrade"]
    assert sent(asked) == []


def test_nothing_is_sent_ahead_to_a_worker_that_has_tasks_of_its_sessions_waiting() -> None:
    pool = PurePool(prefetch=4)
    pool.open(5)
    pool.submit(50, 51, 52, session=5)
    pool.submit(*range(9))
    pool.reply(0, 50)
    assert ahead(pool) == []


def test_nothing_is_sent_ahead_while_a_task_that_came_back_waits() -> None:
    pool = quick(20, size=3)
    pool.exits(1, unstarted=1)
    pool.exits(2, unstarted=1)
    assert sent(pool.reply(0, 0)) == [(0, 1)]
    assert sent(pool.reply(0, 1, attempt=2))[0] == (0, 2)
    assert ahead(pool) != []


def test_a_sessions_task_is_never_sent_ahead_and_no_younger_one_before_it() -> None:
    pool = PurePool(prefetch=4)
    pool.open(5)
    pool.submit(0, 1, 2, 3)
    pool.submit(50, session=5)
    pool.submit(4, 5, 6, 7)
    pool.reply(0, 0)
    assert ahead(pool) == [2, 3]


def test_what_was_sent_ahead_before_a_sessions_task_is_watched_for_a_stall() -> None:
    pool = PurePool(prefetch=4)
    pool.open(5)
    pool.submit(0, 1, 2)
    pool.submit(50, session=5)
    pool.submit(3, 4, 5)
    pool.reply(0, 0)
    assert ahead(pool) == [2]
    assert only(pool.wait(2 * STALL_S), do.RecallTasks) == RECALL


def test_exhaustion_does_not_degrade_a_worker_that_has_tasks_ahead() -> None:
    pool = laden()
    assert becauses(pool.reply(0, 1, Reply.EXHAUSTED)) == ["checkin_error", "checkout"]


# Taken back.


def test_what_was_sent_ahead_is_taken_back_when_another_worker_is_idle() -> None:
    pool = quick(4, size=2)
    pool.reply(0, 0)
    pool.submit(*range(6, 20))
    pool.reply(0, 2)
    loaded = ahead(pool)
    forget_waiting(pool)
    asked = pool.reply(1, 1)
    assert only(asked, do.RecallTasks) == RECALL
    asked = pool.tell(told.TasksRecalled(0, tuple(loaded[1:])))
    assert sent(asked) == [(1, loaded[1])]
    assert ahead(pool) == loaded[:1]


def test_the_worker_with_the_most_ahead_gives_it_up_and_one_that_was_asked_is_spared() -> None:
    pool = quick(50, size=4, prefetch=8)
    for worker in (0, 1):
        pool.reply(worker, worker)
    pool.reply(0, 4)
    forget_waiting(pool)
    assert [len(ahead(pool, worker)) for worker in (0, 1)] == [7, 8]
    nothing = told.CancelRequested(99)
    assert only(pool.reply(2, 2), do.RecallTasks) == [do.RecallTasks(1)]
    assert only(pool.tell(nothing), do.RecallTasks) == [do.RecallTasks(0)]
    assert only(pool.tell(nothing), do.RecallTasks) == []


def test_what_was_taken_back_keeps_its_place_and_its_attempt() -> None:
    pool = laden()
    pool.wait(2 * STALL_S)
    pool.tell(told.TasksRecalled(0, (3, 4, 5)))
    assert list(pool.core.returning) == [3, 4, 5]
    pool.reply(0, 1)
    asked = pool.reply(0, 2)
    assert only(asked, do.SendTask) == [do.SendTask(0, 3, 1)]
    assert outcomes(pool.reply(0, 3))[3].attempt == 1


def test_numbers_that_the_worker_does_not_hold_ahead_are_ignored() -> None:
    pool = laden()
    pool.wait(2 * STALL_S)
    pool.tell(told.TasksRecalled(0, (1, 5, 8, 99)))
    assert ahead(pool) == [2, 3, 4]
    assert list(pool.core.returning) == [5]
    assert pool.core.sent_ahead == 3


def test_a_worker_that_stalls_has_what_was_sent_ahead_taken_back_once() -> None:
    pool = laden()
    assert only(pool.wait(STALL_S), do.RecallTasks) == []
    assert only(pool.wait(STALL_S), do.RecallTasks) == RECALL
    pool.tell(told.TasksRecalled(0, (4, 5)))
    assert only(pool.wait(10 * STALL_S), do.RecallTasks) == []


def test_a_worker_that_answers_in_time_does_not_stall() -> None:
    pool = laden(20)
    for task in range(1, 12):
        assert only(pool.wait(STALL_S), do.RecallTasks) == []
        pool.reply(0, task)


def test_what_watches_for_stalls_is_not_set_anew_with_each_task() -> None:
    pool = laden(20)
    for task in range(1, 9):
        pool.reply(0, task)
    watch = Timer(TimerKind.STALL, 0)
    assert [effect for effect in only(pool.asked, do.SetTimer) if effect.timer == watch] != []
    assert pool.asked.count(do.SetTimer(watch, STALL_S)) == 1
    asked = pool.wait(STALL_S)
    assert asked == [do.SetTimer(watch, 2 * STALL_S)]


def test_nothing_watches_for_stalls_while_nothing_is_ahead() -> None:
    pool = laden(6)
    for task in range(1, 6):
        pool.reply(0, task)
    assert ahead(pool) == []
    pool.wait(STALL_S)
    assert pool.at(TimerKind.STALL) is None


def test_more_is_sent_ahead_again_after_a_recall() -> None:
    pool = laden(20)
    pool.wait(2 * STALL_S)
    pool.tell(told.TasksRecalled(0, (3, 4, 5)))
    for task in (1, 2, 3, 4, 5):
        pool.reply(0, task)
    assert ahead(pool) != []
    assert only(pool.wait(2 * STALL_S), do.RecallTasks) == RECALL


def test_nothing_is_sent_ahead_until_a_recall_is_answered() -> None:
    pool = laden(20)
    pool.wait(2 * STALL_S)
    for task in (1, 2, 3, 4):
        assert sent(pool.reply(0, task)) == []


# Cancelled, killed or overdue while it is ahead.

ENDED: dict[str, tuple[told.Event, str]] = {
    "cancel": (told.CancelRequested(4), "cancelled"),
    "kill": (told.KillRequested(4), "cancelled"),
    "deadline": (told.TimerFired(told.Timer(TimerKind.DEADLINE, 4)), "timeout"),
}


def asked_to_end(how: str, **settings: Any) -> PurePool:
    pool = laden(**settings)
    assert pool.tell(ENDED[how][0]) == RECALL
    return pool


@pytest.mark.parametrize("how", ENDED)
def test_a_task_that_comes_back_ends_as_asked_and_never_started(how: str) -> None:
    pool = asked_to_end(how)
    asked = pool.tell(told.TasksRecalled(0, (4, 5)))
    outcome = outcomes(asked)[4]
    assert (outcome.ending, outcome.started, outcome.attempt) == (ENDED[how][1], False, 0)
    assert outcome.worker is None
    assert list(pool.core.returning) == [5]


@pytest.mark.parametrize(
    ("how", "ending", "because"),
    [("kill", "killed", "cancelled"), ("deadline", "timeout", "timeout")],
)
def test_a_task_that_does_not_come_back_ends_and_so_does_its_worker_when_it_comes_to_it(
    how: str, ending: str, because: str
) -> None:
    pool = asked_to_end(how)
    asked = pool.tell(told.TasksRecalled(0, ()))
    assert endings(asked) == {4: ending}
    assert outcomes(asked)[4].started is True
    assert becauses([*pool.reply(0, 1), *pool.reply(0, 2)]) == ["checkin_success", "checkout"] * 2
    asked = pool.reply(0, 3)
    assert becauses(asked) == ["checkin_success", "checkout", because]
    assert endings(asked) == {3: "returned"}
    assert endings(pool.reaped(0, unstarted=3)) == {}
    assert list(pool.core.returning) == [5, 6, 7]


def test_a_cancel_of_a_task_that_does_not_come_back_is_forgotten() -> None:
    pool = asked_to_end("cancel")
    assert pool.tell(told.TasksRecalled(0, ())) == []
    for task in (1, 2, 3):
        pool.reply(0, task)
    assert endings(pool.reply(0, 4)) == {4: "returned"}


@pytest.mark.parametrize("how", ENDED)
def test_what_a_worker_kept_at_a_recall_is_not_asked_for_again(how: str) -> None:
    pool = laden()
    pool.wait(2 * STALL_S)
    pool.tell(told.TasksRecalled(0, (5,)))
    asked = pool.tell(ENDED[how][0])
    expected = {"cancel": {}, "kill": {4: "killed"}, "deadline": {4: "timeout"}}
    assert endings(asked) == expected[how]
    assert only(asked, do.RecallTasks) == []


def test_two_requests_at_once_make_one_recall() -> None:
    pool = asked_to_end("cancel")
    assert pool.tell(told.KillRequested(5)) == []
    asked = pool.tell(told.TasksRecalled(0, (3, 4, 5)))
    assert endings(asked) == {4: "cancelled", 5: "cancelled"}


def test_a_recall_may_be_answered_after_its_worker_and_some_of_its_tasks_are_given_up() -> None:
    pool = asked_to_end("cancel")
    pool.tell(told.KillRequested(1), told.KillRequested(3), told.KillRequested(5))
    assert endings(pool.tell(told.TasksRecalled(0, (4, 5)))) == {4: "cancelled"}
    assert list(pool.core.returning) == []
    assert endings(pool.reaped(0, unstarted=1)) == {2: "lost"}


# Lost while it is ahead.


def test_an_exit_says_which_of_the_tasks_sent_ahead_had_started() -> None:
    pool = laden()
    asked = pool.exits(0, unstarted=3)
    assert endings(asked) == {1: "lost", 2: "lost"}
    assert list(pool.core.returning) == [3, 4, 5]
    assert pool.core.sent_ahead == 0


def test_when_a_worker_is_killed_what_was_ahead_is_known_once_it_is_reaped() -> None:
    pool = laden()
    asked = pool.tell(told.KillRequested(1))
    assert endings(asked) == {1: "killed"}
    assert list(pool.core.returning) == []
    asked = pool.reaped(0, unstarted=3)
    assert endings(asked) == {2: "lost"}
    assert outcomes(asked)[2].detail == "its worker was killed"
    assert sent(pool.ready(1)) == [(1, 3)]


def test_nothing_is_taken_back_from_a_worker_that_is_killed() -> None:
    pool = quick(9, size=2)
    pool.reply(0, 0)
    loaded = ahead(pool)
    forget_waiting(pool)
    assert becauses(pool.tell(told.KillRequested(2))) == ["cancelled"]
    assert only([*pool.reply(1, 1), *pool.wait(2 * STALL_S)], do.RecallTasks) == []
    assert [task for _, task in sent(pool.reaped(0, unstarted=9))] == loaded[:1]


@pytest.mark.parametrize("how", ENDED)
def test_a_task_ahead_of_a_killed_worker_may_have_started(how: str) -> None:
    pool = laden()
    pool.tell(told.KillRequested(1))
    asked = pool.tell(ENDED[how][0])
    expected = {"cancel": {}, "kill": {4: "killed"}, "deadline": {4: "timeout"}}
    assert endings(asked) == expected[how]
    assert becauses(asked) == []
    assert all(outcome.started for outcome in outcomes(asked).values())
    assert 4 not in endings(pool.reaped(0, unstarted=4))

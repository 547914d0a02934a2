"""The core as a pure function: for each event, the exact effects, in their order."""

from __future__ import annotations

from typing import Any

import pytest
from pure_pool import PurePool, endings, only, outcomes, sent

from pool import effects as do
from pool import events as told
from pool.config import PoolConfig
from pool.core import Core
from pool.effects import Ending, Outcome, Refusal
from pool.events import Reply, Timer, TimerKind
from pool.lifecycle import Because, WorkerState
from pool.recovery import Category, Severity, Strategy, Treatment

NEW, READY, BUSY, DEGRADED, ENDING, GONE = WorkerState
Case = tuple[tuple[told.Event, ...], told.Event, list[do.Effect]]


def moved(before: WorkerState, because: Because, after: WorkerState, worker: int = 0) -> do.Effect:
    return do.WorkerMoved(worker, before, because, after)


def handed_out(task: int, worker: int = 0, attempt: int = 1) -> list[do.Effect]:
    sent_to = do.SendTask(worker, task, attempt)
    return [moved(READY, Because.CHECKOUT, BUSY, worker), sent_to]


def killed(before: WorkerState, because: Because, *trouble: Any) -> list[do.Effect]:
    """Trouble: category, severity, detail."""
    asked: list[do.Effect] = [moved(before, because, ENDING), do.KillWorker(0)]
    if trouble:
        category, severity, detail = trouble
        asked.append(do.Trouble(0, category, severity, Treatment.REPLACE, detail))
    return asked


def corrupt(detail: str, before: WorkerState = READY) -> list[do.Effect]:
    return killed(before, Because.CORRUPT, Category.COMMUNICATION, Severity.MAJOR, detail)


def returned(task: int = 7, attempt: int = 1) -> told.Event:
    return told.ResultReceived(0, task, attempt, Reply.RETURNED, b"4")


def deadline(task: int = 7) -> Timer:
    return Timer(TimerKind.DEADLINE, task)


# What happened before to a pool of one worker, what happens now at second 1, what must be done.

IDLE = (told.WorkerReady(0),)
BOTH = (*IDLE, told.TaskSubmitted(7), told.TaskSubmitted(8))
TIMED = told.TaskSubmitted(7, deadline=2.0)
RUNNING = (*IDLE, TIMED, told.TaskSubmitted(8))
OVERDUE = told.TimerFired(deadline())
UNTIMED = do.ClearTimer(deadline())
NOT_HELD = "it answered a task that it does not hold"
LATE = "task 7 was ended (timeout)"
LOST = Outcome(
    Ending.LOST,
    worker=0,
    attempt=1,
    started=True,
    detail=NOT_HELD,
    category=Category.COMMUNICATION,
    severity=Severity.MAJOR,
    strategy=Strategy.ABANDON,
)
OVER = Outcome(
    Ending.TIMEOUT,
    category=Category.TIMEOUT,
    severity=Severity.MAJOR,
    strategy=Strategy.ABANDON,
)
KILLED = Outcome(
    Ending.KILLED,
    worker=0,
    attempt=1,
    started=True,
    category=Category.TASK,
    severity=Severity.MAJOR,
    strategy=Strategy.ABANDON,
)
RUNNING_OVER = Outcome(
    Ending.TIMEOUT,
    worker=0,
    attempt=1,
    started=True,
    category=Category.TIMEOUT,
    severity=Severity.MAJOR,
    strategy=Strategy.ABANDON,
)
MUTE_FAILURE = "its initializer raised an exception"
CASES: dict[str, Case] = {
    "ready twice": (IDLE, told.WorkerReady(0), corrupt("it said twice that it was ready")),
    "failed after ready": (IDLE, told.WorkerInitFailed(0), corrupt(MUTE_FAILURE)),
    "submit to an idle worker": (IDLE, told.TaskSubmitted(7), handed_out(7)),
    "submit to a worker that starts": ((), told.TaskSubmitted(7), []),
    "ready worker gets what waits": (
        (told.TaskSubmitted(7),),
        told.WorkerReady(0),
        [moved(NEW, Because.INIT_COMPLETE, READY), *handed_out(7)],
    ),
    "timed submit": (IDLE, TIMED, [do.SetTimer(deadline(), 3.0), *handed_out(7)]),
    "result": (
        BOTH[:2],
        returned(),
        [
            moved(BUSY, Because.CHECKIN_SUCCESS, READY),
            do.ResolveTask(7, Outcome(Ending.RETURNED, b"4", 0, 1, True)),
        ],
    ),
    "result of no task": (IDLE, returned(), corrupt(NOT_HELD)),
    "result of another task": (BOTH, returned(8), [*corrupt(NOT_HELD, BUSY)]),
    "result of another attempt": (BOTH, returned(attempt=2), corrupt(NOT_HELD, BUSY)),
    "corrupt frame": (IDLE, told.FrameCorrupt(0, "crc"), corrupt("it sent a bad frame (crc)")),
    "answer to no check": (
        IDLE,
        told.HealthReported(0, 1),
        corrupt("it answered a health check that it does not owe"),
    ),
    "deadline of a waiting task": (RUNNING[1:], OVERDUE, [UNTIMED, do.ResolveTask(7, OVER)]),
    "deadline of a running task kills its worker": (
        RUNNING,
        OVERDUE,
        [
            UNTIMED,
            do.ResolveTask(7, RUNNING_OVER),
            *killed(BUSY, Because.TIMEOUT, Category.TIMEOUT, Severity.MAJOR, LATE),
        ],
    ),
    "late deadline": ((*RUNNING, returned()), OVERDUE, []),
    "cancel of a waiting task": (
        RUNNING,
        told.CancelRequested(8),
        [do.ResolveTask(8, Outcome(Ending.CANCELLED))],
    ),
    "cancel of a running task": (RUNNING, told.CancelRequested(7), []),
    "cancel of an unknown task": (RUNNING, told.CancelRequested(9), []),
    "kill of a waiting task cancels it": (
        RUNNING,
        told.KillRequested(8),
        [do.ResolveTask(8, Outcome(Ending.CANCELLED))],
    ),
    "kill of an unknown task": (RUNNING, told.KillRequested(9), []),
    "kill of a running task kills its worker": (
        RUNNING,
        told.KillRequested(7),
        [UNTIMED, do.ResolveTask(7, KILLED), *killed(BUSY, Because.CANCELLED)],
    ),
    "kill of a task that comes back unstarted cancels it": (
        (*RUNNING, told.WorkerExited(0, 1, 1)),
        told.KillRequested(7),
        [UNTIMED, do.ResolveTask(7, Outcome(Ending.CANCELLED, worker=0, attempt=1))],
    ),
}
for case in ("result of another task", "result of another attempt"):
    CASES[case][2].append(do.ResolveTask(7, LOST))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_event(case: Case) -> None:
    history, event, expected = case
    pool = PurePool(ready=0)
    pool.tell(*history)
    pool.now = 1.0
    assert expected == pool.tell(event)


def test_start_spawns_every_worker_and_bounds_each_start_until_it_is_ready() -> None:
    pool = PurePool(ready=0, size=2, init_timeout=60.0)
    first, second = Timer(TimerKind.INIT, 0), Timer(TimerKind.INIT, 1)
    assert pool.started == [
        do.SpawnWorker(0),
        do.SetTimer(first, 60.0),
        do.SpawnWorker(1),
        do.SetTimer(second, 60.0),
    ]
    came_up = moved(NEW, Because.INIT_COMPLETE, READY)
    assert [do.ClearTimer(first), came_up] == pool.ready(0)


@pytest.mark.parametrize(
    ("reply", "because", "ending"),
    [
        (Reply.RETURNED, Because.CHECKIN_SUCCESS, Ending.RETURNED),
        (Reply.RAISED, Because.CHECKIN_ERROR, Ending.RAISED),
    ],
)
def test_reply_resolves_its_task_and_frees_the_worker_for_the_next(
    reply: Reply, because: Because, ending: Ending
) -> None:
    pool = PurePool()
    pool.submit(7, 8, 9)
    asked = pool.reply(0, 7, reply)
    assert asked[0] == moved(BUSY, because, READY)
    outcome = outcomes(asked)[7]
    facts = (outcome.ending, outcome.payload, outcome.worker, outcome.attempt, outcome.started)
    assert facts == (ending, b"4", 0, 1, True)
    assert asked[2:] == handed_out(8)


def test_cancelled_task_is_never_handed_out() -> None:
    pool = PurePool()
    pool.submit(7, 8, 9)
    pool.tell(told.CancelRequested(8))
    assert sent([*pool.reply(0, 7), *pool.reply(0, 9)]) == [(0, 9)]


def test_without_a_watcher_a_task_costs_no_move_but_every_other_move_is_told() -> None:
    pool = PurePool()
    pool.core.watched = False
    assert pool.submit(7) == handed_out(7)[1:]
    assert only(pool.reply(0, 7), do.WorkerMoved) == []
    assert only(pool.exits(0), do.WorkerMoved) == [moved(READY, Because.EXITED, ENDING)]
    assert Core(PoolConfig(), watched=False).watched is False


# Refusals.


def test_submit_beyond_the_queue_limit_is_refused_and_forgotten() -> None:
    pool = PurePool(queue_limit=1)
    pool.submit(7, 8)
    assert pool.submit(9, deadline=1.0) == [do.RefuseTask(9, Refusal.SATURATED)]
    assert {7, 8} == set(pool.core.tasks)


def test_a_task_that_no_longer_waits_makes_room_within_the_queue_limit() -> None:
    pool = PurePool(queue_limit=1)
    pool.submit(7, 8)
    pool.tell(told.CancelRequested(8))
    assert pool.submit(9) == []
    pool.reply(0, 7)
    assert pool.submit(10) == []
    assert only(pool.asked, do.RefuseTask) == []


def test_queue_limit_0_accepts_for_an_idle_worker_only() -> None:
    pool = PurePool(queue_limit=0)
    assert handed_out(7) == pool.submit(7)
    for refusing in (pool, PurePool(ready=0, queue_limit=0)):
        assert [do.RefuseTask(8, Refusal.SATURATED)] == refusing.submit(8)


def test_a_task_that_is_to_be_handed_out_again_does_not_count_as_waiting() -> None:
    pool = PurePool(queue_limit=1)
    pool.submit(7)
    pool.exits(0, unstarted=1)
    assert pool.submit(8) == []
    assert pool.submit(9) == [do.RefuseTask(9, Refusal.SATURATED)]


# Facts that come too late.


@pytest.mark.parametrize("gone", [False, True])
def test_late_result_is_dropped(gone: bool) -> None:
    pool = PurePool()
    pool.submit(7)
    pool.tell(told.KillRequested(7))
    if gone:
        pool.reaped(0)
    assert pool.reply(0, 7) == [do.ResultDropped(0, 7, 1)]


STALE: list[told.Event] = [
    told.WorkerReady(0),
    told.WorkerInitFailed(0),
    told.HealthReported(0, 1),
    told.TasksRecalled(0, (8,)),
    told.TimerFired(Timer(TimerKind.INIT, 0)),
    told.TimerFired(Timer(TimerKind.CHECK, 0)),
    told.TimerFired(Timer(TimerKind.AGE, 0)),
    told.TimerFired(Timer(TimerKind.SPARE, 0)),
    told.TimerFired(Timer(TimerKind.RETRY, 7)),
    told.TimerFired(Timer(TimerKind.DEADLINE, 7)),
    told.TimerFired(Timer(TimerKind.SESSION, 0)),
    told.TimerFired(Timer(TimerKind.BREAKER, 0)),
    told.TimerFired(Timer(TimerKind.STALL, 0)),
    told.FallbackEnded(7, Reply.RETURNED, b"4"),
    told.SessionCloseRequested(0),
]
STALE_ONCE_REAPED: list[told.Event] = [
    *STALE,
    told.SpawnFailed(0),
    told.FrameCorrupt(0, "magic"),
    told.WorkerExited(0, -9, 0),
    told.WorkerReaped(0),
    told.TimerFired(Timer(TimerKind.STOP, 0)),
]


def name_of(event: told.Event) -> str:
    kind = type(event).__name__
    return f"{kind}-{event.timer.kind}" if isinstance(event, told.TimerFired) else kind


def killed_while_busy() -> PurePool:
    pool = PurePool()
    pool.submit(7)
    pool.tell(told.KillRequested(7))
    return pool


@pytest.mark.parametrize("late", STALE, ids=name_of)
def test_late_fact_about_an_ending_worker_changes_nothing(late: told.Event) -> None:
    pool, spared = killed_while_busy(), killed_while_busy()
    assert pool.tell(late) == []
    assert spared.submit(8) == pool.submit(8)
    assert spared.reaped(0) == pool.reaped(0)


@pytest.mark.parametrize("late", STALE_ONCE_REAPED, ids=name_of)
def test_fact_about_a_terminated_worker_changes_nothing(late: told.Event) -> None:
    pool, spared = killed_while_busy(), killed_while_busy()
    pool.reaped(0)
    spared.reaped(0)
    assert pool.tell(late) == []
    assert spared.submit(8) == pool.submit(8)
    assert spared.ready(1) == pool.ready(1)


@pytest.mark.parametrize(
    "end", [told.FrameCorrupt(0, "magic"), told.WorkerExited(0, 0, 0)], ids=name_of
)
def test_an_ending_worker_that_cannot_be_heard_any_more_is_killed(end: told.Event) -> None:
    assert killed_while_busy().tell(end) == [do.KillWorker(0)]


# The core as a value.


def eventful() -> PurePool:
    pool = PurePool(ready=0, size=3, prefetch=4, session_ttl=9.0)
    pool.ready(1, 0)
    pool.open(0, 1)
    for number in range(20):
        pool.submit(number, deadline=1.0, retries=number % 2, session=(None, 0, 1)[number % 3])
    pool.reply(1, 0)
    pool.exits(0)
    pool.reaped(0)
    pool.tell(told.WorkerReady(3), told.KillRequested(5), told.SpawnFailed(2))
    pool.wait(2.0)
    pool.shut(cancel_waiting=True, grace=1.0)
    pool.wait(2.0)
    return pool


def test_same_events_at_the_same_times_give_equal_effects() -> None:
    first, second = eventful().asked, eventful().asked
    assert (first, repr(first)) == (second, repr(second))
    assert len(first) > 50


def test_core_remembers_nothing_of_a_thousand_finished_tasks() -> None:
    pool = PurePool(size=2, prefetch=4)
    for first in range(0, 1000, 10):
        pool.submit(*range(first, first + 10), deadline=1.0)
        while pool.core.tasks:
            for worker in pool.core.workers.values():
                if worker.task is not None:
                    pool.reply(worker.number, worker.task.number)
    core = pool.core
    assert (core.tasks, core.waiting, core.returning, core.queued) == ({}, {}, {}, 0)
    assert core.sent_ahead == sum(len(worker.ahead) for worker in core.workers.values()) == 0
    assert {worker.number for worker in core.idle} == {0, 1}
    assert endings(pool.asked) == dict.fromkeys(range(1000), "returned")
    assert not [timer for timer in pool.timers if timer.kind is TimerKind.DEADLINE]


def test_what_was_done_is_counted() -> None:
    pool = PurePool(queue_limit=2)
    pool.submit(1, 2, 3, 4)
    pool.exits(0, unstarted=1)
    pool.reaped(0)
    pool.ready(1)
    pool.reply(1, 1, attempt=2)
    pool.reply(1, 2, Reply.RAISED)
    core = pool.core
    assert (core.accepted, core.retried, core.started) == (3, 1, 2)
    counted = {ending: count for ending, count in core.endings.items() if count}
    assert counted == {Ending.RETURNED: 1, Ending.RAISED: 1}

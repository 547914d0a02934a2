"""The core as a pure function: for each event, the exact effects, in their order."""

from __future__ import annotations

from typing import Any

import pytest

from pool import PoolConfig
from pool import effects as do
from pool import events as told
from pool.core import Core
from pool.effects import Ending, Outcome, Refusal
from pool.events import Reply, Timer, TimerKind
from pool.lifecycle import Because, WorkerState

NEW, READY, BUSY, ENDING, GONE = WorkerState
Case = tuple[tuple[told.Event, ...], told.Event, list[do.Effect]]
GRACE = Timer(TimerKind.GRACE, 0)


def told_all(core: Core, *events: told.Event, now: float = 1.0) -> list[do.Effect]:
    """Every effect of these events, in order."""
    return [effect for event in events for effect in core.handle(event, now)]


def started(size: int = 1, init_timeout: float | None = None, **settings: Any) -> Core:
    core = Core(PoolConfig(size=size, init_timeout=init_timeout, **settings))
    core.handle(told.PoolStarted(), 0.0)
    return core


def idle(size: int = 1, **settings: Any) -> Core:
    core = started(size, **settings)
    told_all(core, *(told.WorkerReady(number) for number in range(size)))
    return core


def running(*waiting: int, retries: int = 0, **settings: Any) -> Core:
    """Worker 0 holds task 7; the named tasks wait."""
    core = idle(**settings)
    told_all(core, told.TaskSubmitted(7, None, retries), *map(told.TaskSubmitted, waiting))
    return core


def moved(before: WorkerState, because: Because, after: WorkerState, worker: int = 0) -> do.Effect:
    return do.WorkerMoved(worker, before, because, after)


def handed_out(task: int, worker: int = 0, attempt: int = 1) -> list[do.Effect]:
    sent = do.SendTask(worker, task, attempt)
    return [moved(READY, Because.CHECKOUT, BUSY, worker), sent]


def killed(before: WorkerState, because: Because, worker: int = 0) -> list[do.Effect]:
    return [moved(before, because, ENDING, worker), do.KillWorker(worker)]


def stopped(before: WorkerState, worker: int = 0) -> list[do.Effect]:
    return [moved(before, Because.SHUTDOWN, ENDING, worker), do.StopWorker(worker)]


def resolved(task: int, ending: Ending, *facts: Any) -> do.Effect:
    """Facts: payload, worker, attempt, started, detail."""
    return do.ResolveTask(task, Outcome(ending, *facts))


def ready(worker: int) -> do.Effect:
    return moved(NEW, Because.INIT_COMPLETE, READY, worker)


def reaped(worker: int = 0) -> do.Effect:
    return moved(ENDING, Because.REAPED, GONE, worker)


def returned(task: int = 7, worker: int = 0, attempt: int = 1) -> told.Event:
    return told.ResultReceived(worker, task, attempt, Reply.RETURNED, b"4")


def deadline(task: int = 7) -> Timer:
    return Timer(TimerKind.DEADLINE, task)


def init(worker: int) -> Timer:
    return Timer(TimerKind.INIT, worker)


# Starting, submitting, answering.

UNTIMED = do.ClearTimer(deadline())
TWO_STARTS = [do.SpawnWorker(0), do.SetTimer(init(0), 61.0)]
TWO_STARTS += [do.SpawnWorker(1), do.SetTimer(init(1), 61.0)]
TIMED = told.TaskSubmitted(7, deadline=2.0)
BAD_FRAME = told.FrameCorrupt(0, "checksum")
REPLACED = [moved(NEW, Because.SPAWN_FAILED, GONE), do.SpawnWorker(1)]
ANSWERED = [moved(BUSY, Because.CHECKIN_SUCCESS, READY)]
ANSWERED += [resolved(7, Ending.RETURNED, b"4", 0, 1, True)]
LAST = [*stopped(READY), do.SetTimer(GRACE, 6.0)]
NOT_HELD = "it answered a task that it does not hold"


def corrupt(detail: str) -> list[do.Effect]:
    lost = resolved(7, Ending.LOST, None, 0, 1, True, detail)
    return [*killed(BUSY, Because.CORRUPT), lost]


IDLE = (told.WorkerReady(0),)
BOTH = (*IDLE, told.TaskSubmitted(7), told.TaskSubmitted(8))

# What happened before to a pool of one worker, what happens now at second 1, what must be done.
AT_ONCE = {
    "ready twice": (IDLE, told.WorkerReady(0), killed(READY, Because.CORRUPT)),
    "failed after ready": (IDLE, told.WorkerInitFailed(0), killed(READY, Because.CORRUPT)),
    "process refused": ((), told.SpawnFailed(0), REPLACED),
    "submit to an idle worker": (IDLE, told.TaskSubmitted(7), handed_out(7)),
    "timed submit": (IDLE, TIMED, [do.SetTimer(deadline(), 3.0), *handed_out(7)]),
    "result of no task": (IDLE, returned(), killed(READY, Because.CORRUPT)),
    "result of another task": (BOTH, returned(8), corrupt(NOT_HELD)),
    "result of another attempt": (BOTH, returned(attempt=2), corrupt(NOT_HELD)),
    "corrupt frame": (BOTH, BAD_FRAME, corrupt("it sent a bad frame (checksum)")),
}


def check(case: Case) -> None:
    history, event, expected = case
    core = started()
    told_all(core, *history)
    assert expected == core.handle(event, 1.0)


@pytest.mark.parametrize("case", AT_ONCE.values(), ids=AT_ONCE)
def test_one_event(case: Case) -> None:
    check(case)


def test_start_spawns_every_worker_and_bounds_each_start_until_it_is_ready() -> None:
    core = Core(PoolConfig(size=2, init_timeout=60))
    assert core.handle(told.PoolStarted(), 1.0) == TWO_STARTS
    assert [do.ClearTimer(init(0)), ready(0)] == core.handle(told.WorkerReady(0), 2.0)


def test_task_goes_to_the_worker_that_became_idle_last() -> None:
    core = idle(size=3)
    assert handed_out(7, worker=2) == core.handle(told.TaskSubmitted(7), 1.0)
    assert handed_out(8, worker=1) == core.handle(told.TaskSubmitted(8), 1.0)
    told_all(core, returned(7, worker=2))
    assert handed_out(9, worker=2) == core.handle(told.TaskSubmitted(9), 1.0)


def test_task_waits_for_a_worker_and_is_handed_out_when_it_is_ready() -> None:
    core = started()
    assert core.handle(told.TaskSubmitted(7), 1.0) == []
    assert [ready(0), *handed_out(7)] == core.handle(told.WorkerReady(0), 1.0)


def test_submit_beyond_the_queue_limit_is_refused() -> None:
    core = running(8, queue_limit=1)
    assert core.handle(told.TaskSubmitted(9, 1.0), 1.0) == [do.RefuseTask(9, Refusal.SATURATED)]
    assert {7, 8} == set(core.tasks)


def test_queue_limit_0_accepts_for_an_idle_worker_only() -> None:
    core = idle(queue_limit=0)
    assert handed_out(7) == core.handle(told.TaskSubmitted(7), 1.0)
    for refusing in (core, started(queue_limit=0)):
        assert [do.RefuseTask(8, Refusal.SATURATED)] == refusing.handle(told.TaskSubmitted(8), 1.0)


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
    answered = [moved(BUSY, because, READY), resolved(7, ending, b"4", 0, 1, True)]
    event = told.ResultReceived(0, 7, 1, reply, b"4")
    assert [*answered, *handed_out(8)] == running(8, 9).handle(event, 1.0)


@pytest.mark.parametrize("gone", [False, True])
def test_late_result_is_dropped(gone: bool) -> None:
    core = running()
    told_all(core, told.KillRequested(7), *([told.WorkerReaped(0)] if gone else []))
    assert core.handle(returned(), 1.0) == [do.ResultDropped(0, 7, 1)]


# Lost workers.


def test_exit_after_the_task_began_loses_it_and_a_new_worker_comes_once_reaped() -> None:
    core = running()
    lost = resolved(7, Ending.LOST, None, 0, 1, True, "it exited with code -9")
    assert [*killed(BUSY, Because.EXITED), lost] == core.handle(told.WorkerExited(0, -9, 0), 1.0)
    assert [reaped(), do.SpawnWorker(1)] == core.handle(told.WorkerReaped(0), 1.0)


def test_exit_before_the_task_began_hands_it_out_again_first() -> None:
    core = running(8)
    assert killed(BUSY, Because.EXITED) == core.handle(told.WorkerExited(0, -9, 1), 1.0)
    assert [reaped(), do.SpawnWorker(1)] == core.handle(told.WorkerReaped(0), 1.0)
    again = [ready(1), *handed_out(7, worker=1, attempt=2)]
    assert again == core.handle(told.WorkerReady(1), 1.0)


def test_lost_task_goes_to_an_idle_worker_at_once() -> None:
    core = idle(size=2)
    told_all(core, told.TaskSubmitted(7))
    expected = [*killed(BUSY, Because.EXITED, worker=1), *handed_out(7, worker=0, attempt=2)]
    assert expected == core.handle(told.WorkerExited(1, -9, 1), 1.0)


def lose(core: Core, worker: int, unstarted: int) -> list[do.Effect]:
    """The worker exits; what that costs its task is returned; the next worker is ready."""
    effects = core.handle(told.WorkerExited(worker, 1, unstarted), 1.0)
    told_all(core, told.WorkerReaped(worker), told.WorkerReady(worker + 1))
    return effects[2:]


def test_task_that_never_started_is_given_up_after_three_more_tries() -> None:
    core = running()
    assert [lose(core, worker, 1) for worker in range(3)] == [[], [], []]
    lost = resolved(7, Ending.LOST, None, 3, 4, False, "it exited with code 1")
    assert [lost] == lose(core, 3, 1)


def test_idempotent_task_starts_again_as_often_as_it_may() -> None:
    core = running(retries=2)
    assert [lose(core, worker, 0) for worker in range(2)] == [[], []]
    lost = resolved(7, Ending.LOST, None, 2, 3, True, "it exited with code 1")
    assert [lost] == lose(core, 2, 0)


def test_reply_to_the_retry_is_the_tasks_result() -> None:
    core = running(retries=1)
    lose(core, 0, 0)
    effects = core.handle(returned(worker=1, attempt=2), 1.0)
    assert resolved(7, Ending.RETURNED, b"4", 1, 2, True) in effects


# Deadlines, cancel, kill.

RUNNING = (*IDLE, TIMED, told.TaskSubmitted(8))
CANCELLED = resolved(8, Ending.CANCELLED, None, None, 0, False)
OVERDUE = told.TimerFired(deadline())

ENDED_EARLY = {
    "deadline of a waiting task": (
        RUNNING[1:],
        OVERDUE,
        [UNTIMED, resolved(7, Ending.TIMEOUT, None, None, 0, False)],
    ),
    "deadline of a running task kills its worker": (
        RUNNING,
        OVERDUE,
        [UNTIMED, resolved(7, Ending.TIMEOUT, None, 0, 1, True), *killed(BUSY, Because.TIMEOUT)],
    ),
    "late deadline": ((*RUNNING, returned()), OVERDUE, []),
    "cancel of a waiting task": (RUNNING, told.CancelRequested(8), [CANCELLED]),
    "cancel of a running task": (RUNNING, told.CancelRequested(7), []),
    "cancel of an unknown task": (RUNNING, told.CancelRequested(9), []),
    "kill of a waiting task cancels it": (RUNNING, told.KillRequested(8), [CANCELLED]),
    "kill of an unknown task": (RUNNING, told.KillRequested(9), []),
    "kill of a running task kills its worker": (
        RUNNING,
        told.KillRequested(7),
        [UNTIMED, resolved(7, Ending.KILLED, None, 0, 1, True), *killed(BUSY, Because.CANCELLED)],
    ),
    "kill between two workers says that it never started": (
        (*RUNNING, told.WorkerExited(0, 1, 1)),
        told.KillRequested(7),
        [UNTIMED, resolved(7, Ending.KILLED, None, 0, 1, False)],
    ),
}


@pytest.mark.parametrize("case", ENDED_EARLY.values(), ids=ENDED_EARLY)
def test_task_ends_early(case: Case) -> None:
    check(case)


def test_cancelled_task_is_never_handed_out() -> None:
    core = running(8, 9)
    told_all(core, told.CancelRequested(8))
    assert handed_out(9) == core.handle(returned(), 1.0)[2:]


# Workers that do not start.


@pytest.mark.parametrize(
    ("event", "because"),
    [
        (told.WorkerInitFailed(0), Because.INIT_FAILED),
        (told.TimerFired(init(0)), Because.INIT_TIMEOUT),
        (told.WorkerExited(0, 1, 0), Because.EXITED),
        (told.FrameCorrupt(0, "magic"), Because.CORRUPT),
        (returned(), Because.CORRUPT),
    ],
)
def test_worker_that_does_not_start_is_killed_then_replaced(
    event: told.Event, because: Because
) -> None:
    core = started(init_timeout=60)
    assert [do.ClearTimer(init(0)), *killed(NEW, because)] == core.handle(event, 1.0)
    spawned = [do.SpawnWorker(1), do.SetTimer(init(1), 62.0)]
    assert [reaped(), *spawned] == core.handle(told.WorkerReaped(0), 2.0)


def test_pool_breaks_after_start_failures_max_in_a_row_and_then_only_closes() -> None:
    core = started(start_failures_max=3, grace=5.0)
    told_all(core, told.TaskSubmitted(7), told.SpawnFailed(0), told.SpawnFailed(1))
    effects = core.handle(told.WorkerInitFailed(2), 1.0)
    given_up = [do.PoolBroke(), resolved(7, Ending.BROKEN, None, None, 0, False)]
    ended = [*killed(NEW, Because.INIT_FAILED, worker=2), do.SetTimer(GRACE, 6.0)]
    assert [*given_up, *ended] == effects
    assert [reaped(2), do.ClearTimer(GRACE)] == core.handle(told.WorkerReaped(2), 2.0)
    assert core.handle(told.TaskSubmitted(8), 2.0) == [do.RefuseTask(8, Refusal.BROKEN)]
    assert core.handle(told.ShutdownRequested(), 2.0) == [do.PoolClosed()]


def test_worker_that_starts_resets_the_count_of_failures() -> None:
    core = started(start_failures_max=2)
    told_all(core, told.SpawnFailed(0), told.WorkerReady(1), told.WorkerExited(1, 1, 0))
    assert [reaped(1), do.SpawnWorker(2)] == core.handle(told.WorkerReaped(1), 1.0)
    replaced = [moved(NEW, Because.SPAWN_FAILED, GONE, 2), do.SpawnWorker(3)]
    assert replaced == core.handle(told.SpawnFailed(2), 1.0)


def test_broken_pool_lets_a_running_task_finish_and_then_ends_its_worker() -> None:
    core = started(size=2, start_failures_max=1, grace=5.0)
    told_all(core, told.WorkerReady(0), told.TaskSubmitted(7), told.SpawnFailed(1))
    assert [*ANSWERED, *LAST] == core.handle(returned(), 1.0)


# Shutdown.

UNFINISHED = [resolved(7, Ending.SHUTDOWN, None, 0, 1, True)]
UNFINISHED += [resolved(8, Ending.SHUTDOWN, None, None, 0, False)]
SHUT = told.ShutdownRequested()
SOON = told.ShutdownRequested(grace=2.0)
SOONER = told.ShutdownRequested(grace=1.0)
LATER = told.ShutdownRequested(grace=3.0)
OVER = told.TimerFired(GRACE)
CLOSED = [reaped(), do.ClearTimer(GRACE), do.PoolClosed()]
REFUSED = [do.RefuseTask(9, Refusal.SHUTDOWN)]
SHUTDOWN = {
    "idle worker is stopped": (IDLE, SHUT, LAST),
    "starting worker is stopped": ((), SHUT, [*stopped(NEW), LAST[-1]]),
    "running task is left alone": (BOTH, SHUT, []),
    "waiting task still runs": ((*BOTH, SHUT), returned(), [*ANSWERED, *handed_out(8)]),
    "last result stops the worker": ((*BOTH[:2], SHUT), returned(), [*ANSWERED, *LAST]),
    "waiting tasks are cancelled": (BOTH, told.ShutdownRequested(cancel_waiting=True), [CANCELLED]),
    "grace bounds it": (BOTH, SOON, [do.SetTimer(GRACE, 3.0)]),
    "shorter grace wins": ((*BOTH, SOON), SOONER, [do.SetTimer(GRACE, 2.0)]),
    "longer grace does not": ((*BOTH, SOON), LATER, []),
    "grace over": ((*BOTH, SOON), OVER, [*UNFINISHED, *killed(BUSY, Because.SHUTDOWN)]),
    "grace over for a stopped worker": ((*IDLE, SHUT), OVER, [do.KillWorker(0)]),
    "stopped worker": ((*IDLE, SHUT), told.WorkerExited(0, 0, 0), [do.KillWorker(0)]),
    "closed": ((*IDLE, SHUT), told.WorkerReaped(0), CLOSED),
    "submit is refused": ((*IDLE, SHUT), told.TaskSubmitted(9), REFUSED),
    "submit after it closed": ((*IDLE, SHUT, told.WorkerReaped(0)), told.TaskSubmitted(9), REFUSED),
    "shutdown after it closed": ((*IDLE, SHUT, told.WorkerReaped(0)), SHUT, []),
    "lost worker is replaced while a task waits": (
        (*BOTH, SHUT, told.WorkerExited(0, 1, 0)),
        told.WorkerReaped(0),
        [reaped(), do.SpawnWorker(1)],
    ),
}


@pytest.mark.parametrize("case", SHUTDOWN.values(), ids=SHUTDOWN)
def test_shutdown(case: Case) -> None:
    check(case)


# The core as a value.


def test_same_events_at_the_same_times_give_equal_effects() -> None:
    events = [told.WorkerReady(1), told.WorkerReady(0)]
    events += [told.TaskSubmitted(number, 1.0, number % 2) for number in range(9)]
    events += [told.WorkerExited(0, -9, 0), told.WorkerReaped(0), told.WorkerReady(3)]
    events += [returned(1, 1), told.KillRequested(5), told.TimerFired(deadline(4))]
    events += [told.ShutdownRequested(cancel_waiting=True, grace=1.0), told.TimerFired(GRACE)]
    first, second = (told_all(started(size=3), *events) for _ in range(2))
    assert (first, repr(first)) == (second, repr(second))


def test_core_remembers_nothing_of_a_thousand_finished_tasks() -> None:
    core = idle()
    for task in range(1000):
        told_all(core, told.TaskSubmitted(task, deadline=1.0), returned(task))
    assert (core.tasks, core.waiting, core.returning) == ({}, {}, {})
    assert [(w.number, w.state, w.task) for w in core.workers.values()] == [(0, READY, None)]
    assert [worker.number for worker in core.idle] == [0]

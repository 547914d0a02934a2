"""Telemetry without a pool: what is noted is told, once, in order, and without harm."""

from __future__ import annotations

import logging
import re
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import attrs
import pytest

from pool import effects as do
from pool.breaker import BreakerBecause, BreakerState
from pool.effects import Ending, Outcome, Refusal
from pool.futures import TaskFuture
from pool.lifecycle import Because, WorkerState
from pool.recovery import Category, Severity, Strategy, Treatment
from pool.sessions import SessionBecause, SessionState
from pool.telemetry import (
    BATCH_TASKS,
    DELAY_S,
    FACTS,
    PENDING_MAX,
    FactsMissed,
    PoolClosed,
    SessionMoved,
    TaskDone,
    TasksResolved,
    Telemetry,
    TelemetryEvent,
    WorkerStarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 10.0

SAMPLES: dict[type, Any] = {
    do.SpawnWorker: do.SpawnWorker(3),
    do.WorkerMoved: do.WorkerMoved(
        3, WorkerState.INITIALIZING, Because.INIT_COMPLETE, WorkerState.READY
    ),
    do.Trouble: do.Trouble(
        3, Category.CONNECTION, Severity.MAJOR, Treatment.REPLACE, "it exited with code 3"
    ),
    do.RetryPlanned: do.RetryPlanned(7, 2, 0.5, Strategy.BACKOFF_RETRY),
    do.FailOver: do.FailOver(7),
    do.RefuseTask: do.RefuseTask(7, Refusal.SATURATED),
    do.RefuseSession: do.RefuseSession(5, Refusal.SHUTDOWN),
    do.SessionMoved: do.SessionMoved(
        5, SessionState.PLACED, SessionBecause.WORKER_LOST, SessionState.LOST
    ),
    do.BreakerMoved: do.BreakerMoved(
        BreakerState.CLOSED, BreakerBecause.TRIPPED, BreakerState.OPEN
    ),
    do.ResultDropped: do.ResultDropped(3, 7, 1),
    do.PoolBroke: do.PoolBroke("no memory"),
    do.PoolClosed: do.PoolClosed(),
}
SAID = {
    do.SpawnWorker: (logging.DEBUG, "worker 3 starts"),
    do.WorkerMoved: (logging.DEBUG, "worker 3: initializing → ready (init_complete)"),
    do.Trouble: (
        logging.WARNING,
        "worker 3 failed: it exited with code 3 (connection, major: replace)",
    ),
    do.RetryPlanned: (logging.INFO, "task 7 gets attempt 2 in 0.5 s (backoff_retry)"),
    do.FailOver: (logging.WARNING, "task 7 was given to the fallback executor"),
    do.RefuseTask: (logging.INFO, "task 7 was refused: saturated"),
    do.RefuseSession: (logging.INFO, "session 'name of 5' was refused: shutdown"),
    do.SessionMoved: (logging.WARNING, "session 'name of 5': placed → lost (worker_lost)"),
    do.BreakerMoved: (logging.ERROR, "breaker: closed → open (tripped)"),
    do.ResultDropped: (logging.INFO, "worker 3 answered task 7 too late (attempt 1)"),
    do.PoolBroke: (logging.ERROR, "the pool broke: no memory"),
    do.PoolClosed: (logging.DEBUG, "the pool is closed"),
}
# Of these either each task's own event tells, or they ask for something that nobody need know.
NOT_TOLD = {
    do.SendTask,
    do.ResolveTask,
    do.StopWorker,
    do.KillWorker,
    do.RecallTasks,
    do.DropSession,
    do.CheckWorker,
    do.SetTimer,
    do.ClearTimer,
}


class Watch:
    """A telemetry, and what it told its one callback.

    Args:
        meanwhile: is called with each event, after it was kept.
    """

    def __init__(self, meanwhile: Callable[[TelemetryEvent], object] = lambda _: None) -> None:
        self.told: list[TelemetryEvent] = []
        self.handed_over = self.woken = 0
        self._meanwhile = meanwhile
        self.telemetry = Telemetry((self._keep,), "name of {}".format, self._hand_over)

    def _keep(self, event: TelemetryEvent) -> None:
        self.told.append(event)
        self._meanwhile(event)

    def _hand_over(self) -> None:
        self.handed_over += 1

    def resolve(self, task: int, worker: int | None = 0, **facts: Any) -> TaskFuture[Any]:
        """The task has resolved, as the desk would note it."""
        ended_at = facts.pop("ended_at", 0.0)
        times = {name: facts.pop(name, 0.0) for name in ("submitted_at", "sent_at")}
        future: TaskFuture[Any] = TaskFuture(task, None, b"", facts.pop("session", None))  # type: ignore[arg-type]
        future.function = facts.pop("function", abs)
        for name, at in times.items():
            setattr(future, name, at)
        values = {"ending": Ending.RETURNED, "started": True, "attempt": 1, **facts}
        outcome = Outcome(worker=worker, **values)
        self.woken += self.telemetry.resolved([(future, outcome)], ended_at)
        return future

    def note(self, worker: int) -> None:
        self.telemetry.noted(do.SpawnWorker(worker), 1.0)

    @property
    def tasks(self) -> list[TaskDone]:
        return [
            done for event in self.told if isinstance(event, TasksResolved) for done in event.tasks
        ]

    @property
    def story(self) -> list[Any]:
        """The workers that started by number, and between them the tasks that resolved."""
        return [
            event.worker
            if isinstance(event, WorkerStarted)
            else [done.task for done in event.tasks]
            for event in self.told
            if isinstance(event, (WorkerStarted, TasksResolved))
        ]


# What is told.


def test_of_every_effect_it_is_decided_whether_it_is_told() -> None:
    assert set(get_args(do.Effect)) == {*FACTS, *NOT_TOLD}
    assert set(SAMPLES) == set(FACTS) == set(SAID)


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_what_is_told_has_the_facts_of_the_effect_and_the_time(kind: type) -> None:
    watch = Watch()
    watch.telemetry.noted(SAMPLES[kind], 4.5)
    watch.telemetry.deliver()
    (event,) = watch.told
    assert type(event) is FACTS[kind]
    facts = attrs.asdict(SAMPLES[kind], recurse=False)
    if "session" in facts:
        facts["session"] = "name of 5"
    assert attrs.asdict(event, recurse=False) == {"at": 4.5, **facts}
    assert (event.level, str(event)) == SAID[kind]


def test_a_session_that_moves_otherwise_and_a_breaker_that_closes_are_no_alarm() -> None:
    closed = SessionMoved(
        0.0, "s", SessionState.PLACED, SessionBecause.EXPIRED, SessionState.CLOSED
    )
    assert closed.level == logging.DEBUG
    watch = Watch()
    watch.telemetry.noted(
        do.BreakerMoved(
            BreakerState.HALF_OPEN, BreakerBecause.PROBE_SUCCEEDED, BreakerState.CLOSED
        ),
        0.0,
    )
    watch.telemetry.deliver()
    assert watch.told[0].level == logging.INFO


def test_a_pool_that_broke_without_a_word_says_what_it_can() -> None:
    watch = Watch()
    watch.telemetry.noted(do.PoolBroke(), 0.0)
    watch.telemetry.deliver()
    assert str(watch.told[0]) == "the pool broke: its workers do not start"


# Tasks.


def test_tasks_between_two_other_events_are_told_together_and_in_order() -> None:
    watch = Watch()
    watch.note(0)
    for task in (4, 2, 3):
        watch.resolve(task)
    watch.note(1)
    watch.note(2)
    watch.resolve(1)
    watch.telemetry.deliver()
    assert watch.story == [0, [4, 2, 3], 1, 2, [1]]


def test_a_batch_says_how_many_ended_how() -> None:
    watch = Watch()
    watch.resolve(1)
    watch.resolve(2, ending=Ending.LOST, ended_at=7.0)
    watch.resolve(3, ended_at=8.0)
    watch.telemetry.deliver()
    (event,) = watch.told
    assert isinstance(event, TasksResolved)
    assert (len(event), event.at) == (3, 8.0)
    assert event.endings == {Ending.RETURNED: 2, Ending.LOST: 1}
    assert (event.level, str(event)) == (logging.WARNING, "tasks resolved: 1 lost, 2 returned")
    assert repr(event) == "TasksResolved(at=8.0, tasks=3 tasks)"


def test_a_batch_is_no_alarm_if_the_pool_did_right_by_all() -> None:
    watch = Watch()
    for ending in (Ending.RETURNED, Ending.RAISED, Ending.CANCELLED, Ending.KILLED):
        watch.resolve(1, ending=ending)
    watch.telemetry.deliver()
    assert watch.told[0].level == logging.DEBUG


def test_what_is_told_of_a_task_is_what_the_desk_wrote_down() -> None:
    watch = Watch()
    watch.resolve(
        9, 4, submitted_at=1.0, sent_at=2.0, ended_at=5.0, session="s", attempt=3, function=len
    )
    watch.telemetry.deliver()
    (done,) = watch.tasks
    assert done == TaskDone(9, "len", "s", 4, Ending.RETURNED, 3, 1.0, 2.0, 5.0)
    assert (done.waited, done.ran) == (1.0, 3.0)


def test_a_task_that_was_sent_ahead_starts_when_the_one_before_it_ends() -> None:
    watch = Watch()
    watch.resolve(1, 0, sent_at=1.0, ended_at=4.0)
    watch.resolve(2, 1, sent_at=1.0, ended_at=4.5)
    watch.resolve(3, 0, sent_at=2.0, ended_at=6.0)
    watch.telemetry.deliver()
    watch.resolve(4, 0, sent_at=2.0, ended_at=7.0)  # in another batch
    watch.resolve(5, 0, sent_at=8.0, ended_at=9.0)
    watch.telemetry.deliver()
    assert [done.started_at for done in watch.tasks] == [1.0, 1.0, 4.0, 6.0, 8.0]


@pytest.mark.parametrize(("worker", "started"), [(None, False), (0, False), (None, True)], ids=str)
def test_a_task_that_no_worker_came_to_has_no_time_of_start(
    worker: int | None, started: bool
) -> None:
    watch = Watch()
    watch.resolve(1, worker, started=started, submitted_at=2.0, sent_at=3.0, ended_at=6.0)
    watch.telemetry.deliver()
    (done,) = watch.tasks
    assert (done.started_at, done.ran, done.waited) == (None, None, 4.0)


class Nameless:
    def __call__(self) -> None:
        """Callable, and without a name of its own."""


def test_a_callable_without_a_name_goes_by_its_class() -> None:
    watch = Watch()
    watch.resolve(1, function=Nameless())
    watch.telemetry.deliver()
    assert watch.tasks[0].function == "Nameless"


def test_what_waits_to_be_told_of_a_task_keeps_neither_its_future_nor_its_result() -> None:
    watch = Watch()
    future = weakref.ref(watch.resolve(1))
    assert future() is None
    watch.telemetry.deliver()
    assert watch.tasks[0].task == 1


def test_nothing_is_remembered_of_workers_that_are_gone() -> None:
    watch = Watch()
    telemetry = watch.telemetry
    for worker in range(100):
        watch.note(worker)
        watch.resolve(2 * worker, worker)
        telemetry.noted(
            do.WorkerMoved(worker, WorkerState.TERMINATING, Because.REAPED, WorkerState.TERMINATED),
            1.0,
        )
        watch.resolve(2 * worker + 1, worker, ending=Ending.LOST)
        telemetry.deliver()
    assert set(telemetry._answered) == {98, 99}


# When tasks are told of.


def test_tasks_are_told_of_when_there_are_enough_or_something_rarer_happens() -> None:
    watch = Watch()
    for task in range(BATCH_TASKS - 1):
        watch.resolve(task)
        assert not watch.telemetry.due
    watch.resolve(BATCH_TASKS)
    assert watch.telemetry.due
    watch.telemetry.deliver()
    watch.resolve(1)
    assert not watch.telemetry.due
    watch.note(0)
    assert watch.telemetry.due


def test_a_batch_that_is_not_full_is_told_when_the_first_of_it_has_waited_long_enough() -> None:
    watch = Watch()
    telemetry = watch.telemetry
    assert telemetry.mind(1.0) is None
    watch.resolve(1, ended_at=1.0)
    watch.resolve(2, ended_at=1.01)
    assert watch.woken == 1  # the loop's thread need be told only once
    assert telemetry.mind(1.01) == telemetry.mind(1.02) == 1.0 + DELAY_S
    telemetry.deliver_late()  # by the clock that is long ago
    assert [done.task for done in watch.tasks] == [1, 2]


def test_a_batch_that_has_not_waited_long_enough_is_not_told_yet() -> None:
    watch = Watch()
    watch.resolve(1, ended_at=time.monotonic() + LIMIT)
    watch.telemetry.deliver_late()
    assert watch.tasks == []


def test_who_looks_after_tasks_goes_on_until_none_has_resolved_for_a_while() -> None:
    watch = Watch()
    telemetry = watch.telemetry
    watch.resolve(1, ended_at=1.0)
    telemetry.deliver_late()
    assert telemetry.mind(2.0) == 2.0 + DELAY_S
    assert telemetry.minded
    assert telemetry.mind(3.0) is None
    assert not telemetry.minded
    watch.resolve(2, ended_at=4.0)
    assert (watch.woken, telemetry.mind(4.0)) == (2, 4.0 + DELAY_S)


# Callbacks.


def test_a_callback_that_raises_harms_nobody_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    others: list[TelemetryEvent] = []

    def fail(_: TelemetryEvent) -> None:
        raise SystemExit(3)

    telemetry = Telemetry((fail, others.append), str, lambda: None)
    for worker in range(3):
        telemetry.noted(do.SpawnWorker(worker), 0.0)
    telemetry.deliver()
    assert [event.worker for event in others if isinstance(event, WorkerStarted)] == [0, 1, 2]
    (record,) = [it for it in caplog.records if it.levelno >= logging.WARNING]
    assert record.name == "pool"
    assert "fail" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is SystemExit


def test_an_interrupt_from_the_keyboard_is_the_main_threads_and_loses_nothing() -> None:
    def interrupt(event: TelemetryEvent) -> None:
        if isinstance(event, WorkerStarted) and event.worker == 0:
            raise KeyboardInterrupt

    watch = Watch(interrupt)
    watch.resolve(7)
    watch.note(0)
    watch.note(1)
    watch.resolve(8)
    with pytest.raises(KeyboardInterrupt):
        watch.telemetry.deliver()
    watch.note(2)
    watch.telemetry.deliver()
    assert watch.story == [[7], 0, 1, [8], 2]


def test_an_interrupt_raised_in_another_thread_is_like_any_exception() -> None:
    def interrupt(_: TelemetryEvent) -> None:
        raise KeyboardInterrupt

    watch = Watch(interrupt)
    watch.note(0)
    watch.note(1)
    thread = threading.Thread(target=watch.telemetry.deliver)
    thread.start()
    thread.join(LIMIT)
    assert watch.story == [0, 1]


def test_a_callback_may_have_more_noted_and_delivered() -> None:
    def more(event: TelemetryEvent) -> None:
        if isinstance(event, WorkerStarted) and event.worker < 3:
            watch.note(event.worker + 1)
            watch.telemetry.deliver()  # as whatever of the pool it called would do

    watch = Watch(more)
    watch.note(0)
    watch.telemetry.deliver()
    assert (watch.story, watch.handed_over) == ([0], 1)
    watch.telemetry.deliver()
    watch.telemetry.deliver()
    watch.telemetry.deliver()
    assert watch.story == [0, 1, 2, 3]


def test_nobody_waits_for_a_callback_that_is_at_work_in_another_thread() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold_up(_: TelemetryEvent) -> None:
        entered.set()
        leave.wait(LIMIT)

    watch = Watch(hold_up)
    watch.note(0)
    thread = threading.Thread(target=watch.telemetry.deliver)
    thread.start()
    assert entered.wait(LIMIT)
    watch.note(1)
    watch.telemetry.deliver()  # returns at once
    assert watch.story == [0]
    leave.set()
    thread.join(LIMIT)
    assert watch.handed_over == 1  # whoever was at work saw that there is more
    watch.telemetry.deliver()
    assert watch.story == [0, 1]


def test_whoever_is_at_work_when_the_pool_ends_delivers_the_rest_itself() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold_up(_: TelemetryEvent) -> None:
        entered.set()
        leave.wait(LIMIT)

    watch = Watch(hold_up)
    watch.note(0)
    thread = threading.Thread(target=watch.telemetry.deliver)
    thread.start()
    assert entered.wait(LIMIT)
    watch.telemetry.noted(do.PoolClosed(), 2.0)
    watch.telemetry.close()
    leave.set()
    thread.join(LIMIT)
    assert watch.told == [WorkerStarted(1.0, 0), PoolClosed(2.0)]
    assert watch.handed_over == 0


def test_what_waits_for_a_slow_callback_is_bounded_and_what_is_missed_is_counted() -> None:
    more = PENDING_MAX + 1

    def fall_behind(event: TelemetryEvent) -> None:
        if event == WorkerStarted(1.0, 0):
            for task in range(more):
                watch.resolve(task)
            watch.telemetry.deliver()

    watch = Watch(fall_behind)
    watch.note(0)
    watch.telemetry.deliver()
    assert len(watch.telemetry.pending) == PENDING_MAX // 2
    watch.telemetry.deliver()
    (missed,) = [event for event in watch.told if isinstance(event, FactsMissed)]
    assert missed.count + len(watch.tasks) == more
    assert watch.tasks[-1].task == more - 1  # the newest are kept
    assert missed.level == logging.WARNING
    assert str(missed) == f"{missed.count} facts were missed: a telemetry callback is too slow"


def test_a_forked_child_is_told_nothing() -> None:
    watch = Watch()
    watch.note(0)
    watch.telemetry.forked()
    watch.note(1)
    watch.telemetry.deliver()
    watch.telemetry.close()
    assert watch.told == []
    assert watch.telemetry.per_task is False


class Crowded(list[Any]):
    """Something is noted just after it was first copied, as by another thread."""

    def __init__(self, note: Callable[[], None]) -> None:
        super().__init__()
        self._notes = [note]

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if self._notes:
            self._notes.pop()()
        return found


def test_what_is_noted_while_a_batch_is_taken_comes_with_the_next() -> None:
    watch = Watch()
    watch.telemetry.pending = Crowded(lambda: watch.note(1))
    watch.resolve(7)
    watch.telemetry.deliver()
    assert watch.story == [[7]]
    watch.telemetry.deliver()  # as whoever noted it does
    assert (watch.story, watch.handed_over) == ([[7], 1], 0)


# The log.


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_every_event_is_a_line_in_the_log_of_its_level(
    kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    level, words = SAID[kind]
    for threshold, said in [(level, [(level, words)]), (level + 1, [])]:
        caplog.clear()
        caplog.set_level(threshold, logger="pool")
        telemetry = Telemetry((), "name of {}".format, lambda: None)
        telemetry.noted(SAMPLES[kind], 0.0)
        telemetry.deliver()
        assert [(it.levelno, it.getMessage()) for it in caplog.records] == said
    assert {it.name for it in caplog.records} <= {"pool.events"}


def test_a_record_of_the_log_carries_the_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="pool")
    telemetry = Telemetry((), str, lambda: None)
    telemetry.noted(do.SpawnWorker(2), 1.5)
    telemetry.deliver()
    assert caplog.records[0].pool_event == WorkerStarted(1.5, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("level", "said"),
    [(logging.INFO, []), (logging.DEBUG, ["tasks resolved: 1 lost"])],
    ids=["information", "debugging"],
)
def test_tasks_are_logged_if_everything_was_when_the_pool_was_made(
    level: int, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level, logger="pool")
    watch = Watch()
    caplog.set_level(logging.DEBUG, logger="pool")
    watch.resolve(1, ending=Ending.LOST)
    watch.telemetry.deliver()
    assert [it.getMessage() for it in caplog.records] == said
    assert len(watch.tasks) == 1


@pytest.mark.parametrize(
    ("level", "per_task"), [(logging.DEBUG, True), (logging.INFO, False)], ids=str
)
def test_without_callbacks_tasks_are_noted_only_if_they_are_logged(
    level: int, per_task: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level, logger="pool")
    assert Telemetry((), str, lambda: None).per_task is per_task


# The page.


def test_the_page_has_every_event_with_its_level() -> None:
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()
    table = page.split("| event | level | what happened |")[1].split("\n\n")[0]
    levels = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE))
    told = {event.__name__: SAID[kind][0] for kind, event in FACTS.items()}
    told |= {"TasksResolved": logging.DEBUG, "FactsMissed": logging.WARNING}
    assert set(levels) == set(told)
    for name, level in told.items():
        assert logging.getLevelName(level).lower() in levels[name], name

"""Telemetry of real pools: every task is told once, in order, and whoever is told may call back."""

from __future__ import annotations

import collections
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pool import BreakerPolicy, Pool, PoolSaturated, SessionLost, WorkerLost
from pool.effects import Ending
from pool.lifecycle import Because, WorkerState
from pool.sessions import SessionState
from pool.telemetry import (
    PoolBroke,
    PoolClosed,
    RetryPlanned,
    SessionMoved,
    TaskDone,
    TaskFailedOver,
    TaskRefused,
    TasksResolved,
    TelemetryEvent,
    Trouble,
    WorkerMoved,
    WorkerStarted,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

LIMIT = 20.0


def square(value: int) -> int:
    return value * value


def fail(value: int) -> None:
    raise ValueError(value)


def die(_: object = None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(path: Path) -> str:
    if not path.exists():
        path.touch()
        die()
    return "survived"


def wait_for(path: Path) -> str:
    """Returns what somebody writes into this pipe."""
    return path.read_text()


def refuse() -> None:
    raise RuntimeError("not today")


def kept(state: dict[str, int], value: int) -> int:
    state["sum"] = state.get("sum", 0) + value
    return state["sum"]


class Told:
    """A callback that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[TelemetryEvent] = []
        self.closed = threading.Event()

    def __call__(self, event: TelemetryEvent) -> None:
        self.events.append(event)
        if isinstance(event, PoolClosed):
            self.closed.set()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def tasks(self) -> list[TaskDone]:
        return [done for event in self.of(TasksResolved) for done in event.tasks]


@pytest.fixture(name="told")
def _told() -> Told:
    return Told()


# Every task, once, in order.


def test_each_accepted_task_is_told_once_with_the_ending_that_its_client_saw(told: Told) -> None:
    seen: dict[int, Ending] = {}
    lock = threading.Lock()

    def submit(pool: Pool, first: int) -> None:
        futures = []
        for value in range(first, first + 300):
            function = (square, fail, square)[value % 3]
            futures.append(pool.submit(function, value))
            if value % 7 == 0:
                futures[-1].cancel()
            if value % 50 == 0:
                futures.append(pool.submit(die))
        for future in futures:
            ending = _ending_of(future)
            with lock:
                assert seen.setdefault(future.task, ending) is ending

    with Pool(size=2, telemetry=told) as pool, ThreadPoolExecutor(4) as clients:
        for done in [clients.submit(submit, pool, first) for first in range(0, 1200, 300)]:
            done.result(LIMIT)
        stats = pool.stats()
    counts = collections.Counter(done.task for done in told.tasks)
    assert set(counts.values()) == {1}
    assert {done.task: done.ending for done in told.tasks} == seen
    assert set(seen.values()) >= {Ending.RETURNED, Ending.RAISED, Ending.CANCELLED, Ending.LOST}
    assert stats.submitted == len(seen)
    assert {ending: count for ending, count in stats.resolved.items() if count} == (
        collections.Counter(seen.values())
    )


def _ending_of(future: Future[Any]) -> Ending:
    if future.cancelled():
        return Ending.CANCELLED
    error = future.exception(LIMIT)
    if error is None:
        return Ending.RETURNED
    return Ending.LOST if isinstance(error, WorkerLost) else Ending.RAISED


def test_events_come_in_the_order_in_which_they_happened(told: Told) -> None:
    with Pool(size=2, telemetry=told) as pool:
        for _ in range(5):
            list(pool.map(square, range(40)))
            pool.submit(die).exception(LIMIT)
    times = [event.at for event in told.events]
    assert times == sorted(times)
    ends = [done.ended_at for done in told.tasks]
    assert ends == sorted(ends)
    assert isinstance(told.events[-1], PoolClosed)
    assert pool._desk.telemetry._closed  # whoever were still at work would deliver the rest


def test_a_tasks_times_are_in_order_and_no_worker_was_at_two_at_once(told: Told) -> None:
    with Pool(size=2, telemetry=told) as pool:
        assert list(pool.map(square, range(500))) == [value * value for value in range(500)]
    spans = collections.defaultdict(list)
    for done in told.tasks:
        assert done.started_at is not None
        assert done.submitted_at <= done.started_at <= done.ended_at
        assert done.function == "partial"
        spans[done.worker].append((done.started_at, done.ended_at))
    assert set(spans) <= {0, 1}
    for turns in spans.values():
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(turns))


def test_each_workers_moves_follow_one_another_from_start_to_end(told: Told) -> None:
    with Pool(size=2, telemetry=told) as pool:
        pool.submit(die).exception(LIMIT)
        list(pool.map(square, range(20)))
    moves: dict[int, list[WorkerMoved]] = {event.worker: [] for event in told.of(WorkerStarted)}
    assert len(moves) >= 3
    for event in told.of(WorkerMoved):
        moves[event.worker].append(event)
    for history in moves.values():
        assert history[0].before is WorkerState.INITIALIZING
        assert history[-1].after is WorkerState.TERMINATED
        served = {WorkerState.READY, WorkerState.BUSY}
        for before, after in itertools.pairwise(history):
            assert before.after is after.before or {before.after, after.before} <= served


def test_no_move_is_told_that_comes_with_a_task(told: Told) -> None:
    with Pool(size=1, telemetry=told) as pool:
        list(pool.map(square, range(20)))
    reasons = {event.because for event in told.of(WorkerMoved)}
    assert reasons == {Because.INIT_COMPLETE, Because.SHUTDOWN, Because.REAPED}


# What is told.


def test_a_lost_worker_and_a_task_that_is_tried_again_are_told(told: Told, tmp_path: Path) -> None:
    with Pool(size=1, telemetry=told) as pool:
        again = pool.options(idempotent=True).submit(die_once, tmp_path / "died")
        assert again.result(LIMIT) == "survived"
    (trouble,) = told.of(Trouble)
    assert trouble.detail == "it exited with code -9"
    assert [event.task for event in told.of(RetryPlanned)] == [again.task]
    (done,) = told.tasks
    assert (done.attempt, done.worker, done.ending) == (2, 1, Ending.RETURNED)


def test_a_refused_submit_is_told_and_is_no_task(told: Told, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with Pool(size=1, queue_limit=1, prefetch=0, telemetry=told) as pool:
        running = pool.submit(wait_for, gate)
        with gate.open("w") as end:  # once the task reads
            waiting = pool.submit(square, 2)
            with pytest.raises(PoolSaturated):
                pool.submit(square, 3)
            end.write("go")
        assert (running.result(LIMIT), waiting.result(LIMIT)) == ("go", 4)
    assert [event.why for event in told.of(TaskRefused)] == ["saturated"]
    assert [done.task for done in told.tasks] == [running.task, waiting.task]


def test_a_session_goes_by_its_name_also_when_it_is_lost(told: Told) -> None:
    with Pool(size=1, telemetry=told) as pool, pool.session("cart") as session:
        assert session.submit(kept, 2).result(LIMIT) == 2
        with pytest.raises(SessionLost):
            session.submit(die).result(LIMIT)
    assert {done.session for done in told.tasks} == {"cart"}
    assert [(event.session, event.after) for event in told.of(SessionMoved)] == [
        ("cart", SessionState.PLACED),
        ("cart", SessionState.LOST),
        ("cart", SessionState.CLOSING),
        ("cart", SessionState.CLOSED),
    ]


def test_a_pool_that_breaks_says_so_and_tells_every_task(told: Told) -> None:
    breaks_at_once = BreakerPolicy(failures_max=1, openings_max=0)
    with (
        ThreadPoolExecutor(1) as fallback,
        Pool(
            size=1,
            initializer=refuse,
            telemetry=told,
            fallback=fallback,
            breaker=breaks_at_once,
        ) as pool,
    ):
        assert [pool.submit(square, value).result(LIMIT) for value in (3, 4)] == [9, 16]
    (broke,) = told.of(PoolBroke)
    assert "not today" in broke.detail
    assert {event.task for event in told.of(TaskFailedOver)} == {done.task for done in told.tasks}
    assert {(done.worker, done.started_at, done.ran) for done in told.tasks} == {(None, None, None)}


# Callbacks.


def test_a_callback_may_submit_ask_and_shut_down() -> None:
    follow_up: list[Future[int]] = []
    seen: list[int] = []
    reacted = threading.Event()

    def react(event: TelemetryEvent) -> None:
        if isinstance(event, TasksResolved) and not follow_up:
            follow_up.append(pool.submit(square, 5))
            seen.append(pool.stats().submitted)
            pool.shutdown(wait=False)
            reacted.set()

    with Pool(size=1, telemetry=react) as pool:
        assert pool.submit(square, 4).result(LIMIT) == 16
        assert reacted.wait(LIMIT)  # though nothing else happens in this pool
    assert follow_up[0].result(LIMIT) == 25
    assert seen == [2]


def test_all_callbacks_are_told_the_same_though_one_raises(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def raise_always(_: TelemetryEvent) -> None:
        raise OSError("the collector is gone")

    other = Told()
    with Pool(size=2, telemetry=(told, raise_always, other)) as pool:
        assert list(pool.map(square, range(50)))[-1] == 49 * 49
    assert told.events == other.events
    assert len(told.tasks) == 50
    complaints = [it for it in caplog.records if "callback" in it.getMessage()]
    assert len(complaints) == 1


@pytest.mark.parametrize("telemetry", [3, ("x",), [None]], ids=str)
def test_what_cannot_be_called_is_no_callback(telemetry: Any) -> None:
    with pytest.raises(TypeError, match="telemetry must be callable"):
        Pool(size=1, telemetry=telemetry)


def test_no_callback_is_called_in_a_child_of_the_pools_process(told: Told) -> None:
    with Pool(size=1, telemetry=told, start_method="forkserver") as pool:
        pool.submit(square, 2).result(LIMIT)
        before = len(told.events)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                pool.shutdown(wait=False)
                status = 0 if len(told.events) == before else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pool.submit(square, 3).result(LIMIT) == 9
    assert len(told.tasks) == 2


def test_a_dropped_pool_tells_its_end_too(told: Told) -> None:
    Pool(size=1, telemetry=told).submit(square, 2).result(LIMIT)
    assert told.closed.wait(LIMIT)
    assert len(told.tasks) == 1


# The log.


def test_the_log_has_trouble_as_warnings_and_moves_for_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="pool")
    with Pool(size=1) as pool:
        pool.submit(die).exception(LIMIT)
    lines = [(it.levelname, it.getMessage()) for it in caplog.records if it.name == "pool.events"]
    assert ("WARNING", "worker 0 failed: it exited with code -9 (connection, major: replace)") in (
        lines
    )
    assert ("DEBUG", "worker 0: initializing → ready (init_complete)") in lines
    assert ("DEBUG", "tasks resolved: 1 lost") in lines
    assert lines[-1] == ("DEBUG", "the pool is closed")


PROGRAM = """
import os, signal
from pool import Pool
{setup}
def die():
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    with Pool(size=1) as pool:
        print(type(pool.submit(die).exception()).__name__)
"""
SETUP = 'import logging; logging.basicConfig(format="%(name)s %(levelname)s %(message)s")'


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        ("", ""),
        (
            SETUP,
            "pool.events WARNING worker 0 failed: it exited with code -9 "
            "(connection, major: replace)\n",
        ),
    ],
    ids=["no logging set up", "logging set up"],
)
def test_a_program_is_told_of_a_lost_worker_only_if_it_set_up_logging(
    setup: str, said: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(setup=setup))
    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, timeout=LIMIT
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "WorkerLost\n", said)

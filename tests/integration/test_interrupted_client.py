"""An interrupt from the keyboard that hits a client in the middle of the pool's own work."""

from __future__ import annotations

import gc
import pickle
import signal
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hostile import FORK, LIMIT, is_dead, two_workers

from pool import PayloadError, Pool, PoolBroken, PoolConfig, TaskFuture
from pool.effects import Ending, Outcome
from pool.events import Reply, ResultReceived
from pool.processes import WorkerProcess

if TYPE_CHECKING:
    from pool.effects import Effect
    from pool.events import Event

__all__ = ["two_workers"]  # the fixture `pool`

pytestmark = pytest.mark.integration


class Interrupting:
    """The user's interrupt comes while it is rebuilt, so many times."""

    times = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ()


def rebuild() -> str:
    if Interrupting.times:
        Interrupting.times -= 1
        raise KeyboardInterrupt
    return "rebuilt"


def wait_for_ever() -> None:
    threading.Event().wait()


def resolved() -> tuple[TaskFuture[str], Outcome]:
    """A future whose task has returned something that is rebuilt with interruptions."""
    owner: Any = None
    future: TaskFuture[str] = TaskFuture(7, owner, b"")
    outcome = Outcome(Ending.RETURNED, pickle.dumps(Interrupting()), worker=1, attempt=1)
    future.outcome = outcome
    return future, outcome


def test_interrupt_while_a_result_is_rebuilt_is_raised_and_the_result_is_there() -> None:
    future, outcome = resolved()
    Interrupting.times = 1
    with pytest.raises(KeyboardInterrupt):
        future.conclude(outcome, PoolConfig())
    assert future.result() == "rebuilt"


def test_result_that_interrupts_whoever_rebuilds_it_is_refused_and_interrupts_nobody() -> None:
    future, outcome = resolved()
    Interrupting.times = 99
    future.conclude(outcome, PoolConfig())
    Interrupting.times = 0
    with pytest.raises(PayloadError, match="cannot be rebuilt here: KeyboardInterrupt"):
        future.result()


def test_interrupt_while_one_future_is_concluded_leaves_none_unresolved(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    futures = [pool.submit(abs, -number) for number in range(3)]
    assert [future.result(LIMIT) for future in futures] == [0, 1, 2]
    waiting = [resolved() for _ in range(3)]
    usual = TaskFuture.conclude
    hits = [KeyboardInterrupt(), None, None, None]

    def interrupted(future: TaskFuture[Any], outcome: Outcome, config: PoolConfig) -> None:
        hit = hits.pop(0)
        if hit is not None:
            raise hit
        usual(future, outcome, config)

    monkeypatch.setattr(TaskFuture, "conclude", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool._desk.conclude(list(waiting))
    monkeypatch.undo()
    assert [future.result(0) for future, _ in waiting] == ["rebuilt"] * 3


def test_interrupt_in_the_middle_of_the_core_breaks_the_pool_quietly_and_hangs_nobody(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held = [pool.submit(wait_for_ever) for _ in range(5)]
    workers = list(pool.pids().values())
    while sum(future.running() for future in held) < len(workers):
        assert pool.stats()  # they are starting, and the loop is not to be hit instead
    core = pool._desk.core

    def interrupted(_: Event, __: float) -> list[Effect]:
        raise KeyboardInterrupt

    monkeypatch.setattr(core, "handle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.submit(abs, -1)
    assert [type(future.exception(LIMIT)) for future in held] == [PoolBroken] * len(held)
    assert "KeyboardInterrupt" in str(held[0].exception())
    assert not any(future.cancel() or future.kill() for future in held)
    with pytest.raises(PoolBroken, match="KeyboardInterrupt"):
        pool.submit(abs, -2)
    pool.shutdown()
    assert [pid for pid in workers if not is_dead(pid)] == []
    assert caplog.records == []


def test_task_that_was_resolved_just_before_the_interrupt_is_told_its_result(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (pool.submit(wait_for_ever) for _ in range(2))
    desk = pool._desk
    usual = desk.core.handle

    def interrupted(event: Event, now: float) -> list[Effect]:
        if isinstance(event, ResultReceived) and event.task == second.task:
            raise KeyboardInterrupt
        return usual(event, now)

    monkeypatch.setattr(desk.core, "handle", interrupted)
    while first.running() is False or second.running() is False:
        assert pool.stats()  # their workers are starting
    answers = [
        ResultReceived(
            desk.core.tasks[each.task].worker.number,
            each.task,
            attempt=1,
            reply=Reply.RETURNED,
            payload=pickle.dumps("in time"),
        )
        for each in (first, second)
    ]
    with pytest.raises(KeyboardInterrupt), desk.lock:
        desk.take(answers, [])
    assert first.result(LIMIT) == "in time"
    assert isinstance(second.exception(LIMIT), PoolBroken)


def test_who_was_interrupted_while_waiting_for_the_end_may_wait_for_it_again(pool: Pool) -> None:
    held = pool.submit(wait_for_ever)
    pool.shutdown(wait=False)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def shut_down() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        pool.shutdown()

    usual = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            shut_down()
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert pool._loop.join(0.0) is False  # a task still runs
    assert held.kill()
    assert pool._loop.join(LIMIT) is True


def test_interrupt_while_the_last_holder_lets_go_ends_the_pool_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool(size=1, start_method="forkserver")
    held = pool.submit(signal.pause)
    loop, wake = pool._loop, pool._loop.desk.waker.wake

    def interrupt() -> None:
        monkeypatch.setattr(loop.desk.waker, "wake", wake)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.desk.waker, "wake", interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.let_go()
    assert loop.join(LIMIT)
    assert held.done()


class Interrupted(WorkerProcess):
    """The user's interrupt comes when the process has just been started."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["forkserver", FORK])
def test_interrupt_while_the_first_worker_starts_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    with Pool(size=1, start_method=method) as pool:  # multiprocessing's own are up now
        assert pool.submit(abs, -1).result(LIMIT) == 1
    before = census()
    with monkeypatch.context() as patch:
        patch.setattr("pool.crew.WorkerProcess", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            Pool(size=2, start_method=method)
    gc.collect()
    assert census() == before


def census() -> tuple[int, int, list[int]]:
    """Descriptors, threads and child processes of this process."""
    me = psutil.Process()
    children = sorted(child.pid for child in me.children(recursive=True))
    return me.num_fds(), threading.active_count(), children

"""Assertions about pools: each accepts what is right, on each layer, and names what is not."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from machines import trace
from machines.harness import (
    Instance,
    Resolutions,
    WaitedTooLong,
    assert_affinity,
    assert_recovers,
    assert_resolves_once,
    concurrent_pool_operations,
    ensure_pool_ready,
    isolated,
)
from machines.harness.instance import Plan
from machines.mutants import BY_NAME

if TYPE_CHECKING:
    from pool import Pool

pytestmark = pytest.mark.integration

LAYERS = ("sim", "wire", "real", "free")


def work(layer: str) -> tuple[Any, ...]:
    return (abs, -1) if layer == "free" else ("echo",)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_pool_is_ready_when_so_many_workers_take_work(layer: str) -> None:
    with isolated(layer, {"size": 3}) as instance:
        assert ensure_pool_ready(instance.pool, 3) == [0, 1, 2]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_pool_that_will_never_have_so_many_is_told_with_each_worker(layer: str) -> None:
    with isolated(layer, {"size": 1}) as instance, pytest.raises(WaitedTooLong) as failure:
        ensure_pool_ready(instance.pool, 2, timeout=0.05)
    assert "2 workers were not ready within 0.05" in str(failure.value)
    assert "worker 0 is ready and" in str(failure.value)


def test_a_lazy_pool_is_given_work_so_that_its_workers_start() -> None:
    with isolated("free", {"size": 2, "lazy": True}) as instance:
        assert instance.pool.pids() == {}
        assert ensure_pool_ready(instance.pool, 1)


def test_a_standard_executor_is_ready_and_too_small_as_well() -> None:
    make = lambda: ProcessPoolExecutor(2, mp_context=get_context("forkserver"))  # noqa: E731
    with isolated(make=make) as instance:
        assert ensure_pool_ready(instance.pool, 2) == sorted(instance.pool._processes)
        with pytest.raises(WaitedTooLong, match=r"3 workers were not ready .*: 2 have started"):
            ensure_pool_ready(instance.pool, 3, timeout=0.05)


def test_no_workers_are_not_waited_for_nor_a_pool_of_which_nothing_is_known() -> None:
    with pytest.raises(ValueError, match="min_workers must be at least 1, not 0"):
        ensure_pool_ready(None, 0)
    with pytest.raises(TypeError, match="does not say which processes its workers are"):
        ensure_pool_ready(object(), 1)


@pytest.mark.parametrize("layer", LAYERS)
def test_tasks_that_resolve_once_are_accepted_whatever_befalls_them(layer: str) -> None:
    with isolated(layer) as instance:
        pool = instance.pool
        futures = [pool.submit(*work(layer)) for _ in range(6)]
        if layer == "free":
            os.kill(min(pool.pids().values()), signal.SIGKILL)
        else:
            assert pool.do(trace.Crash(0))
        assert_resolves_once(futures)


def test_a_future_that_never_resolves_is_named() -> None:
    never: Future[int] = Future()
    done: Future[int] = Future()
    done.set_result(1)
    with pytest.raises(AssertionError, match=r"^future 1 did not resolve within 0\.01 s$"):
        assert_resolves_once([done, never], timeout=0.01)


def test_a_task_of_a_schedule_that_never_resolves_is_named() -> None:
    with isolated("sim") as instance:
        future = instance.pool.submit("stick", deadline=60.0)
        with pytest.raises(AssertionError, match="future 0 did not resolve"):
            assert_resolves_once([future], timeout=1.0)
        assert instance.pool.do(trace.Kill(future.task))


def test_a_task_of_a_schedule_that_never_ends_needs_a_deadline() -> None:
    with isolated("sim") as instance:
        with pytest.raises(ValueError, match="operation 'stick' never ends: it needs a deadline"):
            instance.pool.submit("stick")
        assert instance.pool.submit("echo").result() == ["echo", 0]


class Twice(Future[int]):
    """A future that resolves again."""

    def resolve(self, value: int) -> None:
        self._state = "RUNNING"
        self.set_result(value)


def test_a_future_that_resolves_twice_or_changes_is_named() -> None:
    twice, changed = Twice(), Twice()
    watched = Resolutions([twice, changed])
    for value in (1, 1):
        twice.resolve(value)
    changed.resolve(1)
    changed._result = 2
    words = "future 0 resolved 2 times, not once; future 1 was returned 1, and is now returned 2"
    with pytest.raises(AssertionError, match=words):
        assert_resolves_once(watched)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_sessions_tasks_stay_together(layer: str) -> None:
    with isolated(layer) as instance:
        name = ("a",) if layer == "free" else ()
        assert_affinity(instance.pool.session(*name))
        assert_affinity(instance.pool.session(*("b",) if layer == "free" else ()), tasks=2)


class Astray:
    """A session whose every second task runs in another one."""

    def __init__(self, pool: Pool) -> None:
        self.sessions = [pool.session("one"), pool.session("other")]
        self.next = 0

    def submit(self, fn: Any, *args: Any) -> Any:
        self.next += 1
        return self.sessions[self.next % 2].submit(fn, *args)


def test_a_session_that_wanders_is_told_with_the_workers() -> None:
    with isolated("free") as instance:
        pool = instance.pool
        with pytest.raises(AssertionError, match="tasks ran on 2 workers: task 0 on"):
            assert_affinity(Astray(pool))


class Forgetful:
    """A session whose tasks run one after the other, and never find what was there."""

    def submit(self, fn: Any, *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn({}, *args))
        return done


def test_a_session_that_forgets_is_told_with_what_was_found() -> None:
    with pytest.raises(AssertionError, match=r"task 1 found \[\] done before it .*, not \[0\]"):
        assert_affinity(Forgetful())
    with pytest.raises(ValueError, match="at least 2"):
        assert_affinity(Forgetful(), tasks=1)


@pytest.mark.parametrize("layer", ["sim", "wire", "real"])
def test_a_planted_bug_in_sessions_is_told(layer: str) -> None:
    with (
        pytest.raises(AssertionError),
        Instance(Plan(layer=layer, parts=BY_NAME["youngest-first"].parts)) as instance,
    ):
        assert_affinity(instance.pool.session())


@pytest.mark.parametrize("layer", LAYERS)
def test_a_pool_that_lost_all_its_workers_recovers(layer: str) -> None:
    with isolated(layer) as instance:
        for worker, pid in {0: 0, 1: 0, **instance.pool.pids()}.items():
            if layer == "free":
                os.kill(pid, signal.SIGKILL)
            else:
                assert instance.pool.do(trace.Crash(worker))
        assert_recovers(instance.pool)


def test_a_pool_that_does_not_recover_is_told() -> None:
    make = lambda: ProcessPoolExecutor(1, mp_context=get_context("forkserver"))  # noqa: E731
    with isolated(make=make) as instance:
        assert_recovers(instance.pool)
        (pid,) = instance.pool._processes
        assert instance.pool.submit(os.kill, pid, signal.SIGKILL).exception() is not None
        with pytest.raises(AssertionError, match=r"the pool did not recover: .*BrokenProcessPool"):
            assert_recovers(instance.pool)


class Liar(ThreadPoolExecutor):
    """A pool that answers something else."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(lambda: None if fn.__name__ == "echo" else fn(*args, **kwargs))

    def pids(self) -> dict[int, int]:
        return {0: os.getpid()}


def test_a_pool_that_answers_something_else_has_not_recovered() -> None:
    with Liar(1) as liar, pytest.raises(AssertionError, match="answered None, not 'echo'"):
        assert_recovers(liar, workers=1)


@pytest.mark.parametrize("layer", LAYERS)
def test_operations_on_one_pool_start_together(layer: str) -> None:
    together = threading.Barrier(8)

    def submit(pool: Executor) -> Any:
        together.wait(20)
        return pool.submit(*work(layer)).result()

    with isolated(layer) as instance:
        ended = concurrent_pool_operations(instance.pool, [submit] * 8)
        assert list(ended) == [str(number) for number in range(8)]
        assert all(ended.results())


def test_an_operation_that_fails_on_the_pool_is_told_by_its_name() -> None:
    with isolated("sim") as instance:
        operations = {"good": lambda pool: pool.submit(), "bad": lambda pool: pool.submit("none")}
        ended = concurrent_pool_operations(instance.pool, operations)
        assert list(ended.errors) == ["bad"]

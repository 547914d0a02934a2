"""Injected failures: each is seen from outside while its block lasts, and is gone afterwards."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

from machines import trace
from machines.harness import (
    Instance,
    assert_recovers,
    inject_failure,
    isolated,
    wait_for,
)
from machines.harness.limits import Resource, limit_of
from machines.harness.relay import Direction
from pool import TaskTimeout, WorkerLost

pytestmark = pytest.mark.integration

STAGED = ("sim", "wire", "real")
ONE = {"size": 1}


def state_of(pid: int) -> str:
    """A process's state as the kernel shows it: R, S, T, Z, …; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def touch(path: str) -> int:
    Path(path).touch()
    return os.getpid()


# A crash.


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_crash_ends_the_process_and_afterwards_it_has_been_replaced(blow: signal.Signals) -> None:
    with isolated("free") as instance:
        before = instance.pool.pids()
        with inject_failure("crash", instance, worker=1, signal=blow) as injected:
            assert injected.worker == 1
            assert injected.pid == before[1]
            assert state_of(before[1]) in ("", "Z")
            assert injected.words == f"process {before[1]} was ended by {blow.name}"
        after = instance.pool.pids()
        assert before[0] in after.values()
        assert before[1] not in after.values()
        assert len(after) == 2
        assert instance.faults == ["crash"]


@pytest.mark.parametrize("layer", STAGED)
def test_a_crash_on_a_schedule_loses_the_task_and_afterwards_it_has_been_replaced(
    layer: str,
) -> None:
    with isolated(layer, ONE) as instance:
        pool = instance.pool
        pids = pool.pids()
        future = pool.submit("echo")
        pool.go_on(lambda: bool(pool.started))
        with inject_failure("crash", instance) as injected:
            assert injected.worker == 0
            if layer == "real":
                assert injected.pid is None
                assert state_of(pids[0]) == ""
        assert pool.workers() == [1]
        assert isinstance(future.exception(), WorkerLost)
        assert_recovers(pool)


def test_a_crash_of_a_standard_executor_breaks_it() -> None:
    make = lambda: ProcessPoolExecutor(1, mp_context=get_context("forkserver"))  # noqa: E731
    with isolated(make=make) as instance:
        assert instance.pool.submit(abs, -1).result() == 1
        with inject_failure("crash", instance.pool) as injected:
            assert injected.pid is not None
            assert state_of(injected.pid) in ("", "Z")
        assert_broken = pytest.raises(AssertionError, match="did not recover")
        with assert_broken:
            assert_recovers(instance.pool)


# A timeout.


def test_a_worker_that_is_stopped_answers_nothing_and_goes_on_afterwards() -> None:
    with isolated("free", ONE) as instance:
        (pid,) = instance.pool.pids().values()
        with inject_failure("timeout", instance.pool) as injected:
            assert injected.words == f"process {pid} is stopped"
            assert state_of(pid) == "T"
            future = instance.pool.submit(os.getpid)
            with pytest.raises(TimeoutError):
                future.result(0.05)
        assert future.result(20) == pid
        assert state_of(pid) != "T"


def test_a_task_of_a_stopped_worker_meets_its_deadline() -> None:
    with isolated("free", ONE) as instance:
        with inject_failure("timeout", instance.pool):
            future = instance.pool.options(deadline=0.05).submit(os.getpid)
            with pytest.raises(TaskTimeout):
                future.result(20)
        assert_recovers(instance.pool)


@pytest.mark.parametrize("layer", STAGED)
def test_a_worker_that_is_stopped_on_a_schedule_answers_nothing_and_goes_on_afterwards(
    layer: str,
) -> None:
    with isolated(layer, ONE) as instance:
        pids = instance.pool.pids()
        with inject_failure("timeout", instance):
            future = instance.pool.submit("echo")
            with pytest.raises(TimeoutError):
                future.result(5.0)
            assert [state_of(pid) for pid in pids.values()] == ["T"] * len(pids)
        assert future.result() == ["echo", 0]
        assert "T" not in [state_of(pid) for pid in pids.values()]


# A partition.


@isolated("free", ONE, relayed=True)
@pytest.mark.parametrize("direction", list(Direction))
def test_a_partition_keeps_back_what_goes_that_way_and_only_that(
    isolated_instance: Instance, direction: Direction
) -> None:
    pool, marker = isolated_instance.pool, isolated_instance.folder / "ran"
    assert pool.submit(abs, -1).result() == 1
    with inject_failure("partition", isolated_instance, direction=direction) as injected:
        assert injected.words == f"worker 0 is cut off: {direction}"
        future = pool.submit(touch, str(marker))
        if direction is Direction.FROM_WORKER:
            wait_for(marker.exists)
        with pytest.raises(TimeoutError):
            future.result(0.1)
        assert marker.exists() == (direction is Direction.FROM_WORKER)
        assert state_of(pool.pids()[0]) in "RS"
    assert future.result(20) == pool.pids()[0]
    assert_recovers(pool)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("layer", STAGED)
def test_a_partition_on_a_schedule_keeps_back_what_goes_that_way_and_only_that(
    layer: str, direction: Direction
) -> None:
    with isolated(layer, ONE) as instance:
        pool = instance.pool
        with inject_failure("partition", instance, direction=direction):
            future = pool.submit("echo")
            with pytest.raises(TimeoutError):
                future.result(5.0)
            assert bool(pool.started) == (direction is Direction.FROM_WORKER)
        assert future.result() == ["echo", 0]


def test_large_values_cross_a_relay_whole() -> None:
    with isolated("free", relayed=True) as instance:
        data = os.urandom(1 << 21)
        assert list(instance.pool.map(bytes, [data] * 4)) == [data] * 4


def test_a_worker_behind_a_relay_is_lost_and_replaced_as_any() -> None:
    with isolated("free", relayed=True) as instance:
        with inject_failure("crash", instance), pytest.raises(WorkerLost):
            instance.pool.submit(os.abort).result(20)
        assert_recovers(instance.pool)


def test_a_pool_without_a_relay_cannot_be_cut_off() -> None:
    with isolated("free") as instance:
        for target in (instance, instance.pool):
            with (
                pytest.raises(TypeError, match="through a relay: isolated"),
                inject_failure("partition", target),
            ):
                pass
    with pytest.raises(ValueError, match="only the production pool's pipes"):
        isolated("sim", relayed=True)


# Exhaustion.


def take_memory(size: int) -> int:
    return len(bytearray(size))


def take_descriptors() -> int:
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    return fd


TAKES = {
    Resource.MEMORY: ((take_memory, 1 << 28), MemoryError),
    Resource.DESCRIPTORS: ((take_descriptors,), OSError),
}


@pytest.mark.parametrize("what", list(TAKES), ids=str)
def test_a_worker_runs_out_of_it_and_afterwards_does_not(what: Resource) -> None:
    (function, *args), error = TAKES[what]
    with isolated("free", ONE) as instance:
        (pid,) = instance.pool.pids().values()
        assert instance.pool.submit(function, *args).result()
        before = limit_of(pid, what)
        with inject_failure("exhaust", instance, resource=what) as injected:
            assert limit_of(pid, what) not in (before, -1)
            assert injected.words == f"process {pid} may have {limit_of(pid, what)} of {what}"
            with pytest.raises(error):
                instance.pool.submit(function, *args).result()
        assert limit_of(pid, what) == before
        assert instance.pool.submit(function, *args).result()
        assert instance.pool.pids() == {0: pid}


def fork_thrice(told: Any) -> None:
    """Before, while and after it has run out: whether a fork succeeded, and the limit."""
    if os.geteuid() == 0:  # the kernel does not hold root to a number of processes
        os.setgroups([])
        os.setuid(65534)
    told.send(fork_once())
    with inject_failure("exhaust", os.getpid(), resource="processes"):
        told.send(fork_once())
    told.send(fork_once())


def fork_once() -> tuple[str, int]:
    limit = limit_of(os.getpid(), Resource.PROCESSES)
    try:
        pid = os.fork()
    except OSError as error:
        return errno.errorcode[error.errno], limit
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked", limit


def test_a_process_runs_out_of_processes_and_afterwards_does_not() -> None:
    context = get_context("fork")
    told, tells = context.Pipe(duplex=False)
    other = context.Process(target=fork_thrice, args=(tells,))
    other.start()
    other.join(20)
    before, meanwhile, after = (told.recv() for _ in range(3))
    assert before == after
    assert before[0] == "forked"
    assert meanwhile[0] == "EAGAIN"
    assert meanwhile[1] not in (before[1], -1)
    told.close()
    tells.close()


def test_headroom_is_what_can_still_be_taken() -> None:
    with isolated("free", ONE) as instance:
        with inject_failure("exhaust", instance, resource="memory", headroom=1 << 30):
            assert instance.pool.submit(*TAKES[Resource.MEMORY][0]).result()
        with (
            pytest.raises(ValueError, match="headroom must be at least 0"),
            inject_failure("exhaust", instance, headroom=-1),
        ):
            pass


@pytest.mark.parametrize("layer", STAGED)
def test_a_task_on_a_schedule_takes_memory_and_its_worker_is_recycled(layer: str) -> None:
    with isolated(layer, ONE) as instance:
        pool = instance.pool
        with (
            pytest.raises(ValueError, match="runs no task that could take memory"),
            inject_failure("exhaust", instance),
        ):
            pass
        future = pool.submit("echo")
        pool.go_on(lambda: bool(pool.started))
        with inject_failure("exhaust", instance, resource="memory"):
            assert future.result() == ["echo", 0]
        pool.heal()
        assert pool.workers() == [1]


@pytest.mark.parametrize("layer", STAGED)
@pytest.mark.parametrize("what", ["descriptors", "processes"])
def test_a_pool_on_a_schedule_that_runs_out_starts_the_next_worker_later(
    layer: str, what: str
) -> None:
    with isolated(layer, ONE) as instance:
        pool = instance.pool
        with inject_failure("exhaust", instance, resource=what):
            pool.do(trace.Crash(0))
            pool.go_on(lambda: len(pool.run.world.bodies) > 1)
            assert pool.workers() == []
        assert_recovers(pool)


# What is refused.


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("earthquake", {}, "kind 'earthquake': kinds are crash, timeout, partition, exhaust"),
        ("crash", {"loudly": True}, "crash has no option loudly; it has signal, worker"),
        ("timeout", {"worker": 7}, "worker 7 is not there; there are 0, 1"),
        ("partition", {"direction": "up"}, "direction 'up': it is one of both, from_worker"),
        ("exhaust", {"resource": "luck"}, "resource 'luck': it is one of memory, descriptors"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("layer", ["sim", "free"])
def test_what_cannot_be_injected_is_refused_in_one_line(
    layer: str, kind: str, options: dict[str, Any], says: str
) -> None:
    with (
        isolated(layer) as instance,
        pytest.raises(ValueError, match=says),
        inject_failure(kind, instance, **options),
    ):
        pass


def test_a_failure_is_undone_also_when_its_block_fails() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:

        def fails() -> None:
            with inject_failure("timeout", other.pid):
                raise ZeroDivisionError(state_of(other.pid))

        with pytest.raises(ZeroDivisionError, match=r"^T$"):
            fails()
        wait_for(lambda: state_of(other.pid) != "T")
        other.kill()


def test_a_process_that_is_gone_cannot_be_stopped() -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        pass
    with pytest.raises(psutil.NoSuchProcess), inject_failure("timeout", gone.pid):
        pass


def test_nothing_of_a_relay_is_left() -> None:
    with isolated("free", relayed=True) as instance:
        assert "harness-relay" in {thread.name for thread in threading.enumerate()}
        assert instance.relay is not None
        with inject_failure("partition", instance, direction="to_worker"):
            assert instance.relay.cut_ways(0) == {Direction.TO_WORKER}
        assert instance.relay.cut_ways(0) == frozenset()
    assert "harness-relay" not in {thread.name for thread in threading.enumerate()}

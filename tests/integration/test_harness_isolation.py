"""Isolation: every instance has everything of its own, and what it leaves is named and removed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, shared_memory
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from machines import trace
from machines.harness import (
    Instance,
    Leaked,
    StagedPool,
    Violated,
    assert_no_leaks,
    cleanup_shared_memory,
    cleanup_test_files,
    inject_failure,
    isolated,
    start_isolated_pool,
)
from machines.harness.footprint import footprint, left_since
from machines.harness.instance import Plan
from machines.harness.tag import VARIABLE
from machines.mutants import BY_NAME
from machines.parts import POOL, Parts
from machines.setting import Setting
from pool import Pool, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

LAYERS = ("sim", "wire", "real", "free")
SLEEPS = [sys.executable, "-c", "import signal; signal.pause()"]


def work(layer: str) -> tuple[Any, ...]:
    """What is submitted to a pool of this layer."""
    return (os.getpid,) if layer == "free" else ("echo",)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_block_has_a_fresh_pool_that_is_ready_and_leaves_nothing(layer: str) -> None:
    with assert_no_leaks(), isolated(layer, {"size": 2}) as instance:
        assert len(instance.pool.stats().workers) == 2
        assert {str(worker.state) for worker in instance.pool.stats().workers} == {"ready"}
        assert instance.pool.submit(*work(layer)).result() is not None
        folder, temporary = instance.folder, instance.temporary
        assert folder.is_dir()
    assert not folder.exists()
    assert not temporary.exists()


@pytest.mark.parametrize("layer", LAYERS)
def test_two_instances_share_no_name_folder_process_or_clock(layer: str) -> None:
    seen: list[tuple[Any, ...]] = []
    for _ in range(2):
        with isolated(layer) as instance:
            pids = tuple(instance.pool.pids().values())
            seen.append((instance.name, instance.folder, instance.memory_prefix, *pids))
            assert instance.now() < 1.0
    assert set(seen[0]).isdisjoint(seen[1])


def test_the_stream_of_random_numbers_follows_from_label_and_seed() -> None:
    def draw(label: str, seed: int) -> float:
        instance = start_isolated_pool(layer="sim", label=label, seed=seed)
        try:
            return instance.random.random()
        finally:
            instance.close()

    assert draw("a", 1) == draw("a", 1)
    assert len({draw("a", 1), draw("b", 1), draw("a", 2)}) == 3


@isolated(layer="free", pool_config={"size": 1})
def test_a_decorated_test_is_handed_its_pool(isolated_pool: Pool) -> None:
    assert isolated_pool.config.size == 1


@isolated(layer="sim", pool_config={"size": 3})
def test_a_decorated_test_is_handed_its_instance(isolated_instance: Instance) -> None:
    assert isinstance(isolated_instance.pool, StagedPool)
    assert len(isolated_instance.pool.workers()) == 3


def test_a_decorated_function_outside_of_pytest_gets_a_pool_of_its_own() -> None:
    @isolated("sim", {"size": 1})
    def lives(word: str, isolated_pool: Any = None) -> list[Any]:
        return [word, isolated_pool.workers()]

    assert [lives("a"), lives("b")] == [["a", [0]], ["b", [0]]]


def test_the_fixture_is_a_production_pool_of_two_workers(isolated_pool: Any) -> None:
    assert isinstance(isolated_pool, Pool)
    assert len(isolated_pool.pids()) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"layer": "mock"}, "layer 'mock': layers are sim, wire, real, free"),
        ({"pool_config": {"sise": 2}}, "unknown: sise; PoolConfig has size"),
        ({"layer": "sim", "pool_config": {"lives": 2}}, "unknown: lives; Setting has size"),
        ({"layer": "free", "pool_config": Setting()}, "on free a pool is configured by PoolConfig"),
        ({"layer": "sim", "make": Pool}, "another pool runs on the layer free"),
        ({"pool_config": {"size": 0}}, "size must be at least 1, not 0"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_a_bad_argument_is_refused_in_one_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        isolated(**arguments)


def test_temporary_files_of_the_test_and_its_workers_are_in_the_instances_folder() -> None:
    with isolated() as instance:
        there = instance.pool.submit(tempfile.gettempdir).result()
        assert Path(there) == Path(tempfile.gettempdir()) == instance.temporary
    assert Path(tempfile.gettempdir()) != instance.temporary


def test_an_initializer_of_the_pools_own_still_runs() -> None:
    config = {"size": 1, "initializer": os.putenv, "initargs": ("POOLCHECK_SAID", "yes")}
    with isolated("free", config) as instance:
        said = instance.pool.submit(subprocess.check_output, ["printenv", "POOLCHECK_SAID"])
        assert said.result() == b"yes\n"


def leave_a_process() -> None:
    os.posix_spawn(sys.executable, SLEEPS, os.environ)


def leave_a_grandchild() -> None:
    """Its parent is dead at once, and nobody has its number."""
    command = f"{sys.executable} -c 'import signal; signal.pause()' &"
    subprocess.run(["/bin/sh", "-c", command], check=True)


def leave_a_thread() -> None:
    threading.Thread(target=threading.Event().wait, name="left alone", daemon=True).start()


def leave_a_descriptor() -> None:
    os.open("/dev/null", os.O_RDONLY)


def leave_shared_memory() -> None:
    shared_memory.SharedMemory(create=True, size=8).close()


def leave_a_temporary_file() -> None:
    with tempfile.NamedTemporaryFile(prefix="left-", delete=False):
        pass


LEAKS: list[tuple[Callable[[], None], str]] = [
    (leave_a_process, "process"),
    (leave_a_grandchild, "process"),
    (leave_a_thread, "thread 'left alone'"),
    (leave_a_descriptor, "descriptor"),
    (leave_shared_memory, "shared memory or semaphore 'pc"),
    (leave_a_temporary_file, "file "),
]


@pytest.mark.parametrize("layer", ["sim", "free"])
@pytest.mark.parametrize(("leak", "named"), LEAKS, ids=[leak.__name__ for leak, _ in LEAKS])
def test_what_a_block_leaves_is_named_and_removed(
    layer: str, leak: Callable[[], None], named: str
) -> None:
    before = footprint()
    with pytest.raises(Leaked, match="left behind") as failure, isolated(layer):
        leak()
    assert [left for left in failure.value.left if left.startswith(named)]
    assert len(failure.value.left) == 1, failure.value.left
    after = left_since(before)
    assert after.processes == after.shared == after.files == ()
    for number, _ in after.descriptors:
        os.close(number)


@pytest.mark.parametrize(
    ("leak", "named"),
    [leak for leak in LEAKS if leak[0] not in (leave_a_thread, leave_a_descriptor)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_worker_leaves_is_named_and_removed(leak: Callable[[], None], named: str) -> None:
    before = footprint()
    with pytest.raises(Leaked) as failure, isolated("free") as instance:
        instance.pool.submit(leak).result()
    assert [left for left in failure.value.left if left.startswith(named)]
    after = left_since(before)
    assert after.processes == after.shared == ()


def test_a_semaphore_that_a_worker_leaves_is_the_instances_own() -> None:
    with isolated("free") as instance:
        name = instance.pool.submit(name_of_a_semaphore).result()
    assert name.startswith(f"/{instance.memory_prefix}")


def name_of_a_semaphore() -> str:
    semaphore: Any = get_context("spawn").Semaphore(1)
    return str(semaphore._semlock.name)


def test_a_failing_block_fails_by_its_own_error_and_tells_the_leak_besides() -> None:
    @isolated("sim")
    def fails() -> None:
        leave_shared_memory()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as failure:
        fails()
    assert "fails left behind: shared memory" in failure.value.__notes__[0]


@pytest.mark.parametrize("layer", ["sim", "wire", "real"])
def test_a_pool_that_breaks_a_promise_fails_the_block(layer: str) -> None:
    def lose_a_worker(parts: Parts) -> None:
        with Instance(Plan(layer=layer, parts=parts)) as instance:
            instance.pool.do(trace.Crash(0))

    lose_a_worker(POOL)
    with pytest.raises(Violated, match=r"(S16|L2): "):
        lose_a_worker(BY_NAME["never-replaced"].parts)


def test_a_task_that_never_ends_does_not_keep_the_instance_from_its_end() -> None:
    with isolated("free", {"size": 1, "grace": 0.1}, grace=0.1) as instance:
        future = instance.pool.submit(signal.pause)
    assert future.exception() is not None


def test_another_pool_is_isolated_too() -> None:
    make = lambda: ProcessPoolExecutor(2, mp_context=get_context("forkserver"))  # noqa: E731
    with assert_no_leaks(), isolated(make=make) as instance:
        assert instance.pool.submit(abs, -3).result() == 3


def test_another_pool_that_does_not_end_is_ended_and_named() -> None:
    make = lambda: ProcessPoolExecutor(1, mp_context=get_context("forkserver"))  # noqa: E731
    pids: list[int] = []

    def hang() -> None:
        with isolated(make=make, grace=0.1) as instance:
            instance.pool.submit(signal.pause)
            pids.extend(instance.pool._processes)

    with pytest.raises(Leaked, match="process"):
        hang()
    assert pids
    assert not any(map(psutil.pid_exists, pids))


def test_only_memory_of_the_harness_is_ever_removed() -> None:
    with pytest.raises(ValueError, match="only what begins with 'pc'"):
        cleanup_shared_memory("psm_")
    with pytest.raises(ValueError, match="only what begins with 'pc'"):
        cleanup_shared_memory("pc")


def test_only_a_folder_of_this_process_is_ever_removed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not inside"):
        cleanup_test_files(tmp_path)
    assert tmp_path.is_dir()


OWNER = """
import os, signal, subprocess, sys
from machines.harness import isolated

if __name__ == "__main__":
    with isolated() as instance:
        executed = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"],
                                    start_new_session=True)
        forked = os.fork()
        if forked == 0:
            os.setsid()
            signal.pause()
        workers = instance.pool.pids().values()
        print(executed.pid, forked, *workers, instance.temporary, flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def dead_run(tmp_path: Path) -> tuple[list[int], Path]:
    """What a run that was killed has left: processes that it executed and forked, and a folder."""
    program = tmp_path / "owner.py"
    program.write_text(OWNER)
    untagged = {name: value for name, value in os.environ.items() if name != VARIABLE}
    ran = subprocess.Popen(
        [sys.executable, program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=untagged,
    )
    with ran:
        assert ran.stdout is not None
        *pids, folder = ran.stdout.readline().split()
        ran.kill()
    return [int(pid) for pid in pids], Path(folder)


CLEANS = """
from machines.harness import cleanup_orphaned_processes, cleanup_test_files
print(*cleanup_orphaned_processes(), sep="\\n")
cleanup_test_files()
"""


def test_orphans_of_a_run_that_was_killed_are_found_by_their_tag_and_nothing_else_is_touched(
    dead_run: tuple[list[int], Path],
) -> None:
    (executed, forked, *workers), folder = dead_run
    stranger = subprocess.Popen(SLEEPS, env={"PATH": os.environ["PATH"]})
    own = subprocess.Popen(SLEEPS)
    with stranger, own:
        assert psutil.pid_exists(executed)
        assert psutil.pid_exists(forked)
        assert folder.is_dir()
        cleaned = subprocess.run(
            [sys.executable, "-c", CLEANS], capture_output=True, text=True, check=True
        )
        try:
            assert f"process {executed} " in cleaned.stdout
            assert f"process {forked} " in cleaned.stdout
            assert not any(map(alive, (executed, forked, *workers)))
            assert not folder.exists()
            assert stranger.poll() is None
            assert own.poll() is None
        finally:
            stranger.kill()
            own.kill()


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_orphans_whose_owner_lives_are_left_alone() -> None:
    with isolated("sim"):
        own = subprocess.Popen(SLEEPS)
        with own:
            ran = subprocess.run(
                [sys.executable, "-c", CLEANS], capture_output=True, text=True, check=True
            )
            assert f"process {own.pid} " not in ran.stdout
            assert own.poll() is None
            own.kill()


@pytest.mark.parametrize("layer", ["sim", "wire", "real"])
def test_a_session_and_a_fault_are_scheduled_where_nothing_moves_by_itself(layer: str) -> None:
    with isolated(layer) as instance:
        pool = instance.pool
        with pool.session() as session:
            assert session.submit("echo").result() == [[], ["echo", 0]]
            assert session.submit("echo").result() == [[0], ["echo", 1]]
        lost = pool.submit("echo")
        pool.go_on(lambda: any(task == lost.task for task, _ in pool.started))
        worker = next(worker for task, worker in pool.started if task == lost.task)
        assert pool.do(trace.Crash(worker))
        with pytest.raises(WorkerLost):
            lost.result()


def test_the_pool_of_a_schedule_does_not_wait_for_what_will_never_come() -> None:
    with isolated("sim", {"size": 1}) as instance:
        with inject_failure("partition", instance):
            future = instance.pool.submit()
            with pytest.raises(TimeoutError, match="it did not come"):
                future.result(timeout=1e9)  # whoever waited for it would wait for ever
        assert future.result() == ["echo", future.task]

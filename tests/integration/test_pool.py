"""The public pool with real processes: what clients see, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import select
import signal
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pool import BreakerPolicy, Pool, TaskFuture, errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., Pool]

pytestmark = pytest.mark.integration

LIMIT = 10.0  # seconds; nothing here takes as long, and what does hangs

# Python 3.12 and later warn that a child forked beside threads may find locks held; what a worker
# forked from the pool's loop does before its first task takes none of them.
FORK = pytest.param(
    "fork", marks=pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
)
every_method = pytest.mark.parametrize("method", ["forkserver", FORK, "spawn"], indirect=True)


# What the workers run, beside functions of the standard library.


def fail(error: BaseException | type[BaseException]) -> None:
    raise error


def die_once(path: Path) -> str:
    if not path.exists():
        path.touch()
        signal.raise_signal(signal.SIGKILL)
    return "survived"


def pass_gate(begun: Path, gate: Path, value: Any) -> Any:
    """Says that it began, and returns when the test opens the gate."""
    with gate.open("rb", buffering=0) as end:
        begun.write_bytes(b"b")
        end.read(1)
    return value


def note_and_fail(path: Path) -> None:
    with path.open("a") as file:
        file.write("started\n")
    fail(ValueError)


class MaskedError(Exception):
    """Its pickle is rebuilt as something that is no exception."""

    def __reduce__(self) -> tuple[Any, ...]:
        return str, ("no exception",)


# Around each test.


@pytest.fixture(scope="module", autouse=True)
def _stdlib_processes_run() -> None:
    """The forkserver and the resource tracker are the standard library's, and stay."""
    for method in ("forkserver", "spawn"):
        with Pool(size=1, start_method=method) as pool:
            pool.submit(abs, -1).result(LIMIT)


def footprint() -> tuple[set[Any], set[Any], set[Any]]:
    """Descendants, threads, and open descriptors of this process."""
    descriptors = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that lists the others
            descriptors.add((name, os.readlink(f"/proc/self/fd/{name}")))
    return set(psutil.Process().children(recursive=True)), set(threading.enumerate()), descriptors


@pytest.fixture(autouse=True)
def _nothing_is_left(_stdlib_processes_run: None) -> Iterator[None]:
    before = footprint()
    yield
    left = [now - then for now, then in zip(footprint(), before, strict=True)]
    assert left == [set(), set(), set()]


@pytest.fixture
def method(request: pytest.FixtureRequest) -> Any:
    return getattr(request, "param", "forkserver")


@pytest.fixture
def start(method: str) -> Iterator[Start]:
    """Makes pools, and shuts them down after the test."""
    pools: list[Pool] = []

    def make(size: int = 1, **settings: Any) -> Pool:
        pools.append(Pool(size=size, start_method=method, **settings))
        return pools[-1]

    yield make
    for pool in pools:
        pool.shutdown(cancel_futures=True, grace=0)


class Gate:
    """Holds tasks until the test lets one through."""

    def __init__(self, directory: Path) -> None:
        self.paths = directory / "begun", directory / "gate"
        for path in self.paths:
            os.mkfifo(path)
        self._begun, self._gate = (os.open(path, os.O_RDWR) for path in self.paths)

    def held(self, pool: Pool, value: Any = None) -> TaskFuture[Any]:
        """A task that certainly runs, and waits at the gate."""
        future = pool.submit(pass_gate, *self.paths, value)
        assert select.select([self._begun], [], [], LIMIT)[0]
        os.read(self._begun, 1)
        return future

    def open(self) -> None:
        os.write(self._gate, b"o")

    def close(self) -> None:
        os.write(self._gate, b"o" * 8)  # whoever is still held goes on
        os.close(self._begun)
        os.close(self._gate)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.close()


# Results and exceptions.


@every_method
def test_map_gives_results_in_the_order_of_its_arguments(start: Start) -> None:
    assert [n * n for n in range(50)] == list(start(2).map(pow, range(50), [2] * 50))


@every_method
def test_exception_comes_back_with_the_workers_traceback_as_its_cause(start: Start) -> None:
    error = start().submit(fail, KeyError("key")).exception(LIMIT)
    assert (type(error), error.args) == (KeyError, ("key",))
    assert isinstance(error.__cause__, errors.WorkerTraceback)
    assert "in fail\n    raise error\n" in error.__cause__.text


@every_method
def test_eight_mebibytes_go_both_ways_for_several_tasks_at_once(start: Start) -> None:
    blobs = [bytes([number]) * (8 << 20) for number in range(4)]
    assert blobs == list(start(2).map(bytes, blobs, timeout=LIMIT))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ((fail, SystemExit(3)), SystemExit),
        ((fail, KeyboardInterrupt("stop")), KeyboardInterrupt),
        ((threading.Lock,), errors.PayloadError),
    ],
)
def test_task_that_ends_badly_says_so_and_its_worker_lives(
    start: Start, call: Any, expected: type[BaseException]
) -> None:
    pool = start()
    worker = pool.submit(os.getpid).result(LIMIT)
    assert type(pool.submit(*call).exception(LIMIT)) is expected
    assert worker == pool.submit(os.getpid).result(LIMIT)


def test_exception_that_rebuilds_as_something_else_harms_no_other_task(start: Start) -> None:
    pool = start()
    masked = pool.submit(fail, MaskedError)
    assert pool.submit(abs, -1).result(LIMIT) == 1
    assert type(masked.exception(LIMIT)) is errors.PayloadError


def test_task_that_prints_harms_nobody(start: Start) -> None:
    pool = start()
    assert pool.submit(print, "noise", flush=True).result(LIMIT) is None
    assert pool.submit(os.write, 1, b"\0pc\xff noise").result(LIMIT) == 10


# Deadlines, cancel, kill.


@every_method
def test_task_past_its_deadline_times_out_and_its_worker_is_replaced(start: Start) -> None:
    pool = start()
    worker = pool.submit(os.getpid).result(LIMIT)
    error = pool.options(deadline=0.05).submit(signal.pause).exception(LIMIT)
    assert type(error) is errors.TaskTimeout
    assert (error.task, error.worker, error.attempt, error.started) == (1, 0, 1, True)
    assert worker != pool.submit(os.getpid).result(LIMIT)


@pytest.mark.parametrize("setting", ["init_timeout", "task_timeout"])
def test_bound_of_a_month_is_no_error(start: Start, setting: str) -> None:
    assert start(**{setting: 30 * 86400.0}).submit(abs, -1).result(LIMIT) == 1


def test_cancelled_waiting_task_never_starts(start: Start, gate: Gate, tmp_path: Path) -> None:
    pool = start()
    held, waiting = gate.held(pool), pool.submit(Path.touch, tmp_path / "touched")
    assert (waiting.cancel(), waiting.cancelled(), held.cancel()) == (True, True, False)
    gate.open()
    pool.shutdown()
    assert not (tmp_path / "touched").exists()


@every_method
def test_killed_running_task_ends_with_its_worker(start: Start, gate: Gate) -> None:
    pool = start()
    worker = pool.submit(os.getpid).result(LIMIT)
    held = gate.held(pool)
    assert held.kill() is True
    assert type(held.exception(LIMIT)) is errors.TaskCancelled
    assert worker != pool.submit(os.getpid).result(LIMIT)


def test_task_killed_by_the_callback_of_another_is_resolved(start: Start, gate: Gate) -> None:
    pool = start()
    gate.held(pool)
    first, second = pool.submit(abs, -1), pool.submit(abs, -2)
    first.add_done_callback(lambda _: second.kill())
    ending = {"wait": False, "cancel_futures": True}
    client = threading.Thread(target=pool.shutdown, kwargs=ending, daemon=True)
    client.start()
    client.join(LIMIT)
    assert second.done()


# Lost workers.


@every_method
def test_killed_worker_loses_its_task_and_the_pool_works_on(start: Start) -> None:
    pool = start()
    error = pool.submit(signal.raise_signal, signal.SIGKILL).exception(LIMIT)
    assert type(error) is errors.WorkerLost
    assert (error.task, error.worker, error.attempt, error.started) == (0, 0, 1, True)
    assert "exited with code -9" in str(error)
    assert pool.submit(abs, -1).result(LIMIT) == 1


@every_method
def test_idempotent_task_survives_the_death_of_its_worker(start: Start, tmp_path: Path) -> None:
    pool = start().options(idempotent=True)
    assert pool.submit(die_once, tmp_path / "died").result(LIMIT) == "survived"


def test_task_sent_to_a_dead_worker_runs_on_the_next(start: Start) -> None:
    pool = start()
    worker = pool.submit(os.getpid).result(LIMIT)
    os.kill(worker, signal.SIGKILL)
    assert worker != pool.submit(os.getpid).result(LIMIT)


def test_task_that_closes_all_descriptors_harms_nobody_else(start: Start, gate: Gate) -> None:
    pool = start(2)
    held = gate.held(pool, "passed")
    assert type(pool.submit(os.closerange, 0, 4096).exception(LIMIT)) is errors.WorkerLost
    gate.open()
    assert held.result(LIMIT) == "passed"
    assert pool.submit(abs, -1).result(LIMIT) == 1


# Starting.


@every_method
def test_initializer_runs_once_before_the_first_task(start: Start) -> None:
    pool = start(initializer=os.nice, initargs=(3,))
    assert os.nice(0) + 3 == pool.submit(os.nice, 0).result(LIMIT)


@every_method
@pytest.mark.parametrize("probes", [0, 2])
def test_initializer_that_raises_breaks_the_pool_after_3_starts_and_its_probes(
    start: Start, tmp_path: Path, probes: int
) -> None:
    breaker = BreakerPolicy(failures_max=3, openings_max=probes, cooldown=0.05)
    pool = start(initializer=note_and_fail, initargs=(tmp_path / "starts",), breaker=breaker)
    for _ in range(2):
        with pytest.raises(errors.PoolBroken):
            pool.submit(abs, -1).result(LIMIT)
    pool.shutdown()
    assert (tmp_path / "starts").read_text() == "started\n" * (3 + probes)


def test_task_beyond_the_queue_limit_is_refused_at_once(start: Start, gate: Gate) -> None:
    pool = start(queue_limit=1)
    held, waiting = gate.held(pool, "passed"), pool.submit(abs, -1)
    with pytest.raises(errors.PoolSaturated, match="the queue is full: 1 tasks are waiting"):
        pool.submit(abs, -2)
    gate.open()
    assert (held.result(LIMIT), waiting.result(LIMIT)) == ("passed", 1)


# Ending.


@every_method
def test_end_of_the_with_statement_is_a_shutdown_that_runs_what_was_accepted(start: Start) -> None:
    with start() as pool:
        futures = [pool.submit(abs, -n) for n in range(5)]
    assert [future.result(0) for future in futures] == [0, 1, 2, 3, 4]
    assert pool.pids() == {}


def test_shutdown_cancels_what_waits_if_told_to(start: Start, gate: Gate) -> None:
    pool = start()
    held, waiting = gate.held(pool, "passed"), pool.submit(abs, -1)
    pool.shutdown(wait=False, cancel_futures=True)
    assert (waiting.cancelled(), held.running()) == (True, True)
    gate.open()
    assert held.result(LIMIT) == "passed"


@every_method
def test_shutdown_kills_what_outlives_its_grace(start: Start, gate: Gate) -> None:
    pool = start()
    held, waiting = gate.held(pool), pool.submit(abs, -1)
    pool.shutdown(grace=0.05)
    for future, started in ((held, True), (waiting, False)):
        error = future.exception(0)
        assert (type(error), error.started) == (errors.PoolShutdown, started)


def test_submit_after_shutdown_is_refused(start: Start) -> None:
    pool = start()
    for wait in (False, True):
        pool.shutdown(wait=wait)
        with pytest.raises(errors.PoolShutdown, match="cannot submit after shutdown"):
            pool.submit(abs, -1)


@every_method
def test_dropped_pool_runs_what_it_accepted_and_ends(method: str, gate: Gate) -> None:
    pool = Pool(size=1, start_method=method)
    held, waiting = gate.held(pool, "passed"), pool.submit(abs, -1)
    thread, dropped = pool._loop._thread, weakref.ref(pool)
    del pool
    assert dropped() is None
    gate.open()
    assert (held.result(LIMIT), waiting.result(LIMIT)) == ("passed", 1)
    thread.join(LIMIT)
    assert not thread.is_alive()


# The standard library around it.


def test_futures_can_be_waited_for_together(start: Start, gate: Gate) -> None:
    pool = start()
    held, failing, cancelled = gate.held(pool), pool.submit(fail, ValueError), pool.submit(abs, -1)
    cancelled.cancel()
    every = {held, failing, cancelled}
    first = concurrent.futures.wait(every, LIMIT, concurrent.futures.FIRST_COMPLETED)
    assert ({cancelled}, {held, failing}) == first
    gate.open()
    assert every == set(concurrent.futures.as_completed(every, LIMIT))


def test_asyncio_awaits_and_cancels_tasks(start: Start, gate: Gate) -> None:
    pool = start()

    async def use() -> list[Any]:
        held, waiting = gate.held(pool, "passed"), pool.submit(abs, -1)
        wrapped = asyncio.wrap_future(waiting)
        wrapped.cancel()
        await asyncio.wait([wrapped], timeout=LIMIT)
        assert waiting.cancelled()
        failing = asyncio.get_running_loop().run_in_executor(pool, fail, ValueError("no"))
        gate.open()
        both = asyncio.gather(asyncio.wrap_future(held), failing, return_exceptions=True)
        return await asyncio.wait_for(both, LIMIT)

    passed, failed = asyncio.run(use())
    assert (passed, type(failed)) == ("passed", ValueError)

"""The pool's process holds no more memory after hundreds of thousands of tasks than after some.

What is measured is the memory that this process alone holds, after a garbage collection. A pool
that kept one byte string of each task would grow by more than ten mebibytes here.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pool import Pool, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.integration, pytest.mark.chaos]

LIMIT = 60.0  # seconds without any answer at all: then something hangs
IN_FLIGHT = 64
WARM_UP = 20_000  # tasks, until every buffer and cache has its size
TASKS = 300_000
SESSIONS = 20_000
DEATHS = 1_000
BYTES_MAX = 1 << 20  # growth that the allocator's own ways may cause

FORK = pytest.param(
    "fork", marks=pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
)


def own_bytes() -> int:
    """The memory that this process shares with no other."""
    gc.collect()
    fields = dict.fromkeys(("Private_Clean", "Private_Dirty"), 0)
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in fields:
            fields[name] += int(rest.split()[0]) * 1024
    return sum(fields.values())


def run_many(submit: Callable[[int], Any], count: int) -> None:
    """So many tasks were submitted and answered, a bounded number of them at once."""
    room = threading.Semaphore(IN_FLIGHT)
    for number in range(count):
        assert room.acquire(timeout=LIMIT), f"nothing was answered for {LIMIT} s"
        submit(number).add_done_callback(lambda _: room.release())
    for _ in range(IN_FLIGHT):
        assert room.acquire(timeout=LIMIT), f"nothing was answered for {LIMIT} s"


@pytest.mark.parametrize("method", [FORK, "forkserver"])
def test_memory_is_flat_over_hundreds_of_thousands_of_tasks(method: str) -> None:
    with Pool(size=2, start_method=method) as pool:
        run_many(lambda number: pool.submit(abs, -number), WARM_UP)
        before = own_bytes()
        run_many(lambda number: pool.submit(abs, -number), TASKS)
        grown = own_bytes() - before
    assert grown < BYTES_MAX, f"{grown} bytes more after {TASKS} tasks"


def count_up(state: dict[str, int]) -> int:
    state["calls"] = state.get("calls", 0) + 1
    return state["calls"]


def test_memory_is_flat_over_thousands_of_sessions() -> None:
    def serve(pool: Pool, name: int) -> None:
        with pool.session(name) as session:
            assert session.submit(count_up).result(LIMIT) == 1

    with Pool(size=2) as pool:
        for name in range(WARM_UP // 10):
            serve(pool, name)
        before = own_bytes()
        for name in range(SESSIONS):
            serve(pool, name)
        grown = own_bytes() - before
    assert grown < BYTES_MAX, f"{grown} bytes more after {SESSIONS} sessions"


def test_memory_is_flat_over_hundreds_of_deaths(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR", "pool")  # pytest keeps each record, and each death makes one

    def lose_a_worker(pool: Pool) -> None:
        lost = pool.submit(signal.raise_signal, signal.SIGKILL)
        assert isinstance(lost.exception(LIMIT), WorkerLost)
        assert pool.submit(os.getppid).result(LIMIT) > 0

    with Pool(size=2) as pool:
        for _ in range(DEATHS // 4):
            lose_a_worker(pool)
        before = own_bytes()
        for _ in range(DEATHS):
            lose_a_worker(pool)
        grown = own_bytes() - before
    assert grown < BYTES_MAX // 4, f"{grown} bytes more after {DEATHS} deaths"

"""A parent that holds locks while workers start, and clients that forget what they asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest
from hostile import FORK, LIMIT

from pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

LOG: Final = logging.getLogger("careless")


def log_and_print(number: int) -> int:
    """Takes locks of its own process which the parent's other thread holds in the parent."""
    LOG.warning("task %d", number)
    sys.stdout.write(f"task {number}\n")
    return number


@contextlib.contextmanager
def holding_locks() -> Iterator[None]:
    """Another thread of this program holds a log handler's lock."""
    held, over = threading.Event(), threading.Event()
    handler = logging.StreamHandler(sys.stderr)
    lock = handler.lock
    assert lock is not None
    LOG.addHandler(handler)

    def hold() -> None:
        with lock:
            held.set()
            over.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(LIMIT)
    try:
        yield
    finally:
        over.set()
        holder.join()
        LOG.removeHandler(handler)


@pytest.mark.parametrize("method", ["forkserver", FORK, "spawn"])
def test_workers_start_while_other_threads_hold_locks(method: str) -> None:
    with Pool(size=2, start_method=method) as pool:
        assert pool.submit(abs, -1).result(LIMIT) == 1
        with holding_locks():
            for pid in pool.pids().values():
                os.kill(pid, signal.SIGKILL)
            bold = pool.options(idempotent=True, retries=3)
            # A forked worker has the streams of its parent, and the locks in them as they were: who
            # uses those in a task has the same trouble with every fork beside a thread.
            work = abs if method == "fork" else log_and_print
            answers = [bold.submit(work, number) for number in range(8)]
            assert [answer.result(LIMIT) for answer in answers] == list(range(8))


def note(path: Path, number: int) -> None:
    """Leaves a file behind."""
    (path / str(number)).touch()


def test_a_task_that_nobody_waits_for_runs_all_the_same(tmp_path: Path) -> None:
    with Pool(size=2) as pool:
        for number in range(20):
            pool.submit(note, tmp_path, number)
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == list(range(20))

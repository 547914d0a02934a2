"""A pool around hostile tasks: what their clients are told, and that nobody else is harmed."""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest

from pool import Category, PayloadError, Pool, Severity, Strategy, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pool import TaskFuture

LIMIT: Final = 60.0  # seconds; nothing here takes as long, and what does hangs
OTHERS: Final = 40

# Python 3.12 and later warn that a child forked beside threads may find locks held; what a worker
# forked from the pool's loop does before its first task takes none of them.
FORK: Final = pytest.param(
    "fork", marks=pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
)


@pytest.fixture(name="pool", params=["forkserver", FORK])
def two_workers(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """A pool of two workers."""
    with Pool(size=2, start_method=request.param) as pool:
        yield pool


def among_others(pool: Pool, fn: Callable[..., Any], *args: Any) -> TaskFuture[Any]:
    """The task's future, once it and eighty others, around it in the queue, have ended well."""
    before = [pool.submit(abs, -number) for number in range(OTHERS)]
    future = pool.submit(fn, *args)
    after = [pool.submit(abs, -number) for number in range(OTHERS)]
    assert [other.result(LIMIT) for other in before + after] == 2 * list(range(OTHERS))
    future.exception(LIMIT)
    return future


def lost(future: TaskFuture[Any], words: str) -> WorkerLost:
    """The error of a task that took its worker with it; it says who and how."""
    error = future.exception(LIMIT)
    assert type(error) is WorkerLost, error
    told = f"task {future.task} was lost with worker {error.worker}: {words}; it may have started"
    assert str(error) == told
    facts = (error.task, error.attempt, error.started, error.cause)
    assert facts == (future.task, 1, True, words)
    kind = (error.category, error.severity, error.strategy)
    assert kind == (Category.CONNECTION, Severity.MAJOR, Strategy.ABANDON)
    return error


def not_sent(future: TaskFuture[Any], *words: str) -> PayloadError:
    """The error of a task whose answer could not cross; it says of what type, why and whose."""
    error = future.exception(LIMIT)
    assert type(error) is PayloadError, error
    assert [word for word in words if word not in str(error)] == [], error
    assert (error.task, error.attempt, error.started) == (future.task, 1, True)
    assert error.worker is not None
    assert error.category is Category.COMMUNICATION
    return error


def alive_after(pids: list[int], seconds: float) -> list[int]:
    """Those of the processes that still live then; an orphan that init has not buried does not."""
    until = time.monotonic() + seconds
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            ended = os.pidfd_open(pid)
            select.select([ended], [], [], max(0.0, until - time.monotonic()))
            os.close(ended)
    return [pid for pid in pids if not is_dead(pid)]


def is_dead(pid: int) -> bool:
    """Whether no such process runs; an orphan that init has not buried yet does not."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True

"""What the page of errors says a future's error means, held against real ones."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pool import (
    BreakerPolicy,
    PayloadError,
    Pool,
    PoolBroken,
    PoolError,
    PoolForked,
    PoolSaturated,
    PoolShutdown,
    SessionLost,
    TaskCancelled,
    TaskTimeout,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

# Python 3.12 and later warn that a child forked beside threads may find locks held; the one that is
# forked here only looks at a future and ends.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
LIMIT_S = 30.0


def hang() -> None:
    threading.Event().wait()


def begin(fifo: str) -> None:
    os.close(os.open(fifo, os.O_WRONLY))
    hang()


def crash(*_: Any) -> NoReturn:
    os._exit(1)


def fail() -> NoReturn:
    raise RuntimeError("no licence")


def make_lambda() -> Callable[[], None]:
    return lambda: None


class Unbuildable:
    """Pickles, but cannot be rebuilt."""

    def __reduce__(self) -> tuple[Callable[[], NoReturn], tuple[()]]:
        return fail, ()


def running(pool: Pool) -> Future[None]:
    """A task whose function has begun, and never ends by itself."""
    with tempfile.TemporaryDirectory() as folder:
        fifo = os.path.join(folder, "begun")
        os.mkfifo(fifo)
        future = pool.submit(begin, fifo)
        os.close(os.open(fifo, os.O_RDONLY))  # waits for the other end
    return future


def timeouts() -> list[Future[Any]]:
    with Pool(size=1) as pool:
        first = running(pool)
        waiting = pool.options(deadline=0.1).submit(hang)
        waiting.exception(LIMIT_S)
        first.kill()
        pool.submit(abs, 1).result(LIMIT_S)
        runs = pool.options(deadline=0.5).submit(hang)
    return [waiting, runs]


def killed() -> list[Future[Any]]:
    with Pool(size=1) as pool:
        future = running(pool)
        future.kill()
    return [future]


def lost() -> list[Future[Any]]:
    with Pool(size=1) as pool:
        return [pool.submit(crash)]


def sessions_lost() -> list[Future[Any]]:
    with Pool(size=1) as pool:
        session = pool.session("alice")
        return [session.submit(crash), session.submit(crash)]


def shut_down() -> list[Future[Any]]:
    pool = Pool(size=1)
    futures = [running(pool), pool.submit(hang)]
    pool.shutdown(grace=0)
    return futures


def broken() -> list[Future[Any]]:
    policy = BreakerPolicy(failures_max=1, openings_max=0)
    with Pool(size=1, initializer=fail, breaker=policy) as pool:
        return [pool.submit(abs, 1)]


def payloads() -> list[Future[Any]]:
    with Pool(size=1) as pool:
        return [pool.submit(make_lambda), pool.submit(repr, Unbuildable())]


@pytest.mark.parametrize(
    ("scene", "kind", "started"),
    [
        (timeouts, TaskTimeout, [False, True]),
        (killed, TaskCancelled, [True]),
        (lost, WorkerLost, [True]),
        (sessions_lost, SessionLost, [True, False]),
        (shut_down, PoolShutdown, [True, False]),
        (broken, PoolBroken, [False]),
        (payloads, PayloadError, [True, False]),
    ],
)
def test_a_futures_error_says_of_its_start_what_the_page_says(
    scene: Callable[[], list[Future[Any]]], kind: type[PoolError], started: list[bool]
) -> None:
    errors = [future.exception(LIMIT_S) for future in scene()]
    assert [type(error) for error in errors] == [kind] * len(started)
    assert [error.started for error in errors if isinstance(error, PoolError)] == started
    told, categories = promised(kind)
    assert set(started) <= told
    assert {error.category for error in errors if isinstance(error, PoolError)} <= categories


def promised(kind: type[PoolError]) -> tuple[set[bool], set[str]]:
    """What the page says that `started` and `category` of a future's error can be."""
    (row,) = re.findall(rf"^\| `{kind.__name__}` \| [^|]+ \| a future.*$", PAGE.read_text(), re.M)
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    return {word == "True" for word in cells[3].split(", ")}, set(re.findall(r"`(\w+)`", cells[5]))


def test_in_a_forked_child_a_future_says_that_its_task_may_have_started() -> None:
    with Pool(size=1) as pool:
        future = running(pool)
        child = os.fork()
        if child == 0:
            error = future.exception(LIMIT_S)
            told = isinstance(error, PoolForked) and error.started and error.task == future.task
            os._exit(0 if told else 1)
        _, status = os.waitpid(child, 0)
        future.kill()
    assert os.waitstatus_to_exitcode(status) == 0
    assert promised(PoolForked)[0] == {True}


def test_what_submit_refuses_did_not_start() -> None:
    refused: list[PoolError] = []
    pool = Pool(size=1, queue_limit=1)
    busy, waiting = running(pool), pool.submit(abs, 1)
    with pytest.raises(PoolSaturated) as saturated:
        pool.submit(hang)
    with pytest.raises(PayloadError) as payload:
        pool.submit(make_lambda())
    refused += [saturated.value, payload.value]
    busy.kill()
    assert waiting.result(LIMIT_S) == 1
    pool.shutdown()
    with pytest.raises(PoolShutdown) as shutdown:
        pool.submit(abs, 1)
    refused.append(shutdown.value)
    assert [error.started for error in refused] == [False] * 3

"""Assertions about pools whose failures read as sentences."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from machines.harness import inside
from machines.harness.ready import ensure_pool_ready, worker_pids
from machines.harness.staged import StagedFuture, StagedPool, StagedSession
from machines.harness.waiting import TIMEOUT_S, WaitedTooLong, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pool import PoolConfig


class Resolutions:
    """Counts how often each of some futures resolves, from when it is told of them.

    Args:
        futures: whose resolutions are counted, one that has resolved already too.
    """

    def __init__(self, futures: Iterable[Future[Any]]) -> None:
        self.futures = list(futures)
        self._counts: Counter[int] = Counter()
        self._seen: dict[int, tuple[Any, ...]] = {}
        for number, future in enumerate(self.futures):
            future.add_done_callback(self._note(number))

    def _note(self, number: int) -> Callable[[Future[Any]], None]:
        def note(future: Future[Any]) -> None:
            self._counts[number] += 1
            self._seen.setdefault(number, _outcome(future))

        return note

    def wrong(self) -> list[str]:
        """What is not as it should be, a sentence each; empty if each resolved once."""
        sentences = []
        for number, future in enumerate(self.futures):
            count = self._counts[number]
            if isinstance(future, StagedFuture):
                count = max(count, future.pool.answers.get(future.task, 0))
            if count != 1:
                sentences.append(f"future {number} resolved {count} times, not once")
            elif self._seen[number] != (now := _outcome(future)):
                was = self._seen[number]
                sentences.append(f"future {number} was {_words(was)}, and is now {_words(now)}")
        return sentences


def assert_resolves_once(
    futures: Iterable[Future[Any]] | Resolutions, timeout: float = TIMEOUT_S
) -> None:
    """Each of the futures resolves, exactly once, and stays as it resolved.

    Args:
        futures: what was submitted; or a `Resolutions`, which has watched them since.
        timeout: seconds until all must have resolved; virtual ones on a layer with a schedule.

    Raises:
        AssertionError: one did not, did twice, or changed; each has its sentence.
    """
    watched = futures if isinstance(futures, Resolutions) else Resolutions(futures)
    late = []
    for number, future in enumerate(watched.futures):
        try:
            if isinstance(future, StagedFuture):
                future.pool.go_on(future.done, timeout)
            else:
                wait_for(future, timeout)
        except TimeoutError:
            late.append(f"future {number} did not resolve within {timeout:g} s")
    sentences = late or watched.wrong()
    if sentences:
        raise AssertionError("; ".join(sentences))


def assert_affinity(session: Any, tasks: int = 8, timeout: float = TIMEOUT_S) -> None:
    """The session's tasks run on one worker, in the order submitted, on one state.

    Args:
        session: what has a `submit` that takes a function of the session's state; it gets tasks.
        tasks: how many, at least 2.
        timeout: seconds until all must have ended.

    Raises:
        ValueError: one task alone shows nothing.
        AssertionError: they ran on several workers, in another order, or found other states.
    """
    if tasks < 2:
        raise ValueError(f"tasks must be at least 2, not {tasks}: one alone shows nothing")
    if isinstance(session, StagedSession):
        places, orders = _staged_places(session, tasks)
    else:
        told = [session.submit(inside.where, number) for number in range(tasks)]
        shown = [future.result(timeout) for future in told]
        places = [pid for pid, _ in shown]
        orders = [order for _, order in shown]
    if len(set(places)) > 1:
        where = ", ".join(f"task {n} on {place}" for n, place in enumerate(places))
        raise AssertionError(f"the session's tasks ran on {len(set(places))} workers: {where}")
    for number, found in enumerate(orders):
        if found[-1:] != [number] or found[:-1] != (orders[number - 1] if number else []):
            raise AssertionError(
                f"task {number} found {found[:-1]} done before it in the session's state, "
                f"not {list(range(number))}: another order, or another state"
            )


def assert_recovers(pool: Any, timeout: float = TIMEOUT_S, workers: int | None = None) -> None:
    """The pool has as many workers as it should, they live, and it answers a task.

    Args:
        pool: as for `ensure_pool_ready`.
        timeout: seconds that it may take; virtual ones on a layer with a schedule.
        workers: how many it should have; what it is configured to, unless given.

    Raises:
        AssertionError: it does not come back; the message says how it was last.
    """
    count = workers if workers is not None else _size(pool)
    try:
        ensure_pool_ready(pool, count, timeout)
        if isinstance(pool, StagedPool):
            answer, expected = pool.submit("echo").result(timeout)[0], "echo"
        else:
            answer, expected = pool.submit(inside.echo, "echo").result(timeout), "echo"
    except WaitedTooLong as error:
        raise AssertionError(f"the pool did not recover: {error}") from error
    except Exception as error:  # whatever a pool answers that has not recovered
        raise AssertionError(
            f"the pool did not recover: a task of it ended with {error!r}"
        ) from error
    if answer != expected:
        raise AssertionError(f"the pool did not recover: it answered {answer!r}, not {expected!r}")


def _size(pool: Any) -> int:
    config: PoolConfig | None = getattr(pool, "config", None)
    if config is not None:
        return config.size
    known = getattr(pool, "_max_workers", None)
    return int(known) if known is not None else max(1, len(worker_pids(pool)))


def _staged_places(session: StagedSession, tasks: int) -> tuple[list[Any], list[list[int]]]:
    futures = [session.submit("echo") for _ in range(tasks)]
    numbers = [future.task for future in futures]
    marks = [future.result()[0] for future in futures]
    first = len(marks[0])
    at = {number: place for place, number in enumerate(numbers)}
    orders = [
        [at.get(mark, -1) for mark in found[first:]] + [place] for place, found in enumerate(marks)
    ]
    by = dict(session.pool.started)
    return [by[number] for number in numbers], orders


def _outcome(future: Future[Any]) -> tuple[Any, ...]:
    try:
        error = future.exception(0)
    except CancelledError:
        return ("cancelled", None)
    if error is not None:
        return ("raised", repr(error))
    return ("returned", repr(future.result(0)))


def _words(outcome: tuple[Any, ...]) -> str:
    return " ".join(word for word in outcome if word is not None)

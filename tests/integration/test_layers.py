"""What every layer's pool does, by scenarios written once: sessions, failure, load, errors.

Pools are as the suites' configuration has them, each test's its own; nothing is sent ahead, so that
a task waits until a worker is free.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import pytest
from layered import LAYERS, SETTINGS, Layered, by_turns, layered, on, settle, spread, whole

from machines.harness import assert_affinity, assert_recovers, assert_resolves_once
from pool import PayloadError, PoolSaturated, PoolShutdown, SessionLost, TaskTimeout, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

pytestmark = [pytest.mark.integration, pytest.mark.parametrize("layer", LAYERS)]

SESSIONS = 5
TURNS = 6


@pytest.fixture
def one(layer: str) -> Iterator[Layered]:
    """A pool on the layer, of the configured size."""
    with on(layer) as instance:
        yield layered(instance)


# Sessions.


def served(one: Layered, turns: int = TURNS) -> list[list[Future[Any]]]:
    """Each of several sessions has submitted so many tasks, all of them at once."""
    sessions = [one.open() for _ in range(SESSIONS)]
    futures: list[list[Future[Any]]] = [[] for _ in sessions]

    def serve(at: int) -> None:
        futures[at] += [one.submit(session=sessions[at]) for _ in range(turns)]

    one.at_once([lambda at=at: serve(at) for at in range(SESSIONS)])  # type: ignore[misc]
    return futures


def test_sessions_at_once_each_see_their_own_tasks_in_order_and_no_other(one: Layered) -> None:
    for futures in served(one):
        assert_resolves_once(futures)
        numbers = [one.number(future) for future in futures]
        for at, future in enumerate(futures):
            assert one.marks(future) == numbers[:at]


def test_every_task_of_a_session_runs_on_one_worker_and_all_sessions_do(one: Layered) -> None:
    """Affinity is 100%; there is nothing to be measured against a lower bound."""
    among = [one.submit() for _ in range(TURNS)]
    lists = served(one)
    for futures in lists:
        assert len(spread(map(one.place, futures))) == 1
    tasks = list(by_turns(lists))
    at_home = sum(
        one.place(task) == one.place(lists[n % SESSIONS][0]) for n, task in enumerate(tasks)
    )
    assert at_home == len(tasks) == SESSIONS * TURNS
    assert_resolves_once(among)


def test_a_session_stays_where_it_is_when_another_worker_dies(one: Layered) -> None:
    session = one.open()
    home = one.place(one.submit(session=session))
    other = one.submit("stick")
    died = one.begun(other)
    assert died != home
    one.kill(died)
    assert isinstance(other.exception(), WorkerLost)
    whole(one)
    assert one.place(one.submit(session=session)) == home
    assert_affinity(session)


# Recovery.


def test_a_pool_recovers_from_a_worker_that_dies_at_work(one: Layered) -> None:
    held = one.submit("stick")
    waiting = [one.submit() for _ in range(TURNS)]
    died = one.begun(held)
    one.kill(died)
    error = held.exception()
    assert isinstance(error, WorkerLost)
    assert (error.worker, error.started) == (died, True)
    assert_resolves_once([held, *waiting])
    assert all(one.place(future) != died for future in waiting)
    assert_recovers(one.pool)


def test_an_idempotent_task_is_run_again_elsewhere_as_often_as_it_may(one: Layered) -> None:
    task = one.submit("stick", retries=1)
    first = one.begun(task)
    one.kill(first)
    second = one.begun(task, after=first)
    one.kill(second)
    error = task.exception()
    assert isinstance(error, WorkerLost)
    assert (error.worker, error.attempt) == (second, 2)
    assert_resolves_once([task])
    whole(one)


def test_a_lost_session_is_loud_until_it_is_opened_again(one: Layered) -> None:
    session = one.open()
    home = one.place(one.submit(session=session))
    held, waiting = one.submit("stick", session), one.submit("echo", session)
    assert one.begun(held) == home
    one.kill(home)
    for future in (held, waiting):
        assert isinstance(future.exception(), SessionLost)
    with pytest.raises(SessionLost):
        one.submit(session=session)
    session.reopen()
    assert one.marks(one.submit(session=session)) == []
    whole(one)


# Load.


def test_while_tasks_wait_no_worker_is_idle(one: Layered) -> None:
    """The spread of as many tasks as there are workers is one each, whoever is quicker.

    Each of a party ends only when all of it have started. A worker runs one at a time (S4), so as
    many as there are workers can only start together on different ones: the bound is exact.
    """
    size = one.pool.config.size
    whole(one)
    for _ in range(3):
        party = one.submit_held(size)
        assert sorted(spread(map(one.place, party)).values()) == [1] * size


def test_a_worker_that_is_held_up_gets_nothing_and_the_others_all(one: Layered) -> None:
    whole(one)
    held = one.submit("stick")
    slow = one.begun(held)
    tasks = [one.submit() for _ in range(4 * one.pool.config.size)]
    places = spread(map(one.place, tasks))
    assert slow not in places
    assert places.total() == len(tasks)
    one.kill(slow)
    assert isinstance(held.exception(), WorkerLost)


@pytest.mark.parametrize("strategy", ["fifo", "lifo"])
def test_tasks_one_after_another_go_round_or_stay_as_the_strategy_says(
    layer: str, strategy: str
) -> None:
    """By the strategy's own meaning: the worker idle longest, in turn; or the one just idle."""
    size = 3
    with on(layer, size=size, strategy=strategy) as instance:
        one = layered(instance)
        whole(one)
        places = spread(one.place(one.submit()) for _ in range(4 * size))
    expected = [4] * size if strategy == "fifo" else [4 * size]
    assert sorted(places.values()) == expected


# Errors.


def test_what_a_function_raises_is_what_its_client_gets(one: Layered, layer: str) -> None:
    future = one.submit("fail")
    error = future.exception()
    assert error is not None
    number = one.number(future)
    if layer == "free":
        assert (type(error), error.args) == (ValueError, (f"task {number}",))
    else:  # told in canonical words
        assert error.args == ("ValueError", f"task {number}")
    assert one.place(one.submit()) in {worker.number for worker in one.pool.stats().workers}


def test_an_error_in_a_session_leaves_its_state_as_it_was(one: Layered) -> None:
    session = one.open()
    tasks = [one.submit("echo", session), one.submit("fail", session), one.submit("echo", session)]
    settle(tasks, one_layer(one))
    assert one.marks(tasks[2]) == [one.number(tasks[0]), one.number(tasks[1])]


def one_layer(one: Layered) -> str:
    return getattr(one.pool, "layer", "free")


def test_a_deadline_that_passes_is_told_and_its_worker_replaced(one: Layered, layer: str) -> None:
    settle(one.submit_held(one.pool.config.size), layer)  # every worker knows its functions
    future = one.submit("stick", deadline=1.0)
    worker = one.begun(future)
    error = future.exception()
    assert isinstance(error, TaskTimeout)
    assert (error.worker, error.started) == (worker, True)
    assert_recovers(one.pool, SETTINGS.on(layer).ready_timeout)


def test_a_task_that_waits_can_be_cancelled_and_never_starts(layer: str) -> None:
    with on(layer, size=1) as instance:
        one = layered(instance)
        held, waiting = one.submit("stick"), one.submit()
        worker = one.begun(held)
        assert waiting.cancel()
        with pytest.raises(CancelledError):
            waiting.result(0)
        one.kill(worker)
        assert isinstance(held.exception(), WorkerLost)
        assert one.place(one.submit()) != worker


def test_a_full_queue_refuses_at_once_and_takes_what_it_has_taken_to_the_end(layer: str) -> None:
    with on(layer, size=1, queue_limit=2) as instance:
        one = layered(instance)
        whole(one)
        held = one.submit("stick")
        worker = one.begun(held)
        waiting = [one.submit() for _ in range(2)]
        with pytest.raises(PoolSaturated):
            one.submit()
        one.kill(worker)
        assert_resolves_once([held, *waiting])
        assert [one.place(future) == worker for future in waiting] == [False, False]


def test_after_shutdown_nothing_is_accepted_and_what_was_accepted_ends(one: Layered) -> None:
    futures = [one.submit() for _ in range(TURNS)]
    one.pool.shutdown()
    with pytest.raises(PoolShutdown):
        one.submit()
    assert [future.done() for future in futures] == [True] * TURNS


def test_what_cannot_cross_between_processes_is_told(one: Layered, layer: str) -> None:
    if layer == "free":
        future = one.pool.submit(lambda_of, 7)
        assert isinstance(future.exception(SETTINGS.on(layer).task_timeout), PayloadError)
    else:  # told in canonical words
        assert one.pool.submit("unpicklable").exception().args[0] == PayloadError.__name__
    assert_recovers(one.pool)


def lambda_of(number: int) -> Any:
    return lambda: number

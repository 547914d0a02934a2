"""Scenarios: failures that come in a certain way, carried out to their end on any pool."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from concurrent.futures import CancelledError
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from machines import trace
from machines.harness import inside
from machines.harness.assertions import assert_recovers
from machines.harness.injection import inject_failure
from machines.harness.instance import Instance
from machines.harness.ready import worker_pids
from machines.harness.staged import StagedPool
from machines.harness.together import synchronize
from machines.harness.waiting import TIMEOUT_S, WaitedTooLong, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

# So long others get to answer what they can while one worker is slow.
_MEANWHILE_S: Final = 1.0
_LEAK_BYTES: Final = 8 << 20
_TASKS: Final = 24


class Scenario(StrEnum):
    """How failures come.

    `CASCADE`: a worker dies, then whoever took its place, and so on. `THUNDERING_HERD`: no worker
    answers, all clients come at one moment, and then all is let go. `SLOW_WORKER`: one worker
    answers nothing, again and again. `MEMORY_LEAK`: every task keeps memory.
    """

    CASCADE = "cascade"
    THUNDERING_HERD = "thundering_herd"
    SLOW_WORKER = "slow_worker"
    MEMORY_LEAK = "memory_leak"


@frozen
class Simulated:
    """What a scenario did, and what came of it.

    Attributes:
        scenario: which one.
        story: what was done, in order.
        outcomes: how many tasks ended how: `returned`, or the name of an error.
        struck: the workers that it befell: their numbers, or processes where they have none.
        figures: what was counted besides; a name says its unit.
        recovered: seconds until the pool was whole again; virtual ones on a layer with a schedule.
    """

    scenario: Scenario
    story: tuple[str, ...]
    outcomes: Mapping[str, int]
    struck: tuple[int, ...]
    figures: Mapping[str, float] = field(factory=dict)
    recovered: float = 0.0


def simulate_pool_failure(
    pool: Any, scenario: str, *, tasks: int = _TASKS, rounds: int = 3, timeout: float = TIMEOUT_S
) -> Simulated:
    """The scenario has been carried out, every task has ended, and the pool has recovered.

    Args:
        pool: an isolated instance, this project's pool on any layer, or a standard executor.
        scenario: one of `Scenario`.
        tasks: how many are in flight meanwhile, in each round.
        rounds: how often it happens.
        timeout: seconds that the tasks and the recovery may each take.

    Raises:
        ValueError: there is no such scenario, or a number is less than 1.
        AssertionError: a task did not resolve, or the pool did not recover.
    """
    if scenario not in list(Scenario):
        raise ValueError(f"scenario {scenario!r}: scenarios are {', '.join(Scenario)}")
    if tasks < 1 or rounds < 1:
        raise ValueError(f"tasks and rounds must be at least 1, not {tasks} and {rounds}")
    if isinstance(pool, Instance):
        pool.faults.append(scenario)
        pool = pool.pool
    hands = _Scheduled(pool, timeout) if isinstance(pool, StagedPool) else _Free(pool, timeout)
    told = _Told()
    _SCENARIOS[Scenario(scenario)](hands, told, tasks, rounds)
    outcomes = Counter(hands.outcome(future) for future in told.futures)
    began = hands.now()
    assert_recovers(pool, timeout)
    return Simulated(
        Scenario(scenario),
        tuple(told.story),
        dict(sorted(outcomes.items())),
        tuple(told.struck),
        told.figures,
        hands.now() - began,
    )


class _Told:
    """What happens, as it happens."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.struck: list[int] = []
        self.futures: list[Any] = []
        self.figures: dict[str, float] = {}


class _Free:
    """Strikes a pool that runs by itself."""

    def __init__(self, pool: Any, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout

    def now(self) -> float:
        return time.monotonic()

    def workers(self) -> list[int]:
        return worker_pids(self.pool)

    def submit(self) -> Any:
        return self.pool.submit(inside.work)

    def leak(self) -> Any:
        return self.pool.submit(inside.keep, _LEAK_BYTES)

    def kill(self, worker: int) -> None:
        with inject_failure("crash", worker):
            pass

    def stopped(self, worker: int) -> AbstractContextManager[Any]:
        return inject_failure("timeout", worker)

    def await_another(self, before: list[int]) -> list[int]:
        """Workers that were not there before, once there are any."""
        return wait_for(lambda: sorted(set(self.workers()) - set(before)), self.timeout)

    def await_done(self, futures: Iterable[Any], count: int) -> int:
        """How many of them have ended, when so many have or have had their time."""
        with contextlib.suppress(WaitedTooLong):
            wait_for(lambda: sum(future.done() for future in futures) >= count, _MEANWHILE_S)
        return sum(future.done() for future in futures)

    def outcome(self, future: Any) -> str:
        return _ended(future, self.timeout)


class _Scheduled:
    """Strikes a pool that a schedule drives."""

    def __init__(self, pool: StagedPool, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout

    def now(self) -> float:
        return self.pool.now()

    def workers(self) -> list[int]:
        return self.pool.workers()

    def submit(self) -> Any:
        return self.pool.submit("echo")

    def leak(self) -> Any:
        future = self.pool.submit("echo")
        self.pool.go_on(lambda: any(task == future.task for task, _ in self.pool.started))
        worker = dict(self.pool.started)[future.task]
        if worker is not None:
            self.pool.do(trace.Swell(worker))
        return future

    def kill(self, worker: int) -> None:
        self.pool.do(trace.Crash(worker))

    def stopped(self, worker: int) -> AbstractContextManager[Any]:
        return inject_failure("timeout", self.pool, worker=worker)

    def await_another(self, before: list[int]) -> list[int]:
        self.pool.go_on(lambda: bool(set(self.workers()) - set(before)), self.timeout)
        return sorted(set(self.workers()) - set(before))

    def await_done(self, futures: Iterable[Any], count: int) -> int:
        with contextlib.suppress(TimeoutError):
            self.pool.go_on(lambda: sum(it.done() for it in futures) >= count, _MEANWHILE_S)
        return sum(future.done() for future in futures)

    def outcome(self, future: Any) -> str:
        return _ended(future, self.timeout)


_Hands = _Free | _Scheduled


def _cascade(hands: _Hands, told: _Told, tasks: int, rounds: int) -> None:
    told.futures += [hands.submit() for _ in range(tasks)]
    victim = hands.workers()[0] if hands.workers() else hands.await_another([])[0]
    for _ in range(rounds):
        before = hands.workers()
        hands.kill(victim)
        told.struck.append(victim)
        told.story.append(f"worker {victim} was killed")
        victim = hands.await_another(before)[0]
        told.story.append(f"worker {victim} took its place")


def _thundering_herd(hands: _Hands, told: _Told, tasks: int, rounds: int) -> None:
    spreads = []
    for _ in range(rounds):
        workers = hands.workers()
        with contextlib.ExitStack() as stopped:
            for worker in workers:
                stopped.enter_context(hands.stopped(worker))
            came = synchronize([hands.submit] * tasks, hands.timeout)
            refused = Counter(type(error).__name__ for error in came.errors.values())
            told.futures += [it.value if it.error is None else it.error for it in came.values()]
            told.story.append(f"{tasks} clients came at one moment; {refused.total()} were refused")
            spreads.append(came.spread)
        told.struck += workers
        hands.await_done([future for future in told.futures if hasattr(future, "done")], tasks)
    told.figures["spread_s"] = max(spreads)


def _slow_worker(hands: _Hands, told: _Told, tasks: int, rounds: int) -> None:
    answered = 0
    for _ in range(rounds):
        slow, others = hands.workers()[0], hands.workers()[1:]
        with hands.stopped(slow):
            futures = [hands.submit() for _ in range(tasks)]
            done = hands.await_done(futures, tasks - 1 if others else 1)
        answered += done
        told.struck.append(slow)
        told.story.append(f"while worker {slow} was stopped others answered {done} of {tasks}")
        told.futures += futures
    told.figures["answered_meanwhile_tasks"] = answered


def _memory_leak(hands: _Hands, told: _Told, tasks: int, rounds: int) -> None:
    before = hands.workers()
    told.struck += before
    largest = 0
    for _ in range(rounds):
        futures = [hands.leak() for _ in range(tasks)]
        hands.await_done(futures, tasks)
        told.futures += futures
        for future in futures:
            if future.done() and not future.cancelled() and future.exception(0) is None:
                taken = future.result(0)
                largest = max(largest, taken if isinstance(taken, int) else 0)
    told.story.append(f"{rounds * tasks} tasks kept memory, each {_LEAK_BYTES >> 20} MiB")
    told.figures["largest_bytes"] = largest
    told.figures["replaced_workers"] = len(set(before) - set(hands.workers()))


_SCENARIOS: Final[Mapping[Scenario, Callable[[_Hands, _Told, int, int], None]]] = {
    Scenario.CASCADE: _cascade,
    Scenario.THUNDERING_HERD: _thundering_herd,
    Scenario.SLOW_WORKER: _slow_worker,
    Scenario.MEMORY_LEAK: _memory_leak,
}


def _ended(future: Any, timeout: float) -> str:
    """How a task ended: `returned`, or the name of its error; a refused one is its error."""
    if isinstance(future, BaseException):
        return type(future).__name__
    try:
        error = future.exception(timeout)
    except CancelledError:
        return "CancelledError"
    except TimeoutError as late:
        raise AssertionError(f"a task did not resolve within {timeout:g} s") from late
    return "returned" if error is None else type(error).__name__

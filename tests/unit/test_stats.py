"""Statistics: each number says what it says, and they add up at every moment."""

from __future__ import annotations

import random
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs
import pytest
from pure_pool import PurePool

from pool import BreakerPolicy
from pool import effects as do
from pool import events as told
from pool.breaker import BreakerState
from pool.effects import Ending
from pool.events import Reply
from pool.lifecycle import Health, WorkerState
from pool.sessions import SessionState
from pool.state import Phase
from pool.stats import PoolStats, WorkerStats, stats_of

if TYPE_CHECKING:
    from collections.abc import Callable


def stats(pool: PurePool, **pids: int) -> PoolStats:
    return stats_of(pool.core, {int(name[1:]): pid for name, pid in pids.items()})


def tasks(found: PoolStats) -> dict[str, int]:
    """Where the unresolved tasks are; places without any are left out."""
    places = ("waiting", "running", "ahead", "retrying", "failed_over")
    return {place: count for place in places if (count := getattr(found, place))}


def resolved(found: PoolStats) -> dict[Ending, int]:
    return {ending: count for ending, count in found.resolved.items() if count}


# What each number says.


def test_a_new_pool_has_done_nothing() -> None:
    found = stats(PurePool(size=2, ready=1), w0=100, w1=101)
    assert attrs.asdict(found, recurse=False) == {
        "phase": Phase.OPEN,
        "workers": (
            WorkerStats(0, 100, WorkerState.READY, Health.HEALTHY, None, 0, 0, 0),
            WorkerStats(1, 101, WorkerState.INITIALIZING, Health.UNKNOWN, None, 0, 0, 0),
        ),
        "sessions": {},
        "breaker": BreakerState.CLOSED,
        "submitted": 0,
        "resolved": dict.fromkeys(Ending, 0),
        "waiting": 0,
        "running": 0,
        "ahead": 0,
        "retrying": 0,
        "failed_over": 0,
        "retried": 0,
        "started": 2,
        "restarted": 0,
    }


def test_a_worker_without_a_process_has_no_pid() -> None:
    assert stats(PurePool()).workers[0].pid is None


def test_tasks_run_wait_and_resolve() -> None:
    pool = PurePool()
    pool.submit(7, 8, 9)
    assert tasks(stats(pool)) == {"running": 1, "waiting": 2}
    assert stats(pool).workers[0].task == 7
    pool.reply(0, 7)
    pool.reply(0, 8, Reply.RAISED)
    pool.tell(told.CancelRequested(9))
    assert (tasks(stats(pool)), stats(pool).submitted) == ({"running": 1}, 3)
    assert resolved(stats(pool)) == {Ending.RETURNED: 1, Ending.RAISED: 1}
    assert stats(pool).workers[0].served == 2


def test_a_refused_task_is_not_counted() -> None:
    pool = PurePool(queue_limit=1)
    pool.submit(7, 8, 9)
    assert stats(pool).submitted == 2


def test_what_is_sent_ahead_does_not_run() -> None:
    pool = PurePool(prefetch=4)
    pool.submit(*range(9))
    pool.reply(0, 0)
    assert tasks(stats(pool)) == {"running": 1, "ahead": 4, "waiting": 3}
    assert stats(pool).workers[0].ahead == 4


def test_what_was_ended_while_it_was_ahead_is_resolved_though_its_worker_still_has_it() -> None:
    pool = PurePool(prefetch=4)
    pool.submit(*range(9))
    pool.reply(0, 0)
    pool.tell(told.KillRequested(3), told.TasksRecalled(0, ()))  # it came too late
    assert tasks(stats(pool)) == {"running": 1, "ahead": 3, "waiting": 3}
    assert resolved(stats(pool)) == {Ending.RETURNED: 1, Ending.KILLED: 1}


def test_a_lost_task_retries_and_its_worker_is_restarted() -> None:
    pool = PurePool()
    pool.submit(7, retries=1)
    pool.exits(0)
    assert tasks(stats(pool)) == {"retrying": 1}
    pool.reaped(0)
    found = stats(pool)
    assert (found.retried, found.started, found.restarted) == (1, 2, 1)


def test_an_overflow_worker_is_started_and_restarted_only_in_anothers_place() -> None:
    pool = PurePool(max_overflow=1, overflow_idle=1.0)
    pool.submit(7, 8)
    pool.ready(1)
    assert (stats(pool).started, stats(pool).restarted) == (2, 0)
    pool.reply(0, 7)
    pool.reply(1, 8)
    pool.wait(2.0)
    gone = next(number for number, state in pool.states.items() if state == "terminating")
    pool.exits(gone)
    pool.reaped(gone)
    pool.submit(9, 10)
    assert (stats(pool).started, stats(pool).restarted) == (3, 1)


def test_sessions_are_counted_by_state_and_by_worker() -> None:
    pool = PurePool(size=2)
    pool.open(1, 2, 3)
    pool.submit(7, session=1)
    pool.submit(8, session=2)
    assert stats(pool).sessions == {SessionState.OPENED: 1, SessionState.PLACED: 2}
    assert [worker.sessions for worker in stats(pool).workers] == [1, 1]


def test_a_broken_pool_says_so_and_what_its_fallback_has() -> None:
    with ThreadPoolExecutor(1) as fallback:
        breaks_at_once = BreakerPolicy(failures_max=1, openings_max=0)
        pool = PurePool(ready=0, breaker=breaks_at_once, fallback=fallback)
        pool.submit(7)
        pool.tell(told.SpawnFailed(0))
        found = stats(pool)
        assert (found.phase, found.breaker) == (Phase.BROKEN, BreakerState.OPEN)
        assert tasks(found) == {"failed_over": 1}
        assert found.workers == ()


def test_a_degraded_worker_is_unhealthy() -> None:
    pool = PurePool()
    pool.submit(7)
    pool.reply(0, 7, Reply.EXHAUSTED)
    (worker,) = stats(pool).workers
    assert (worker.state, worker.health) == (WorkerState.DEGRADED, Health.UNHEALTHY)


# They add up.


class Walk:
    """A random but legal life of a pool.

    Args:
        seed: which one.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - a walk, not a secret
        self._next = 0
        self._held: dict[int, deque[tuple[int, int]]] = {}
        self._ending: set[int] = set()
        self._looked = 0
        self.ended: Counter[Ending] = Counter()
        self.pool = PurePool(size=2, max_overflow=1, queue_limit=20, prefetch=4, tasks_max=30)
        self._look()

    def step(self) -> None:
        step: Callable[[], None] = self._rng.choice(
            (
                self._submit,
                self._submit,
                self._reply,
                self._reply,
                self._end,
                self._client,
                self._wait,
            )
        )
        step()
        self._look()

    def _submit(self) -> None:
        for _ in range(self._rng.randrange(1, 9)):
            self.pool.submit(self._next, retries=self._rng.randrange(2))
            self._next += 1

    def _reply(self) -> None:
        for worker, held in self._held.items():
            if held and worker not in self._ending:
                task, attempt = held.popleft()
                self.pool.reply(worker, task, self._rng.choice(tuple(Reply)), attempt=attempt)
                return

    def _end(self) -> None:
        if self._ending:
            worker = self._ending.pop()
            self.pool.reaped(worker, unstarted=max(0, len(self._held.pop(worker)) - 1))
        elif self._held and self._rng.random() < 0.3:
            worker = self._rng.choice(list(self._held))
            self.pool.exits(worker, unstarted=max(0, len(self._held[worker]) - 1))

    def _client(self) -> None:
        if self.pool.core.tasks:
            task = self._rng.choice(list(self.pool.core.tasks))
            kind = self._rng.choice((told.CancelRequested, told.KillRequested))
            self.pool.tell(kind(task))

    def _wait(self) -> None:
        self.pool.wait(self._rng.choice((0.001, 0.1, 5.0)))

    def _look(self) -> None:
        """What the core asked for is done."""
        while self._looked < len(self.pool.asked):
            effect = self.pool.asked[self._looked]
            self._looked += 1
            if isinstance(effect, do.SpawnWorker):
                self._held[effect.worker] = deque()
                self.pool.ready(effect.worker)
            elif isinstance(effect, do.SendTask):
                self._held[effect.worker].append((effect.task, effect.attempt))
            elif isinstance(effect, do.ResolveTask):
                self.ended[effect.outcome.ending] += 1
            elif isinstance(effect, (do.KillWorker, do.StopWorker)):
                self._ending.add(effect.worker)
            elif isinstance(effect, do.RecallTasks):
                self._recall(effect.worker)

    def _recall(self, worker: int) -> None:
        ahead = [task.number for task in self.pool.core.workers[worker].ahead]
        held = self._held[worker]
        self._held[worker] = deque(it for it in held if it[0] not in ahead)
        self.pool.tell(told.TasksRecalled(worker, tuple(ahead)))


@pytest.mark.parametrize("seed", range(20))
def test_at_every_moment_each_accepted_task_is_counted_once(seed: int) -> None:
    walk, seen = Walk(seed), set[str]()
    for _ in range(300):
        walk.step()
        found = stats(walk.pool)
        assert found.submitted == sum(tasks(found).values()) + sum(found.resolved.values())
        assert resolved(found) == walk.ended
        assert found.running == sum(worker.task is not None for worker in found.workers)
        assert min(tasks(found).values(), default=0) >= 0
        assert sum(tasks(found).values()) == len(walk.pool.core.tasks)
        assert found.started - found.restarted <= 3
        seen |= set(tasks(found))
    assert seen == {"waiting", "running", "ahead", "retrying"}
    assert min(found.retried, found.restarted, len(walk.ended)) > 0

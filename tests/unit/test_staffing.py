"""How many workers there are: lazy or eager, beyond the pool's size, retired and replaced."""

from __future__ import annotations

from pure_pool import PurePool, becauses, only, sent

from pool import effects as do
from pool import events as told
from pool.breaker import BreakerPolicy
from pool.config import PoolConfig
from pool.events import TimerKind
from pool.recovery import Category, Severity, Treatment


def spawned(asked: list[do.Effect]) -> list[int]:
    return [spawn.worker for spawn in only(asked, do.SpawnWorker)]


def test_a_lazy_pool_starts_a_worker_only_when_a_task_waits_for_it() -> None:
    pool = PurePool(size=2, lazy=True)
    assert spawned(pool.started) == []
    assert spawned(pool.submit(7)) == [0]
    assert spawned(pool.submit(8)) == [1]
    assert spawned(pool.submit(9)) == []
    assert sent(pool.ready(0, 1)) == [(0, 7), (1, 8)]


def test_a_lazy_pool_does_not_replace_a_worker_for_which_nothing_waits() -> None:
    pool = PurePool(size=2, lazy=True)
    pool.submit(7)
    pool.ready(0)
    pool.exits(0)
    assert spawned(pool.reaped(0)) == []
    assert spawned(pool.submit(8)) == [1]


def test_an_idle_worker_of_a_lazy_pool_takes_the_task_and_none_starts() -> None:
    pool = PurePool(size=2, lazy=True)
    pool.submit(7)
    pool.ready(0)
    pool.reply(0, 7)
    assert spawned(pool.submit(8)) == []


def test_workers_beyond_the_size_start_while_tasks_wait_and_no_more_than_may() -> None:
    pool = PurePool(max_overflow=2)
    assert spawned(pool.submit(7)) == []
    assert spawned(pool.submit(8)) == [1]
    assert spawned(pool.submit(9, 10, 11)) == [2]


def test_no_more_start_than_may_when_many_wait_at_once() -> None:
    policy = BreakerPolicy(failures_max=2, cooldown=4.0)
    pool = PurePool(size=1, max_overflow=2, lazy=True, breaker=policy)
    pool.submit(*range(9))
    pool.tell(*map(told.SpawnFailed, range(4)))
    assert spawned(pool.wait(4.0)) == [4]
    assert spawned(pool.ready(4)) == [5, 6]


def test_a_worker_beyond_the_size_is_retired_when_it_has_nothing_to_do() -> None:
    pool = PurePool(max_overflow=1, overflow_idle=5.0)
    pool.submit(7, 8)
    pool.ready(1)
    pool.wait(10.0)
    pool.reply(1, 8)
    assert becauses(pool.wait(4.0), 1) == []
    assert becauses(pool.wait(1.0), 1) == ["recycle"]
    assert spawned([*pool.exits(1), *pool.reaped(1)]) == []


def test_only_as_many_are_retired_as_there_are_beyond_the_size() -> None:
    pool = PurePool(max_overflow=1, overflow_idle=5.0)
    pool.submit(7, 8)
    pool.ready(1)
    pool.reply(0, 7)
    pool.reply(1, 8)
    asked = pool.wait(20.0)
    assert (becauses(asked, 0), becauses(asked, 1)) == (["recycle"], [])


def test_a_task_ends_the_wait_for_retirement() -> None:
    pool = PurePool(max_overflow=1, overflow_idle=5.0, strategy="fifo")
    pool.submit(7, 8)
    pool.ready(1)
    pool.reply(1, 8)
    pool.wait(4.0)
    pool.submit(9)
    assert pool.at(TimerKind.SPARE, 1) is None
    assert pool.fire(TimerKind.SPARE, 1) == []
    pool.reply(1, 9)
    assert becauses(pool.wait(4.0), 1) == []


def test_a_worker_beyond_the_size_stays_while_a_session_lives_on_it() -> None:
    pool = PurePool(max_overflow=1, overflow_idle=5.0)
    pool.open(5)
    pool.submit(7)
    pool.submit(50, session=5)
    pool.ready(1)
    pool.reply(1, 50)
    assert becauses(pool.wait(10.0), 1) == []
    pool.close(5)
    assert becauses(pool.wait(5.0), 1) == ["recycle"]


def test_a_lost_worker_beyond_the_size_is_not_replaced_unless_a_task_waits() -> None:
    pool = PurePool(max_overflow=1)
    pool.submit(7, 8)
    pool.ready(1)
    pool.exits(1)
    assert spawned(pool.reaped(1)) == []


def test_another_starts_only_once_the_lost_one_is_reaped() -> None:
    pool = PurePool()
    assert spawned(pool.exits(0)) == []
    assert spawned(pool.submit(7)) == []
    assert spawned(pool.reaped(0)) == [1]


def test_a_refused_process_is_replaced_at_once() -> None:
    pool = PurePool(ready=0)
    asked = pool.tell(told.SpawnFailed(0))
    words = "its process was refused"
    told_so = do.Trouble(0, Category.RESOURCE, Severity.CRITICAL, Treatment.RETRY, words)
    assert (only(asked, do.Trouble), spawned(asked)) == ([told_so], [1])


def test_a_worker_has_60_seconds_to_start_unless_it_is_told_otherwise() -> None:
    assert PoolConfig().init_timeout == 60.0
    pool = PurePool(ready=0, init_timeout=60.0)
    assert becauses(pool.wait(59.0)) == []
    asked = pool.wait(1.0)
    assert becauses(asked) == ["init_timeout"]
    (trouble,) = only(asked, do.Trouble)
    assert (trouble.category, trouble.treatment) == (Category.INITIALIZATION, Treatment.RETRY)
    late = PurePool(init_timeout=60.0)
    assert late.at(TimerKind.INIT) is None
    assert late.fire(TimerKind.INIT) == []

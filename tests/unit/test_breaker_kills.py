"""The breaker and starts that somebody kills: the pool bears them longer than failed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pure_pool import PurePool

from pool import events as told
from pool.breaker import BreakerPolicy, BreakerState
from pool.events import TimerKind
from pool.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = BreakerPolicy(failures_max=1, cooldown=1.0, openings_max=1, killings_max=3)


def kill(pool: PurePool) -> None:
    """The worker that starts is killed."""
    (worker,) = pool.core.workers
    pool.exits(worker)
    pool.reaped(worker)


def crash(pool: PurePool) -> None:
    """The worker that starts ends by itself."""
    (worker,) = pool.core.workers
    pool.tell(told.WorkerExited(worker, 1, 0))
    pool.reaped(worker)


def after(*starts: Callable[[PurePool], None]) -> PurePool:
    """A pool whose starts went so, one after the other, each as soon as the breaker lets it."""
    pool = PurePool(ready=0, breaker=POLICY)
    for start in starts:
        if pool.core.breaker.state is BreakerState.OPEN:
            pool.wait(1.0)
        start(pool)
    return pool


def test_killed_starts_open_the_breaker_like_others() -> None:
    assert after(kill).core.breaker.state is BreakerState.OPEN


def test_the_pool_bears_many_killed_starts_and_few_failed_ones() -> None:
    assert after(kill, kill, kill).core.phase is Phase.OPEN
    assert after(kill, kill, kill, kill).core.phase is Phase.BROKEN
    assert after(crash).core.phase is Phase.OPEN
    assert after(crash, crash).core.phase is Phase.BROKEN


def test_killed_starts_do_not_excuse_failed_ones() -> None:
    assert after(kill, crash, kill).core.phase is Phase.OPEN
    assert after(kill, crash, crash).core.phase is Phase.BROKEN


@pytest.mark.parametrize("starts", [(kill,), (kill, kill), (kill, kill, kill), (kill, crash)])
def test_a_killed_start_does_not_make_the_breaker_cool_for_longer(
    starts: tuple[Callable[[PurePool], None], ...],
) -> None:
    pool = after(*starts)
    at = pool.at(TimerKind.BREAKER)
    assert at is not None
    assert at - pool.now == POLICY.cooldown


def test_a_start_that_comes_up_forgives_the_killed_ones() -> None:
    pool = after(kill, kill, kill)
    pool.wait(1.0)
    (worker,) = pool.core.workers
    pool.ready(worker)
    kill(pool)
    for _ in range(3):
        kill(pool)
        pool.wait(1.0)
    assert pool.core.phase is Phase.OPEN


def test_by_default_a_pool_bears_a_minute_of_killed_starts() -> None:
    pool = PurePool(ready=0)
    for _ in range(60):
        if pool.core.breaker.state is BreakerState.OPEN:
            pool.wait(0.5)
        kill(pool)
    assert pool.core.phase is Phase.OPEN

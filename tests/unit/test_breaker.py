"""The circuit breaker: its table, its counts, and what the core starts because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pure_pool import PurePool, becauses, endings, only, sent

from pool import effects as do
from pool import events as told
from pool.breaker import BREAKER, Breaker, BreakerBecause, BreakerPolicy, BreakerState
from pool.events import TimerKind
from pool.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

NAN, INFINITE = float("nan"), float("inf")

EXPECTED = {
    "closed": {"tripped": "open"},
    "open": {"cooled": "half_open"},
    "half_open": {"probe_failed": "open", "probe_succeeded": "closed"},
}
LEGAL = [(state, because) for state, rows in EXPECTED.items() for because in rows]
ILLEGAL = [(s, b) for s in BreakerState for b in BreakerBecause if (str(s), str(b)) not in LEGAL]


def test_table_is_the_one_restated_here() -> None:
    assert EXPECTED == BREAKER


def test_table_uses_every_state_and_event() -> None:
    assert set(EXPECTED) == set(BreakerState)
    assert {because for _, because in LEGAL} == set(BreakerBecause)


@pytest.mark.parametrize(("state", "because"), ILLEGAL, ids=str)
def test_move_without_a_row_is_refused_and_changes_nothing(
    state: BreakerState, because: BreakerBecause
) -> None:
    breaker = Breaker(BreakerPolicy())
    breaker.state = state
    with pytest.raises(KeyError):
        breaker.move(because)
    assert (breaker.state, breaker.openings) == (state, 0)


# Through the core.

POLICY = BreakerPolicy(failures_max=2, cooldown=4.0, cooldown_max=6.0, openings_max=3)


def fail(pool: PurePool, times: int = 1) -> list[do.Effect]:
    """So many starts of the only worker fail, one after the other."""
    asked = []
    for _ in range(times):
        asked += pool.tell(told.SpawnFailed(max(pool.core.workers)))
    return asked


def tripped(**settings: Any) -> PurePool:
    pool = PurePool(ready=0, breaker=POLICY, **settings)
    fail(pool, 2)
    return pool


def half_open(**settings: Any) -> PurePool:
    pool = tripped(**settings)
    pool.wait(4.0)
    return pool


STORIES: dict[tuple[str, str], Callable[[], list[do.Effect]]] = {
    ("closed", "tripped"): lambda: tripped().asked,
    ("open", "cooled"): lambda: tripped().wait(4.0),
    ("half_open", "probe_failed"): lambda: fail(half_open()),
    ("half_open", "probe_succeeded"): lambda: half_open().ready(2),
}


@pytest.mark.parametrize(("state", "because"), LEGAL, ids=str)
def test_each_row_fires_in_the_core(state: str, because: str) -> None:
    (moved,) = only(STORIES[state, because](), do.BreakerMoved)
    row = (state, because, EXPECTED[state][because])
    assert row == (moved.before, moved.because, moved.after)


def test_so_many_failures_in_a_row_open_it_and_nothing_starts_until_it_has_cooled() -> None:
    pool = PurePool(ready=0, breaker=POLICY)
    assert only(fail(pool), do.SpawnWorker) == [do.SpawnWorker(1)]
    asked = fail(pool)
    assert only(asked, do.BreakerMoved) != []
    assert only([*asked, *pool.submit(7), *pool.wait(3.9)], do.SpawnWorker) == []
    assert only(pool.wait(0.1), do.SpawnWorker) == [do.SpawnWorker(2)]


def test_a_start_that_comes_up_sets_the_count_of_failures_back() -> None:
    pool = PurePool(ready=0, breaker=POLICY)
    fail(pool)
    pool.ready(1)
    pool.exits(1)
    pool.reaped(1)
    assert only(fail(pool), do.BreakerMoved) == []


@pytest.mark.parametrize("probes", [1, 2])
def test_half_open_it_lets_only_its_probes_through(probes: int) -> None:
    policy = BreakerPolicy(failures_max=1, cooldown=4.0, probes_max=probes)
    pool = PurePool(ready=0, size=3, breaker=policy)
    pool.tell(*map(told.SpawnFailed, range(3)))
    assert [asked.worker for asked in only(pool.wait(4.0), do.SpawnWorker)] == [3, 4][:probes]
    assert only(pool.submit(7, 8, 9), do.SpawnWorker) == []


def test_a_probe_that_comes_up_closes_it_and_the_others_start() -> None:
    policy = BreakerPolicy(failures_max=1, cooldown=4.0)
    pool = PurePool(ready=0, size=3, breaker=policy)
    pool.tell(*map(told.SpawnFailed, range(3)))
    pool.wait(4.0)
    asked = only(pool.ready(3), do.SpawnWorker)
    assert [spawn.worker for spawn in asked] == [4, 5]
    assert (pool.core.breaker.failures, pool.core.breaker.openings) == (0, 0)


def test_each_opening_in_a_row_lasts_twice_as_long_up_to_the_longest() -> None:
    pool = tripped()
    waits = []
    for _ in range(3):
        at = pool.at(TimerKind.BREAKER)
        assert at is not None
        waits.append(at - pool.now)
        pool.wait(waits[-1])
        fail(pool)
    assert waits == [4.0, 6.0, 6.0]


def test_one_opening_too_many_in_a_row_breaks_the_pool_for_good() -> None:
    pool = tripped()
    pool.submit(7)
    for wait in (4.0, 6.0):
        pool.wait(wait)
        fail(pool)
    pool.wait(6.0)
    asked = pool.tell(told.SpawnFailed(4, "no memory"))
    assert only(asked, do.PoolBroke) == [do.PoolBroke("its process was refused: no memory")]
    assert endings(asked) == {7: "broken"}
    assert only([*asked, *pool.wait(1000.0)], do.SpawnWorker) == []
    assert (pool.core.phase, pool.timers) == (Phase.BROKEN, {})


def test_openings_max_0_breaks_the_pool_the_first_time_it_opens() -> None:
    pool = PurePool(ready=0, breaker=BreakerPolicy(failures_max=1, openings_max=0))
    asked = pool.tell(told.SpawnFailed(0))
    assert only(asked, do.PoolBroke) == [do.PoolBroke("its process was refused")]
    assert only(asked, do.SetTimer) == []


def test_a_start_from_before_it_opened_moves_it_neither_way() -> None:
    pool = PurePool(ready=0, size=4, breaker=POLICY)
    pool.tell(told.SpawnFailed(0), told.SpawnFailed(1))
    asked = [*pool.tell(told.SpawnFailed(2)), *pool.ready(3)]
    assert only(asked, do.BreakerMoved) == []
    assert pool.core.breaker.state is BreakerState.OPEN
    assert sent(pool.submit(7)) == [(3, 7)]


def test_a_worker_lost_after_it_was_ready_is_no_failed_start() -> None:
    pool = PurePool(breaker=BreakerPolicy(failures_max=1))
    pool.exits(0)
    assert only(pool.reaped(0), do.SpawnWorker) == [do.SpawnWorker(1)]
    assert pool.core.breaker.state is BreakerState.CLOSED


def test_a_timer_of_the_breaker_that_comes_too_late_moves_nothing() -> None:
    pool = half_open()
    pool.ready(2)
    assert pool.fire(TimerKind.BREAKER) == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (told.WorkerInitFailed(0, "OSError"), "its initializer raised OSError"),
        (told.WorkerInitFailed(0), "its initializer raised an exception"),
        (told.WorkerExited(0, 3, 0), "it exited with code 3"),
        (told.WorkerExited(0, None, 0), "it exited"),
        (told.WorkerExited(0, 70, 0), "it exited with code 70: it got a damaged frame"),
        (told.FrameCorrupt(0, "magic"), "it sent a bad frame (magic)"),
        (told.TimerFired(told.Timer(TimerKind.INIT, 0)), "it took too long to start"),
    ],
)
def test_every_way_not_to_start_counts_and_the_last_says_why_the_pool_broke(
    event: told.Event, words: str
) -> None:
    policy = BreakerPolicy(failures_max=1, openings_max=0)
    pool = PurePool(ready=0, init_timeout=60.0, breaker=policy)
    pool.submit(7)
    asked = pool.tell(event)
    assert only(asked, do.PoolBroke) == [do.PoolBroke(words)]
    (resolved,) = only(asked, do.ResolveTask)
    assert resolved.outcome.detail == words
    assert becauses(asked)[-1] != "shutdown"


def test_a_worker_told_to_end_before_it_started_is_no_failed_start() -> None:
    pool = PurePool(ready=0, breaker=BreakerPolicy(failures_max=1))
    pool.shut()
    asked = pool.tell(told.SpawnFailed(0))
    assert becauses(asked) == ["reaped"]
    assert only(asked, do.BreakerMoved) == []
    assert only(asked, do.PoolClosed) == [do.PoolClosed()]


# The policy as a value.


def test_policy_has_its_defaults() -> None:
    values: dict[str, Any] = {"failures_max": 3, "probes_max": 1, "openings_max": 2}
    assert BreakerPolicy() == BreakerPolicy(cooldown=0.5, cooldown_max=30.0, **values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures_max": 0},
        {"probes_max": 0},
        {"openings_max": -1},
        {"killings_max": -1},
        {"cooldown": 0},
        {"cooldown": NAN},
        {"cooldown_max": INFINITE},
        {"cooldown_max": -1.0},
    ],
    ids=str,
)
def test_policy_refuses_a_value_out_of_its_range(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name} must be "):
        BreakerPolicy(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"failures_max": 1.0}, {"probes_max": True}, {"cooldown": "1"}, {"cooldown_max": False}],
    ids=str,
)
def test_policy_refuses_a_value_of_a_wrong_type(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(TypeError, match=f"^{name} must be a .*number"):
        BreakerPolicy(**wrong)

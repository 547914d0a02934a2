"""Sessions: their table, restated by hand, and what the core does for and to each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pure_pool import PurePool, only, outcomes, sent

from pool import LifecycleError
from pool import effects as do
from pool import events as told
from pool.effects import Ending, Refusal
from pool.sessions import SESSIONS, SessionBecause, SessionState, next_state

if TYPE_CHECKING:
    from collections.abc import Callable

EXPECTED = {
    "opened": {
        "first_task": "placed",
        "close_requested": "closing",
        "expired": "closed",
        "shutdown": "closed",
    },
    "placed": {
        "worker_lost": "lost",
        "close_requested": "closing",
        "expired": "closed",
        "shutdown": "closed",
    },
    "lost": {
        "reopened": "opened",
        "close_requested": "closing",
        "expired": "closed",
        "shutdown": "closed",
    },
    "closing": {
        "first_task": "closing",
        "worker_lost": "closing",
        "drained": "closed",
    },
    "closed": {},
}
LEGAL = [(state, because) for state, rows in EXPECTED.items() for because in rows]
ILLEGAL = [(s, b) for s in SessionState for b in SessionBecause if (str(s), str(b)) not in LEGAL]


# The table alone.


def test_table_is_the_one_restated_here() -> None:
    assert EXPECTED == SESSIONS


def test_every_state_and_event_stands_in_the_table() -> None:
    assert list(SessionState) == list(SESSIONS)
    assert set(SessionBecause) == {because for rows in SESSIONS.values() for because in rows}


@pytest.mark.parametrize(("state", "because"), LEGAL, ids=str)
def test_legal_pair_gives_its_state(state: str, because: str) -> None:
    after = next_state(5, SessionState(state), SessionBecause(because))
    assert EXPECTED[state][because] == after


@pytest.mark.parametrize(("state", "because"), ILLEGAL, ids=str)
def test_illegal_pair_is_refused_by_name(state: SessionState, because: SessionBecause) -> None:
    legal = ", ".join(sorted(EXPECTED[state])) or "nothing"
    with pytest.raises(LifecycleError) as refused:
        next_state(5, state, because)
    expected = f"session 5 cannot take {because} in {state}; legal: {legal}"
    assert expected == str(refused.value)


# The table through the core: what brings session 5 into a state, and what fires each row there.

BROUGHT: dict[str, Callable[[PurePool], object]] = {
    "opened": lambda pool: pool.open(5),
    "placed": lambda pool: (pool.open(5), pool.submit(50, session=5), pool.reply(0, 50)),
    "lost": lambda pool: (BROUGHT["placed"](pool), pool.exits(0), pool.reaped(0)),
}


def closing_while_placed(pool: PurePool) -> None:
    """Worker 0 runs the session's last task but one."""
    pool.open(5)
    pool.submit(50, 51, session=5)
    pool.close(5)


def closing_while_opened(pool: PurePool) -> None:
    """Worker 0 runs another task, and the session's only one waits."""
    pool.open(5)
    pool.submit(7)
    pool.submit(50, session=5)
    pool.close(5)


FIRES: dict[tuple[str, str], Callable[[PurePool], list[do.Effect]]] = {
    ("opened", "first_task"): lambda pool: pool.submit(50, session=5),
    ("placed", "worker_lost"): lambda pool: pool.exits(0),
    ("lost", "reopened"): lambda pool: pool.tell(told.SessionReopened(5)),
    ("closing", "first_task"): lambda pool: pool.reply(0, 7),
    ("closing", "worker_lost"): lambda pool: pool.exits(0),
    ("closing", "drained"): lambda pool: [*pool.reply(0, 50), *pool.reply(0, 51)],
}
for alive in ("opened", "placed", "lost"):
    FIRES[alive, "close_requested"] = lambda pool: pool.close(5)
    FIRES[alive, "expired"] = lambda pool: pool.wait(300.0)
    FIRES[alive, "shutdown"] = lambda pool: [*pool.shut(), *pool.reaped(max(pool.states))]


@pytest.mark.parametrize(("state", "because"), LEGAL, ids=str)
def test_each_row_fires_in_the_core(state: str, because: str) -> None:
    pool = PurePool(session_ttl=300.0)
    if state == "closing":
        bring = closing_while_opened if because == "first_task" else closing_while_placed
        bring(pool)
    else:
        BROUGHT[state](pool)
    assert pool.sessions == {5: state}
    moved = only(FIRES[state, because](pool), do.SessionMoved)
    row = do.SessionMoved(
        5, SessionState(state), SessionBecause(because), SessionState(EXPECTED[state][because])
    )
    assert row in moved


def test_each_row_and_nothing_else_has_its_story() -> None:
    assert set(LEGAL) == set(FIRES)


# Opening, closing, refusing.


@pytest.mark.parametrize("again", [told.SessionOpened, told.SessionReopened])
@pytest.mark.parametrize("state", ["opened", "placed"])
def test_opening_a_session_that_is_open_changes_nothing(state: str, again: Any) -> None:
    pool = PurePool()
    BROUGHT[state](pool)
    assert pool.tell(again(5)) == []
    assert pool.sessions == {5: state}


def test_opening_a_lost_session_leaves_it_lost_until_it_is_reopened() -> None:
    pool = PurePool()
    BROUGHT["lost"](pool)
    assert pool.open(5) == []
    assert pool.submit(51, session=5) == [do.RefuseTask(51, Refusal.SESSION_LOST)]
    pool.tell(told.SessionReopened(5))
    assert pool.submit(52, session=5) == []


def test_reopening_a_session_that_was_never_opened_opens_it() -> None:
    pool = PurePool()
    assert pool.tell(told.SessionReopened(5)) == []
    assert pool.sessions == {5: "opened"}


@pytest.mark.parametrize("again", [told.SessionOpened, told.SessionReopened])
def test_a_session_that_is_closing_is_not_opened_again(again: Any) -> None:
    pool = PurePool()
    closing_while_placed(pool)
    assert pool.tell(again(5)) == [do.RefuseSession(5, Refusal.SESSION_LOST)]
    assert pool.sessions == {5: "closing"}


@pytest.mark.parametrize("again", [told.SessionOpened, told.SessionReopened])
@pytest.mark.parametrize("state", ["opened", "lost"])
def test_a_pool_that_ends_opens_no_session(state: str, again: Any) -> None:
    pool = PurePool()
    BROUGHT[state](pool)
    pool.submit(7)
    pool.shut()
    assert pool.tell(again(5), again(6)) == [
        do.RefuseSession(5, Refusal.SHUTDOWN),
        do.RefuseSession(6, Refusal.SHUTDOWN),
    ]


def test_a_task_for_a_session_that_is_not_open_is_refused() -> None:
    pool = PurePool()
    closing_while_placed(pool)
    lost = Refusal.SESSION_LOST
    assert pool.submit(52, session=5) == [do.RefuseTask(52, lost)]
    assert pool.submit(53, session=6) == [do.RefuseTask(53, lost)]


def test_closing_twice_or_what_is_not_open_changes_nothing() -> None:
    pool = PurePool()
    closing_while_placed(pool)
    assert pool.close(5) == []
    assert pool.close(6) == []


def test_what_was_submitted_before_the_close_still_runs_and_then_the_state_is_dropped() -> None:
    pool = PurePool()
    closing_while_placed(pool)
    asked = pool.reply(0, 50)
    assert sent(asked) == [(0, 51)]
    assert only(asked, do.DropSession) == []
    assert only(pool.reply(0, 51), do.DropSession) == [do.DropSession(0, 5)]
    assert pool.sessions == {}


def test_a_session_without_a_task_is_closed_at_once_and_leaves_no_state_to_drop() -> None:
    pool = PurePool()
    pool.open(5)
    moves = [(move.before, move.after) for move in only(pool.close(5), do.SessionMoved)]
    assert moves == [("opened", "closing"), ("closing", "closed")]
    assert only(pool.asked, do.DropSession) == []


# Affinity and order.


def test_the_first_task_has_the_state_made_and_the_others_go_to_the_same_worker_in_order() -> None:
    pool = PurePool(size=3)
    pool.open(5)
    pool.submit(50, 51, 52, session=5)
    asked = [effect for task in (50, 51, 52) for effect in pool.reply(2, task)]
    tasks = only([*pool.asked[: -len(asked)], *asked], do.SendTask)
    assert tasks == [
        do.SendTask(2, 50, 1, 5, opens=True),
        do.SendTask(2, 51, 1, 5),
        do.SendTask(2, 52, 1, 5),
    ]


def test_tasks_that_waited_for_any_worker_wait_for_the_sessions_once_it_is_placed() -> None:
    pool = PurePool(size=2)
    pool.submit(1, 2)
    pool.open(5, 6)
    pool.submit(50, session=5)
    pool.submit(60, session=6)
    pool.submit(51, session=5)
    assert sent(pool.reply(0, 2)) == [(0, 50)]
    assert list(pool.core.workers[0].queue) == [51]
    assert pool.core.queued == 2
    assert sent(pool.reply(1, 1)) == [(1, 60)]
    assert sent(pool.reply(1, 60)) == []


def test_sessions_on_one_worker_take_turns_in_the_order_submitted() -> None:
    pool = PurePool()
    pool.open(5, 6)
    pool.submit(7)
    for task, session in ((50, 5), (60, 6), (61, 6), (51, 5), (62, 6)):
        pool.submit(task, session=session)
    order = [7, 50, 60, 61, 51, 62]
    for task in order:
        pool.reply(0, task)
    assert [task for _, task in sent(pool.asked)] == order


def test_an_anonymous_task_never_waits_behind_a_session_while_another_worker_is_free() -> None:
    pool = PurePool(size=2)
    pool.open(5)
    pool.submit(50, 51, session=5)
    assert sent(pool.submit(7)) == [(0, 7)]


def test_a_task_for_a_busy_session_does_not_go_to_an_idle_worker() -> None:
    pool = PurePool(size=2)
    pool.open(5)
    pool.submit(50, session=5)
    assert sent(pool.submit(51, session=5)) == []


def test_a_worker_without_sessions_is_chosen_before_one_that_has_some() -> None:
    pool = PurePool(size=2)
    pool.open(5)
    pool.submit(50, session=5)
    pool.reply(1, 50)
    assert sent(pool.submit(7)) == [(0, 7)]
    assert sent(pool.submit(8)) == [(1, 8)]


def test_new_sessions_are_spread_over_the_workers() -> None:
    pool = PurePool(size=2)
    pool.open(5, 6, 7, 8)
    for session in (5, 6, 7, 8):
        asked = pool.submit(session * 10, session=session)
        ((worker, task),) = sent(asked)
        pool.reply(worker, task)
    assert [len(worker.sessions) for worker in pool.core.workers.values()] == [2, 2]


@pytest.mark.parametrize("older", ["session", "anonymous"])
def test_the_older_of_a_sessions_and_an_anonymous_task_goes_first(older: str) -> None:
    pool = PurePool()
    pool.open(5)
    pool.submit(50, session=5)
    if older == "session":
        pool.submit(51, session=5)
        pool.submit(7)
        assert sent(pool.reply(0, 50)) == [(0, 51)]
    else:
        pool.submit(7)
        pool.submit(51, session=5)
        assert sent(pool.reply(0, 50)) == [(0, 7)]


def test_a_sessions_tasks_count_for_the_queue_limit_unless_their_worker_is_idle() -> None:
    pool = PurePool(size=2, queue_limit=0)
    pool.open(5)
    pool.submit(50, session=5)
    assert pool.submit(51, session=5) == [do.RefuseTask(51, Refusal.SATURATED)]
    pool.reply(1, 50)
    assert sent(pool.submit(52, session=5)) == [(1, 52)]


def test_a_waiting_task_of_a_session_can_be_cancelled() -> None:
    pool = PurePool()
    pool.open(5)
    pool.submit(50, 51, 52, session=5)
    assert outcomes(pool.tell(told.CancelRequested(51)))[51] == do.Outcome(
        Ending.CANCELLED, session=5
    )
    assert sent(pool.reply(0, 50)) == [(0, 52)]

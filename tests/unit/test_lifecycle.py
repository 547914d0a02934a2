"""The worker lifecycle that the pool obeys, restated by hand, alone and through the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pure_pool import PurePool, only

from pool import LifecycleError
from pool import effects as do
from pool import events as told
from pool.events import Reply, TimerKind
from pool.lifecycle import LIFECYCLE, Action, Because, Health, WorkerState, next_row

if TYPE_CHECKING:
    from collections.abc import Callable

KILLED = ("terminating", ("kill",))
STOPPED = ("terminating", ("stop",))

EXPECTED: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "initializing": {
        "init_complete": ("ready", ()),
        "init_failed": KILLED,
        "init_timeout": KILLED,
        "spawn_failed": ("terminated", ()),
        "exited": KILLED,
        "corrupt": KILLED,
        "shutdown": STOPPED,
    },
    "ready": {
        "checkout": ("busy", ("send",)),
        "health_check_failed": ("degraded", ()),
        "recycle": STOPPED,
        "exited": KILLED,
        "corrupt": KILLED,
        "shutdown": STOPPED,
    },
    "busy": {
        "checkin_success": ("ready", ()),
        "checkin_error": ("ready", ()),
        "recovery_degrade": ("degraded", ("check",)),
        "timeout": KILLED,
        "cancelled": KILLED,
        "exited": KILLED,
        "corrupt": KILLED,
        "shutdown": KILLED,
    },
    "degraded": {
        "health_restored": ("ready", ()),
        "health_check_limit": KILLED,
        "exited": KILLED,
        "corrupt": KILLED,
        "recycle": STOPPED,
        "shutdown": STOPPED,
    },
    "terminating": {"reaped": ("terminated", ())},
    "terminated": {},
}

LEGAL = [(state, because) for state, rows in EXPECTED.items() for because in rows]
ILLEGAL = [
    (state, because)
    for state in WorkerState
    for because in Because
    if (str(state), str(because)) not in LEGAL
]


# The table alone.


def test_table_is_the_one_restated_here() -> None:
    assert EXPECTED == LIFECYCLE


def test_every_state_has_a_row_in_life_order() -> None:
    assert list(WorkerState) == list(LIFECYCLE)


def test_every_lifecycle_event_stands_in_some_row() -> None:
    assert set(Because) == {because for rows in LIFECYCLE.values() for because in rows}


def test_every_action_stands_in_some_row() -> None:
    rows = [row for rows in LIFECYCLE.values() for row in rows.values()]
    assert set(Action) == {action for _, actions in rows for action in actions}


@pytest.mark.parametrize("state", list(WorkerState), ids=str)
def test_terminated_is_reachable_from_everywhere(state: WorkerState) -> None:
    assert WorkerState.TERMINATED in reachable(state)


def test_every_state_is_reachable_from_initializing() -> None:
    assert set(WorkerState) == reachable(WorkerState.INITIALIZING)


def test_a_worker_that_had_a_process_terminates_only_when_it_is_reaped() -> None:
    into = [b for rows in LIFECYCLE.values() for b, row in rows.items() if row[0] == "terminated"]
    assert into == [Because.SPAWN_FAILED, Because.REAPED]


@pytest.mark.parametrize(("state", "because"), LEGAL, ids=str)
def test_legal_pair_gives_its_row(state: str, because: str) -> None:
    row = next_row(LIFECYCLE, 3, WorkerState(state), Because(because))
    assert EXPECTED[state][because] == row


@pytest.mark.parametrize(("state", "because"), ILLEGAL, ids=str)
def test_illegal_pair_is_refused_by_name(state: WorkerState, because: Because) -> None:
    legal = ", ".join(sorted(EXPECTED[state])) or "nothing"
    with pytest.raises(LifecycleError) as refused:
        next_row(LIFECYCLE, 3, state, because)
    expected = f"worker 3 cannot take {because} in {state}; legal: {legal}"
    assert expected == str(refused.value)


def reachable(state: WorkerState) -> set[WorkerState]:
    found = {state}
    edge = [state]
    while edge:
        after = {row[0] for row in LIFECYCLE[edge.pop()].values()} - found
        found |= after
        edge += after
    return found


# The table through the core: what brings worker 0 into a state, and what fires each row there.

BAD_FRAME = told.FrameCorrupt(0, "magic")
BROUGHT: dict[str, Callable[[PurePool], object]] = {
    "initializing": lambda _: None,
    "ready": lambda pool: pool.ready(0),
    "busy": lambda pool: (pool.ready(0), pool.submit(7, deadline=2.0)),
    "degraded": lambda pool: (pool.ready(0), pool.submit(7), pool.reply(0, 7, Reply.EXHAUSTED)),
    "terminating": lambda pool: (pool.ready(0), pool.exits(0)),
}
FIRES: dict[tuple[str, str], Callable[[PurePool], list[do.Effect]]] = {
    ("initializing", "init_complete"): lambda pool: pool.ready(0),
    ("initializing", "init_failed"): lambda pool: pool.tell(told.WorkerInitFailed(0)),
    ("initializing", "init_timeout"): lambda pool: pool.wait(60.0),
    ("initializing", "spawn_failed"): lambda pool: pool.tell(told.SpawnFailed(0)),
    ("ready", "checkout"): lambda pool: pool.submit(7),
    ("ready", "health_check_failed"): lambda pool: pool.wait(35.0),
    ("ready", "recycle"): lambda pool: pool.fire(TimerKind.AGE),
    ("busy", "checkin_success"): lambda pool: pool.reply(0, 7),
    ("busy", "checkin_error"): lambda pool: pool.reply(0, 7, Reply.RAISED),
    ("busy", "recovery_degrade"): lambda pool: pool.reply(0, 7, Reply.EXHAUSTED),
    ("busy", "timeout"): lambda pool: pool.wait(2.0),
    ("busy", "cancelled"): lambda pool: pool.tell(told.KillRequested(7)),
    ("busy", "shutdown"): lambda pool: [*pool.shut(grace=1.0), *pool.wait(1.0)],
    ("degraded", "health_restored"): lambda pool: pool.tell(told.HealthReported(0, 1)),
    ("degraded", "health_check_limit"): lambda pool: pool.wait(5.0 + 2 * 30.0),
    ("degraded", "recycle"): lambda pool: pool.fire(TimerKind.AGE),
    ("terminating", "reaped"): lambda pool: pool.reaped(0),
}
for alive in ("initializing", "ready", "busy", "degraded"):
    FIRES[alive, "exited"] = lambda pool: pool.exits(0)
    FIRES[alive, "corrupt"] = lambda pool: pool.tell(BAD_FRAME)
    FIRES.setdefault((alive, "shutdown"), lambda pool: pool.shut())
ASKED = {
    "send": do.SendTask(0, 7, 1),
    "stop": do.StopWorker(0),
    "kill": do.KillWorker(0),
    "check": do.CheckWorker(0, 1),
}


@pytest.mark.parametrize(("state", "because"), LEGAL, ids=str)
def test_each_row_fires_in_the_core_and_asks_for_its_actions_at_once(
    state: str, because: str
) -> None:
    pool = PurePool(ready=0, init_timeout=60.0, health_interval=30.0, age_max=1000.0)
    BROUGHT[state](pool)
    after, actions = EXPECTED[state][because]
    asked = FIRES[state, because](pool)
    row = (WorkerState(state), Because(because), WorkerState(after))
    at = asked.index(do.WorkerMoved(0, *row))
    assert [ASKED[action] for action in actions] == asked[at + 1 : at + 1 + len(actions)]


def test_each_row_and_nothing_else_has_its_story() -> None:
    assert set(LEGAL) == set(FIRES)


@pytest.mark.parametrize("state", BROUGHT)
def test_a_worker_is_unhealthy_when_degraded_and_unknown_while_it_starts(state: str) -> None:
    pool = PurePool(ready=0)
    BROUGHT[state](pool)
    known = {"initializing": Health.UNKNOWN, "degraded": Health.UNHEALTHY}
    assert known.get(state, Health.HEALTHY) is pool.core.workers[0].health


def snapshot(pool: PurePool) -> tuple[object, ...]:
    """Everything that the core remembers, as values."""
    core = pool.core
    workers = [
        (w.number, w.state, w.task and w.task.number, w.check, w.missed, w.wear, list(w.sessions))
        for w in core.workers.values()
    ]
    tasks = [
        (t.number, t.worker and t.worker.number, t.starts, t.misses, t.last_worker)
        for t in core.tasks.values()
    ]
    queues = (list(core.waiting), list(core.returning), [w.number for w in core.idle])
    counts = (core.queued, core.starting, core.sent_ahead, core.placed)
    breaker = (core.breaker.state, core.breaker.failures, core.breaker.openings)
    return core.phase, workers, tasks, queues, counts, breaker, pool.sessions, core.grace_at


@pytest.mark.parametrize(
    ("state", "event", "because"),
    [
        ("initializing", told.WorkerReaped(0), "reaped"),
        ("ready", told.WorkerReaped(0), "reaped"),
        ("ready", told.SpawnFailed(0), "spawn_failed"),
        ("busy", told.WorkerReaped(0), "reaped"),
        ("busy", told.SpawnFailed(0), "spawn_failed"),
        ("degraded", told.WorkerReaped(0), "reaped"),
        ("degraded", told.SpawnFailed(0), "spawn_failed"),
    ],
)
def test_event_without_a_row_is_refused_and_changes_nothing(
    state: str, event: told.Event, because: str
) -> None:
    pool, spared = PurePool(ready=0), PurePool(ready=0)
    BROUGHT[state](pool)
    BROUGHT[state](spared)
    known = snapshot(pool)
    with pytest.raises(
        LifecycleError, match=f"^worker 0 cannot take {because} in {state}; legal: "
    ):
        pool.tell(event)
    assert known == snapshot(pool)
    assert spared.submit(8, 9) == pool.submit(8, 9)


WORKER = st.integers(0, 3)
TASK = st.integers(0, 5)
SESSION = st.integers(0, 1)
EVENT = st.one_of(
    st.builds(told.WorkerReady, WORKER),
    st.builds(told.WorkerInitFailed, WORKER),
    st.builds(told.SpawnFailed, WORKER),
    st.builds(told.WorkerExited, WORKER, st.sampled_from([0, -9, None]), st.integers(0, 1)),
    st.builds(told.WorkerReaped, WORKER),
    st.builds(told.FrameCorrupt, WORKER, st.just("magic")),
    st.builds(told.ResultReceived, WORKER, TASK, st.just(1), st.sampled_from(Reply), st.just(b"")),
    st.builds(told.HealthReported, WORKER, st.integers(1, 2), st.booleans()),
    st.builds(told.TasksRecalled, WORKER, st.tuples(TASK)),
    st.builds(told.CancelRequested, TASK),
    st.builds(told.KillRequested, TASK),
    st.builds(told.SessionOpened, SESSION),
    st.builds(told.SessionReopened, SESSION),
    st.builds(told.SessionCloseRequested, SESSION),
    st.builds(told.ShutdownRequested, st.booleans(), st.sampled_from([None, 1.0])),
    st.builds(told.TimerFired, st.builds(told.Timer, st.sampled_from(TimerKind), TASK)),
)
SUBMITS = [
    told.TaskSubmitted(number, None, number % 2, (None, 0, 1)[number % 3]) for number in range(6)
]
ACTIONS = {action: type(effect) for action, effect in ASKED.items()}


@given(st.lists(st.one_of(EVENT, st.just(None)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_history_is_a_chain_of_rows_and_each_row_does_its_actions(
    events: list[told.Event | None],
) -> None:
    pool = PurePool(ready=0, size=2, prefetch=2)
    states = dict.fromkeys((0, 1), WorkerState.INITIALIZING)
    submits = iter(SUBMITS)
    for event in events:
        current = event or next(submits, None)
        if current is None:
            continue
        before = snapshot(pool)
        try:
            asked = pool.tell(current)
        except LifecycleError:
            assert before == snapshot(pool)
        else:
            follow(states, asked)
    unresolved = set(pool.core.tasks)
    assert not unresolved & {effect.task for effect in only(pool.asked, do.ResolveTask)}


def follow(states: dict[int, WorkerState], asked: list[do.Effect]) -> None:
    """Each move starts where its worker stands, is a row, and what it asks for comes next."""
    for index, effect in enumerate(asked):
        if isinstance(effect, do.SpawnWorker):
            states[effect.worker] = WorkerState.INITIALIZING
        if isinstance(effect, do.WorkerMoved):
            assert states[effect.worker] is effect.before
            after, actions = EXPECTED[effect.before][effect.because]
            assert after == effect.after
            states[effect.worker] = effect.after
            for action in actions:
                following = asked[index + 1]
                if action == "send" and type(following) is not do.SendTask:
                    continue  # it was sent ahead
                assert ACTIONS[action] is type(following)
                assert effect.worker == following.worker  # type: ignore[union-attr]

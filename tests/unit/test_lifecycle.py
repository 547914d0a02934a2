"""The worker lifecycle that the pool obeys, restated by hand, alone and through the core."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool import LifecycleError, PoolConfig
from pool import events as told
from pool.core import Core
from pool.effects import Effect, KillWorker, SendTask, SpawnWorker, StopWorker, WorkerMoved
from pool.lifecycle import LIFECYCLE, Action, Because, WorkerState, next_row

KILLED = ("terminating", ("kill",))
STOPPED = ("terminating", ("stop",))

EXPECTED = {
    "initializing": {
        "init_complete": ("ready", ()),
        "init_failed": KILLED,
        "init_timeout": KILLED,
        "spawn_failed": ("terminated", ("replace",)),
        "exited": KILLED,
        "corrupt": KILLED,
        "shutdown": STOPPED,
    },
    "ready": {
        "checkout": ("busy", ("send",)),
        "exited": KILLED,
        "corrupt": KILLED,
        "shutdown": STOPPED,
    },
    "busy": {
        "checkin_success": ("ready", ()),
        "checkin_error": ("ready", ()),
        "timeout": KILLED,
        "cancelled": KILLED,
        "exited": KILLED,
        "corrupt": KILLED,
        "shutdown": KILLED,
    },
    "terminating": {"reaped": ("terminated", ("replace",))},
    "terminated": {},
}

LEGAL = [(state, because) for state, rows in EXPECTED.items() for because in rows]
ILLEGAL = [
    (state, because)
    for state in WorkerState
    for because in Because
    if (str(state), str(because)) not in LEGAL
]


def pair_id(value: str) -> str:
    return str(value)


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


def test_nothing_leaves_terminated() -> None:
    assert LIFECYCLE[WorkerState.TERMINATED] == {}


@pytest.mark.parametrize("state", list(WorkerState), ids=pair_id)
def test_terminated_is_reachable_from_everywhere(state: WorkerState) -> None:
    assert WorkerState.TERMINATED in reachable(state)


def test_every_state_is_reachable_from_initializing() -> None:
    assert set(WorkerState) == reachable(WorkerState.INITIALIZING)


def test_a_worker_that_had_a_process_terminates_only_when_it_is_reaped() -> None:
    into = [b for rows in LIFECYCLE.values() for b, row in rows.items() if row[0] == "terminated"]
    assert into == [Because.SPAWN_FAILED, Because.REAPED]


def test_every_way_into_terminating_ends_the_process() -> None:
    rows = [row for rows in LIFECYCLE.values() for row in rows.values()]
    ways = {actions for after, actions in rows if after is WorkerState.TERMINATING}
    assert {(Action.KILL,), (Action.STOP,)} == ways


@pytest.mark.parametrize(("state", "because"), LEGAL, ids=pair_id)
def test_legal_pair_gives_its_row(state: str, because: str) -> None:
    row = next_row(LIFECYCLE, 3, WorkerState(state), Because(because))
    assert EXPECTED[state][because] == row


@pytest.mark.parametrize(("state", "because"), ILLEGAL, ids=pair_id)
def test_illegal_pair_is_refused_by_name(state: WorkerState, because: Because) -> None:
    legal = ", ".join(sorted(EXPECTED[state])) or "nothing"
    with pytest.raises(LifecycleError) as refused:
        next_row(LIFECYCLE, 3, state, because)
    expected = f"worker 3 cannot take {because} in {state}; legal: {legal}"
    assert expected == str(refused.value)


def test_legal_and_illegal_pairs_are_all_pairs() -> None:
    assert len(WorkerState) * len(Because) == len(LEGAL) + len(ILLEGAL)


def reachable(state: WorkerState) -> set[WorkerState]:
    found = {state}
    edge = [state]
    while edge:
        after = {row[0] for row in LIFECYCLE[edge.pop()].values()} - found
        found |= after
        edge += after
    return found


# The table through the core.


def core_of_one() -> Core:
    core = Core(PoolConfig(size=1))
    core.handle(told.PoolStarted(), 0.0)
    return core


def told_all(core: Core, *events: told.Event) -> Core:
    for event in events:
        core.handle(event, 1.0)
    return core


READY = (told.WorkerReady(0),)
BUSY = (*READY, told.TaskSubmitted(0), told.TaskSubmitted(1))
ENDING = (*BUSY, told.KillRequested(0))


def snapshot(core: Core) -> tuple[object, ...]:
    """Everything that the core remembers, as values."""
    workers = [(w.number, w.state, w.task and w.task.number) for w in core.workers.values()]
    tasks = [
        (t.number, t.worker and t.worker.number, t.starts, t.misses, t.last_worker)
        for t in core.tasks.values()
    ]
    queues = (list(core.waiting), list(core.returning), [w.number for w in core.idle])
    return core.phase, workers, tasks, queues, core.start_failures, core.grace_at


@pytest.mark.parametrize(
    ("before", "event", "named"),
    [
        ((), told.WorkerReaped(0), "reaped in initializing"),
        (READY, told.WorkerReaped(0), "reaped in ready"),
        (BUSY, told.WorkerReaped(0), "reaped in busy"),
        (READY, told.SpawnFailed(0), "spawn_failed in ready"),
        (BUSY, told.SpawnFailed(0), "spawn_failed in busy"),
    ],
)
def test_event_without_a_row_is_refused_and_changes_nothing(
    before: tuple[told.Event, ...], event: told.Event, named: str
) -> None:
    core = told_all(core_of_one(), *before)
    known = snapshot(core)
    with pytest.raises(LifecycleError, match=f"worker 0 cannot take {named}; legal: "):
        core.handle(event, 2.0)
    assert known == snapshot(core)


def test_core_works_on_as_if_a_refused_event_had_never_come() -> None:
    refused, spared = told_all(core_of_one(), *BUSY), told_all(core_of_one(), *BUSY)
    with pytest.raises(LifecycleError):
        refused.handle(told.WorkerReaped(0), 1.0)
    result = told.ResultReceived(0, 0, 1, told.Reply.RETURNED, b"")
    assert spared.handle(result, 2.0) == refused.handle(result, 2.0)


def test_bad_frame_from_a_worker_told_to_stop_has_it_killed_and_moves_nothing() -> None:
    core = told_all(core_of_one(), *ENDING)
    known = snapshot(core)
    assert core.handle(told.FrameCorrupt(0, "magic"), 2.0) == [KillWorker(0)]
    assert known == snapshot(core)


@pytest.mark.parametrize(
    "late",
    [
        told.WorkerReady(0),
        told.WorkerInitFailed(0),
        told.TimerFired(told.Timer(told.TimerKind.INIT, 0)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_late_fact_about_an_ending_worker_moves_nothing(late: told.Event) -> None:
    core = told_all(core_of_one(), *ENDING)
    known = snapshot(core)
    assert core.handle(late, 2.0) == []
    assert known == snapshot(core)


@pytest.mark.parametrize(
    "late",
    [
        told.WorkerReady(0),
        told.WorkerInitFailed(0),
        told.SpawnFailed(0),
        told.FrameCorrupt(0, "magic"),
        told.WorkerExited(0, -9, 0),
        told.WorkerReaped(0),
        told.TimerFired(told.Timer(told.TimerKind.INIT, 0)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_fact_about_a_terminated_worker_moves_nothing(late: told.Event) -> None:
    core = told_all(core_of_one(), *ENDING, told.WorkerReaped(0))
    known = snapshot(core)
    assert core.handle(late, 2.0) == []
    assert known == snapshot(core)


WORKER = st.integers(0, 3)
TASK = st.integers(0, 5)
EVENT = st.one_of(
    st.builds(told.WorkerReady, WORKER),
    st.builds(told.WorkerInitFailed, WORKER),
    st.builds(told.SpawnFailed, WORKER),
    st.builds(told.FrameCorrupt, WORKER, st.just("magic")),
    st.builds(told.WorkerExited, WORKER, st.just(1), st.integers(0, 1)),
    st.builds(told.WorkerReaped, WORKER),
    st.builds(
        told.ResultReceived, WORKER, TASK, st.just(1), st.sampled_from(told.Reply), st.none()
    ),
    st.builds(told.CancelRequested, TASK),
    st.builds(told.KillRequested, TASK),
    st.builds(told.ShutdownRequested, st.booleans(), st.sampled_from([None, 1.0])),
    st.builds(told.TimerFired, st.builds(told.Timer, st.sampled_from(told.TimerKind), TASK)),
)
ASKED = {"kill": KillWorker, "stop": StopWorker, "send": SendTask}
SUBMITS = [told.TaskSubmitted(number, None, number % 2) for number in range(6)]


@given(st.lists(st.one_of(EVENT, st.just(None)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_history_is_a_chain_of_rows_and_each_row_does_its_actions(
    events: list[told.Event | None],
) -> None:
    core = Core(PoolConfig(size=2))
    states = {0: WorkerState.INITIALIZING, 1: WorkerState.INITIALIZING}
    core.handle(told.PoolStarted(), 0.0)
    submits = iter(SUBMITS)
    for event in events:
        current = event or next(submits, None)
        if current is None:
            continue
        before = snapshot(core)
        try:
            effects = core.handle(current, 1.0)
        except LifecycleError:
            assert before == snapshot(core)
            continue
        follow(states, effects)


def follow(states: dict[int, WorkerState], effects: list[Effect]) -> None:
    """Each move starts where its worker stands, is a row, and what it asks for comes next."""
    for index, effect in enumerate(effects):
        if isinstance(effect, SpawnWorker):
            states[effect.worker] = WorkerState.INITIALIZING
        if isinstance(effect, WorkerMoved):
            assert states[effect.worker] is effect.before
            after, actions = EXPECTED[effect.before][effect.because]
            assert after == effect.after
            states[effect.worker] = effect.after
            for action in set(actions) & set(ASKED):
                asked = effects[index + 1]
                assert (ASKED[action], effect.worker) == (type(asked), asked.worker)

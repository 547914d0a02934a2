"""Free runs put together by hand: what the judge lets pass, and what it does not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from machines.free.judge import judge
from machines.free.run import FreeRun, Plan
from machines.free.seen import Answer, Note, Operation, Seen
from machines.free.work import ENDED, STARTED
from machines.setting import Setting
from model.checker import Verdict
from pool import events as told
from pool.errors import SessionLost, TaskTimeout
from pool.events import Reply, Timer, TimerKind
from pool.record import Entry

if TYPE_CHECKING:
    from machines.free.judge import Judgement

BEGUN = 100.0


def operation(
    number: int,
    *answers: Answer,
    call: tuple[Any, ...] = ("echo",),
    session: str | None = None,
    at: float = 0.2,
) -> Operation:
    return Operation(
        number, call, session, 0, BEGUN + at, BEGUN + at, task=number, answers=list(answers)
    )


def returned(value: Any, at: float = 0.6) -> Answer:
    return Answer(BEGUN + at, "returned", value)


def echoed(number: int, at: float = 0.6) -> Answer:
    return returned(["echo", number], at)


def ran(number: int, begin: float = 0.3, end: float = 0.4, worker: int = 0) -> list[Note]:
    return [
        Note(STARTED, number, worker, BEGUN + begin),
        Note(ENDED, number, worker, BEGUN + end),
    ]


def submitted(task: int, at: float = 0.2, session: int | None = None) -> tuple[float, told.Event]:
    return at, told.TaskSubmitted(task, session=session)


def replied(task: int, at: float = 0.5) -> tuple[float, told.Event]:
    return at, told.ResultReceived(0, task, 1, Reply.RETURNED, 5)


START: list[tuple[float, told.Event]] = [(0.0, told.PoolStarted()), (0.1, told.WorkerReady(0))]
END: list[tuple[float, told.Event]] = [
    (9.0, told.ShutdownRequested()),
    (9.1, told.WorkerExited(0, 0, 0)),
    (9.2, told.WorkerReaped(0, 0)),
]


def judged(
    operations: list[Operation],
    notes: list[Note],
    events: list[tuple[float, told.Event]],
    *,
    left: tuple[str, ...] = (),
    end: list[tuple[float, told.Event]] = END,
    setting: Setting | None = None,
) -> Judgement:
    record: Any = [Entry(BEGUN + at, event) for at, event in [*START, *events, *end]]
    plan = Plan(0, setting or Setting(1))
    seen = Seen(operations, notes)
    return judge(FreeRun(plan, seen, record, Counter(), ended=True, left=left, workers=1))


def broken(judgement: Judgement) -> set[str]:
    return {one.promise for one in judgement.broken}


def test_a_task_that_ran_and_was_answered_breaks_nothing() -> None:
    found = judged([operation(0, echoed(0))], ran(0), [submitted(0), replied(0)])
    assert found.broken == ()
    assert found.unknown == ()
    assert found.retraced.verdict is Verdict.HOLDS


ONE = [submitted(0), replied(0)]
UNTRUE: dict[str, tuple[list[Operation], list[Note], str]] = {
    "nobody was told": ([operation(0)], ran(0), "S1"),
    "told twice": ([operation(0, echoed(0), echoed(0))], ran(0), "S1"),
    "told another's answer": ([operation(0, echoed(7))], ran(0), "S2"),
    "an answer from nowhere": ([operation(0, echoed(0))], [], "S1"),
    "started twice": ([operation(0, echoed(0))], ran(0) + ran(0, 0.31, 0.41, 1), "S3"),
    "told that it never started": (
        [operation(0, Answer(BEGUN + 0.6, "WorkerLost", None, started=False))],
        ran(0),
        "S1",
    ),
    "a start that nobody asked for": (
        [operation(0, echoed(0)), Operation(1, ("echo",), refused="PoolSaturated")],
        ran(0) + ran(1, 0.7, 0.8),
        "S1",
    ),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_what_a_client_was_told_is_held_against_what_workers_noted(name: str) -> None:
    operations, notes, promise = UNTRUE[name]
    assert promise in broken(judged(operations, notes, ONE))


def test_what_is_left_after_the_end_is_told() -> None:
    found = judged([operation(0, echoed(0))], ran(0), ONE, left=("1 descriptors more",))
    assert broken(found) == {"S13"}


def test_a_worker_that_was_given_up_may_end_its_task_and_begin_the_next() -> None:
    """Its deadline resolves a task; until the worker is killed it goes on with what it holds."""
    timed_out = Answer(BEGUN + 0.35, "TaskTimeout", TaskTimeout("late"))
    operations = [operation(0, timed_out), operation(1, echoed(1), at=0.21)]
    events: list[tuple[float, told.Event]] = [
        (0.2, told.TaskSubmitted(0, 0.1)),
        (0.3, told.TimerFired(Timer(TimerKind.DEADLINE, 0))),
        (0.5, told.WorkerReaped(0, 0)),
        (0.6, told.WorkerReady(1)),
        submitted(1, 0.7),
        (0.8, told.ResultReceived(1, 1, 1, Reply.RETURNED, 5)),
    ]
    end: list[tuple[float, told.Event]] = [
        (9.0, told.ShutdownRequested()),
        (9.1, told.WorkerExited(1, 0, 0)),
        (9.2, told.WorkerReaped(1, 0)),
    ]
    notes = [*ran(0, 0.25, 0.4), *ran(1, 0.72, 0.75, 1)]
    assert judged(operations, notes, events, end=end).broken == ()


# Sessions.


def append(number: int, at: float, *answers: Answer) -> Operation:
    return operation(number, *answers, call=("append", number), session="red", at=at)


OPENED: list[tuple[float, told.Event]] = [
    (0.11, told.SessionOpened(0)),
    submitted(0, 0.2, session=0),
    replied(0, 0.5),
    submitted(1, 0.7, session=0),
    replied(1, 0.9),
]
NOTED = [*ran(0), *ran(1, 0.75, 0.8)]


def test_a_state_in_which_both_appends_are_is_linearizable() -> None:
    operations = [
        append(0, 0.2, returned([[], 0])),
        append(1, 0.65, returned([[0], 1], 0.95)),
    ]
    found = judged(operations, NOTED, OPENED)
    assert found.broken == ()
    assert found.states["red"].verdict is Verdict.HOLDS


def test_a_state_that_is_silently_empty_is_told_with_its_prefix() -> None:
    operations = [
        append(0, 0.2, returned([[], 0])),
        append(1, 0.65, returned([[], 0], 0.95)),
    ]
    found = judged(operations, NOTED, OPENED)
    assert broken(found) == {"S6"}
    assert found.states["red"].verdict is Verdict.VIOLATED
    assert found.states["red"].refuted == (0, 1)


def test_a_loss_that_never_was_is_no_answer() -> None:
    lost = Answer(BEGUN + 0.95, "SessionLost", SessionLost("gone"))
    operations = [append(0, 0.2, returned([[], 0])), append(1, 0.65, lost)]
    assert "S6" in broken(judged(operations, NOTED, OPENED))

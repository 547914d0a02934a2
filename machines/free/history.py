"""The history of a free run: what its record, its workers and its clients saw, as one.

All three go by the machine's monotonic clock. The pool's own decisions come from the record, by
telling it to a core once more; starts and ends of functions from the workers' notes; the values of
answers from the clients. Who reads the result knows none of the three.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from machines import vocabulary
from machines.free.seen import state_told
from machines.free.work import BIG_BYTES, STARTED
from machines.retold import Retold
from model import history as saw
from model import linearizability
from model.linearizability import UNKNOWN
from model.session_state import LOST
from pool import effects as do
from pool import events as told
from pool.core import Core
from pool.errors import SessionLost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.free.run import FreeRun
    from machines.free.seen import Answer, Note, Operation
    from pool.record import Entry

# Why a session's state is gone, so that nothing is found there until it is opened again.
_LOSING: Final = ("worker_lost", "expired")


class _Core(Retold):
    """What a core makes of a free run's record; that functions started, their workers noted.

    Attributes:
        sessions: which session each task belongs to.
        resolved: when each task resolved.
        lost: when each session was lost.
    """

    def __init__(self, run: FreeRun, operations: dict[int, Operation]) -> None:
        super().__init__(Core(run.plan.setting.config()))
        self.sessions: dict[int, int | None] = {}
        self.resolved: dict[int, float] = {}
        self.lost: list[tuple[int, float]] = []
        self._run = run
        self._operations = operations
        self._at = 0.0

    def turns(self) -> list[tuple[float, list[saw.Record]]]:
        """For each entry its time, and what it shows."""
        turns = []
        for entry in self._run.record:
            self._at = entry.at
            turns.append((entry.at, list(self.records(entry))))
        return turns

    def _proven(self, _: told.ResultReceived) -> Iterator[saw.Record]:
        return iter(())

    def _accepted(self, entry: Entry, asked: list[do.Effect]) -> Iterator[saw.Record]:
        event: Any = entry.event
        self.sessions[event.task] = event.session
        yield from super()._accepted(entry, asked)

    def _effect(self, effect: do.Effect) -> Iterator[saw.Record]:
        if isinstance(effect, do.ResolveTask):
            self.resolved[effect.task] = self._at
        elif isinstance(effect, do.SessionMoved) and effect.because in _LOSING:
            self.lost.append((effect.session, self._at))
        yield from super()._effect(effect)

    def _value(self, task: int) -> Any:
        return _told_value(self._operations.get(task))


@define
class History:
    """One free run's history.

    Attributes:
        records: for the judge, in order.
        sessions: the name of each session by its number.
        lost: when which session was lost, in order.
    """

    records: list[saw.Record]
    sessions: dict[int, str]
    lost: list[tuple[int, float]]


def history_of(run: FreeRun) -> History:
    """The run's history is returned.

    Args:
        run: a finished free run.
    """
    of = {one.task: one for one in run.seen.operations if one.task is not None}
    core = _Core(run, of)
    turns = core.turns()
    noted = sorted(_noted(run, core.resolved), key=lambda turn: turn[0])
    records: list[saw.Record] = [vocabulary.opened(run.plan.setting.config())]
    for _, shown in heapq.merge(turns, noted, key=lambda turn: turn[0]):
        records += shown
    records += [saw.LeftOver(what) for what in run.left]
    records.append(saw.Healed(complete=run.ended, ready=0))
    names = {
        number: one.session
        for task, number in core.sessions.items()
        if number is not None and (one := of.get(task)) is not None and one.session is not None
    }
    return History(records, names, core.lost)


def _noted(run: FreeRun, resolved: dict[int, float]) -> Iterator[tuple[float, list[saw.Record]]]:
    """The workers' notes; a start that came after its task had resolved is told before that.

    The pool cannot take back what it has sent, and says of such a task that it may have started.
    """
    tasks = {one.number: one.task for one in run.seen.operations}
    for note in run.seen.notes:
        one = run.seen.operations[note.operation]
        task = one.task
        if task is None:  # nobody was told of it: a number that no task has
            yield note.at, [saw.Started(-1 - note.operation, note.worker)]
        elif note.what == STARTED:
            at = min(note.at, math.nextafter(resolved.get(task, math.inf), 0))
            yield at, [saw.Started(task, note.worker)]
        else:
            yield note.at, list(_ended(one, task, note, tasks))


def _ended(
    one: Operation, task: int, note: Note, tasks: dict[int, int | None]
) -> Iterator[saw.Record]:
    if one.session is None:
        yield saw.Finished(task, note.worker, *ends(one))
        return
    answer = one.answer
    given = None if answer is None else state_told(answer.value)
    if answer is not None and given is not None:
        yield saw.Finished(task, note.worker, "returned", canonical(answer.value))
        yield saw.Found(task, tuple(_number(tasks, mark) for mark in given[0]))
    else:
        yield saw.Finished(task, note.worker, "returned", None)  # nobody was told what


def _number(tasks: dict[int, int | None], operation: int) -> int:
    task = tasks.get(operation)
    return -1 - operation if task is None else task


def ends(one: Operation) -> tuple[str, Any]:
    """How an anonymous operation's function ends, and with which value."""
    name, number = one.call[0], one.number
    if name == "fail":
        return "raised", ["ValueError", f"operation {number}"]
    return "returned", [name, number]


def canonical(value: Any) -> Any:
    """A result or exception, short and comparable."""
    if isinstance(value, BaseException):
        return [type(value).__name__, str(value)]
    if isinstance(value, str) and len(value) == BIG_BYTES and value == value[:8] * (BIG_BYTES // 8):
        return ["big", int(value[:8])]
    return value


def _told_value(one: Operation | None) -> Any:
    """The value that the client was told; an unanswered task's is one that no function returns."""
    if one is None or one.answer is None:
        return "nobody was told"
    if one.answer.kind in ("returned", "raised"):
        return canonical(one.answer.value)
    return one.answer.kind


# A session's state, as its clients saw it.


def session_histories(run: FreeRun, history: History) -> dict[str, list[linearizability.Operation]]:
    """For each session the operations on its state, with the moments at which it was lost."""
    found: dict[str, list[linearizability.Operation]] = {}
    for one in run.seen.operations:
        if one.session is not None:
            operation = _operation(one)
            if operation is not None:
                found.setdefault(one.session, []).append(operation)
    for number, at in history.lost:
        name = history.sessions.get(number)
        if name is not None:
            loss = linearizability.Operation(("lose",), at, at, None)
            found.setdefault(name, []).append(loss)
    return found


def _operation(one: Operation) -> linearizability.Operation | None:
    """The operation on its session's state; None if it certainly never came to it."""
    if one.call[0] == "reopen":
        if one.refused:
            return None
        return linearizability.Operation(one.call, one.invoked, one.returned, None)
    lost = SessionLost.__name__
    if one.refused:
        if one.refused != lost:
            return None
        return linearizability.Operation(one.call, one.invoked, one.returned, LOST)
    result, at = _result(one.answer)
    if result is None:
        return None
    return linearizability.Operation(one.call, one.invoked, at, result)


def _result(answer: Answer | None) -> tuple[Any, float]:
    """The answer of the state, and when it had come; None if the function never started."""
    if answer is None:
        return UNKNOWN, math.inf
    if answer.kind == "returned":
        given = state_told(answer.value)
        return (UNKNOWN, math.inf) if given is None else (given[1], answer.at)
    if answer.kind == SessionLost.__name__:
        return LOST, answer.at
    return (UNKNOWN, math.inf) if answer.started else (None, math.inf)

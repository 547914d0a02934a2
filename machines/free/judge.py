"""The judgement of a free run: what of the promises holds, by the history of all who saw it.

Four courts, and each says what it does not know:
- what clients were told: one answer each, and true (S1), as the notes of workers show;
- the history against every promise that such a history can decide;
- each session's state, whether it is linearizable (S6, S7);
- the record, whether any world tells its core such things, and what all promises say of that world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.free.history import canonical, ends, history_of, session_histories
from machines.free.seen import begun, state_told
from machines.recorded import Retraced, handled, retrace
from model.breaker_safety import OnlyProbesPass
from model.checker import Verdict
from model.linearizability import Linearity, linearity
from model.liveness import EveryTaskResolves
from model.promises import Judge
from model.session_safety import LossIsLoud, OneWorkerInOrder, OwnState
from model.session_state import EMPTY, step
from model.task_safety import CancelledStaysCancelled, OwnResult, ResolvesOnce, StartsOnce
from model.worker_safety import Bounded, LegalMoves, NothingLeft, OneTaskAtATime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.free.history import History
    from machines.free.run import FreeRun
    from machines.free.seen import Answer, Operation
    from model.checker import Checker

# What a history by the wall clock can decide. The others are about when something happens, or about
# frames, which no client sees: of those the retraced record tells.
DECIDED: Final[tuple[type[Checker], ...]] = (
    ResolvesOnce,
    OwnResult,
    StartsOnce,
    OneTaskAtATime,
    OneWorkerInOrder,
    OwnState,
    LossIsLoud,
    LegalMoves,
    Bounded,
    CancelledStaysCancelled,
    OnlyProbesPass,
    NothingLeft,
    EveryTaskResolves,
)


@frozen
class Broken:
    """A promise that a free run broke.

    Attributes:
        promise: its name, or `record` where no world can tell what the record says.
        sentence: what happened.
    """

    promise: str
    sentence: str


@frozen
class Judgement:
    """What is known of one free run.

    Attributes:
        broken: what it broke, without what only follows from something before.
        unknown: of what nothing is known, each in a few words.
        states: for each session what is known of its state's linearizability.
        retraced: its record as a trace.
    """

    broken: tuple[Broken, ...]
    unknown: tuple[str, ...]
    states: dict[str, Linearity]
    retraced: Retraced


def judge(run: FreeRun) -> Judgement:
    """The run was held against everything that can be known of it.

    Args:
        run: a finished free run.
    """
    history = history_of(run)
    court = Judge(DECIDED)
    first = next((v for record in history.records if (v := court.observe(record))), None)
    broken = [Broken("S1", sentence) for sentence in untruths(run)]
    broken += [] if first is None else [Broken(first.promise, first.sentence)]
    states = {
        name: linearity(operations, step, EMPTY)
        for name, operations in sorted(session_histories(run, history).items())
    }
    broken += _broken_states(states, run, history)
    setting = run.plan.setting
    retraced = retrace(setting, handled(run.record, setting), _operations(run))
    if retraced.report.violation is not None:
        found = retraced.report.violation
        broken.append(Broken(found.promise, f"retraced: {found.sentence}"))
    if retraced.verdict is Verdict.VIOLATED:
        broken.append(Broken("record", retraced.why))
    unknown = [f"session {n}'s state" for n, s in states.items() if s.verdict is Verdict.UNKNOWN]
    if retraced.verdict is Verdict.UNKNOWN:
        unknown.append(f"the record: {retraced.why}")
    if not run.ended:
        broken.append(Broken("L3", f"the pool did not end within {run.plan.party.limit_s:g} s"))
    return Judgement(tuple(broken), tuple(unknown), states, retraced)


def untruths(run: FreeRun) -> Iterator[str]:
    """What clients were told that is not so, or not told; in the order of their operations."""
    starts = begun(run.seen)
    for one in run.seen.operations:
        words = _untruth(one, starts.get(one.number, 0), ended=run.ended)
        if words:
            yield f"operation {one.number} ({one.call[0]}, task {one.task}) {words}"


def _untruth(one: Operation, starts: int, *, ended: bool) -> str:
    if one.task is None:
        return f"was not accepted, and started {starts} times" if starts else ""
    if len(one.answers) > 1:
        kinds = ", ".join(each.kind for each in one.answers)
        return f"was answered {len(one.answers)} times: {kinds}"
    if one.answer is None:
        return "was never answered, and the pool has ended" if ended else ""
    return _untruth_of(one, one.answer, starts)


def _untruth_of(one: Operation, answer: Answer, starts: int) -> str:
    if starts and not answer.started:
        return f"was answered as never started ({answer.kind}), but its function had started"
    if answer.kind not in ("returned", "raised"):
        return ""
    if not starts:
        return f"was answered as {answer.kind}, but its function never started"
    own = (answer.kind, canonical(answer.value))
    if own != ends(one) if one.session is None else state_told(answer.value) is None:
        return f"was answered as {answer.kind} {canonical(answer.value)!r}"
    return ""


def _broken_states(
    states: dict[str, Linearity], run: FreeRun, history: History
) -> Iterator[Broken]:
    for name, state in states.items():
        if state.verdict is Verdict.VIOLATED and state.at is not None:
            one = session_histories(run, history)[name][state.at]
            words = f"{' '.join(map(str, one.call))} was answered {one.result!r}"
            many = f"{len(state.refuted)} operations that were invoked by then"
            yield Broken("S6", f"session {name}: {words}, which no order of the {many} explains")


_SAME: Final = {"fail": "fail", "big": "big"}


def _operations(run: FreeRun) -> dict[int, str]:
    """The trace's operation for each task."""
    return {
        one.task: _SAME.get(one.call[0], "echo")
        for one in run.seen.operations
        if one.task is not None
    }

"""The safety promises, each against histories written by hand: what it accepts and rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.checker import Checker, Verdict, Violation
from model.history import (
    Assigned,
    Broke,
    CancelAsked,
    Closed,
    Died,
    Diverted,
    Finished,
    Launched,
    LeftOver,
    Misfit,
    Moved,
    Opened,
    Recalled,
    Refused,
    Resolved,
    ShutdownAsked,
    Started,
    Struck,
    Submitted,
    Told,
    Unpickled,
)
from model.promises import PROMISES, WORDS, Judge, judge

if TYPE_CHECKING:
    from model.history import Record

ONCE_SHOWN = {"S13", "L1", "L2", "L3", "L4"}
CHECKERS = {checker.promise: checker for checker in PROMISES}

OPENED = Opened(size=2, queue_limit=1, grace=5.0)
UNBOUND = Opened(size=2, queue_limit=None, grace=5.0)
TASK = Submitted(0, None, 0)
TIMED = Submitted(0, 2.0, 0)
GIVEN = Assigned(0, 0)
STARTED = Started(0, 0)
RETURNED = Resolved(0, "returned", 7, started=True)
CANCELLED = Resolved(0, "cancelled", None, started=False)
TIMEOUT = Resolved(0, "timeout", None, started=True)
READY = Moved(0, "initializing", "init_complete", "ready")
BUSY = Moved(0, "ready", "checkout", "busy")
AHEAD = Assigned(1, 0, ahead=True)
DONE = Finished(0, 0, "returned", 7)
TAKEN = Recalled(0, (1,))
SECOND = Submitted(1, 2.0, 0)
TIMED_OUT = Resolved(1, "timeout", None, started=False)
BACK = Moved(0, "busy", "checkin_success", "ready")
PROMOTED = (BUSY, GIVEN, AHEAD, BACK, BUSY)
ENDED = Moved(0, "busy", "timeout", "terminating")
STRUCK = Moved(0, "ready", "corrupt", "terminating")
REAPED = Moved(0, "terminating", "reaped", "terminated")


def resolved(ending: str, *, started: bool = True) -> Resolved:
    return Resolved(0, ending, None, started)


ACCEPTED: list[tuple[str, str, list[Record]]] = [
    ("S1", "a result", [TASK, GIVEN, STARTED, RETURNED]),
    ("S1", "its own exception", [TASK, GIVEN, STARTED, resolved("raised")]),
    ("S1", "cancelled as asked", [TASK, CancelAsked(0, forcibly=False), CANCELLED]),
    ("S1", "cancelled by a forcible wish", [TASK, CancelAsked(0, forcibly=True), CANCELLED]),
    ("S1", "cancelled by shutdown", [TASK, ShutdownAsked(None, cancels=True), CANCELLED]),
    ("S1", "killed as asked", [TASK, CancelAsked(0, forcibly=True), resolved("killed")]),
    ("S1", "shut down", [TASK, ShutdownAsked(1.0), resolved("shutdown")]),
    ("S1", "broken", [TASK, Broke(), resolved("broken", started=False)]),
    ("S1", "lost with its worker", [TASK, GIVEN, Died(0), resolved("lost")]),
    ("S1", "lost with its second worker", [TASK, GIVEN, Assigned(0, 1), Died(1), resolved("lost")]),
    ("S1", "timeout at the deadline", [TIMED, TIMEOUT, Told(2.0)]),
    ("S1", "started claimed of what did not", [TASK, resolved("returned", started=True)]),
    ("S2", "what the function returned", [Finished(0, 0, "returned", 7), RETURNED]),
    ("S2", "what it raised", [Finished(0, 0, "raised", None), resolved("raised")]),
    (
        "S2",
        "what the second execution returned",
        [Finished(0, 0, "returned", 6), Finished(0, 1, "returned", 7), RETURNED],
    ),
    ("S2", "an ending that has no value", [Finished(0, 0, "returned", 7), resolved("lost")]),
    ("S3", "one start", [TASK, STARTED]),
    ("S3", "as many starts as allowed", [Submitted(0, None, 2), STARTED, STARTED, STARTED]),
    ("S4", "one task after the other", [GIVEN, BACK, Assigned(1, 0)]),
    ("S4", "two tasks on two workers", [GIVEN, Assigned(1, 1)]),
    ("S4", "one sent ahead and begun after", [GIVEN, AHEAD, BACK, BUSY, BACK, Assigned(2, 0)]),
    ("S4", "one taken back in time", [GIVEN, AHEAD, Recalled(0, (1,)), BACK, Assigned(2, 0)]),
    ("S4", "one started when the other had ended", [STARTED, DONE, Started(1, 0)]),
    ("S4", "one started by the fallback executor", [STARTED, Started(1, None)]),
    ("S8", "a whole life", [READY, BUSY, BACK, BUSY, ENDED, REAPED, Closed()]),
    ("S8", "a process that never was", [Moved(0, "initializing", "spawn_failed", "terminated")]),
    ("S9", "size workers", [OPENED, Launched(0), Launched(1), Died(0), Launched(2)]),
    ("S9", "a full queue", [OPENED, TASK, Told(0.0), Refused(1, "saturated")]),
    ("S9", "a queue emptied by work", [OPENED, TASK, GIVEN, Submitted(1, None, 0), Told(0.0)]),
    (
        "S9",
        "a queue emptied elsewhere",
        [OPENED, TASK, Diverted(0), Submitted(1, None, 0), Told(0)],
    ),
    ("S9", "a queue emptied by answers", [OPENED, TASK, CANCELLED, Submitted(1, None, 0), Told(0)]),
    ("S9", "no bound", [UNBOUND, *(Submitted(n, None, 0) for n in range(9)), Told(0.0)]),
    ("S9", "refusals of other kinds", [OPENED, Refused(0, "shutdown"), Refused(1, "broken")]),
    ("S10", "resolved in time", [TIMED, GIVEN, RETURNED, BACK, Told(9.0)]),
    ("S10", "unresolved until its deadline", [TIMED, Told(2.0)]),
    ("S10", "its worker ended with it", [TIMED, GIVEN, TIMEOUT, ENDED, Told(2.0)]),
    ("S10", "timeout while it waits", [TIMED, TIMEOUT, Told(2.0)]),
    (
        "S10",
        "taken back at its deadline",
        [SECOND, BUSY, GIVEN, AHEAD, TAKEN, TIMED_OUT, Told(2.0)],
    ),
    (
        "S10",
        "begun too late to take back, and then ended",
        [SECOND, BUSY, GIVEN, AHEAD, TIMED_OUT, Told(2.0), BACK, BUSY, ENDED, Told(2.0)],
    ),
    ("S10", "no deadline", [TASK, GIVEN, Told(1e6)]),
    ("S11", "cancelled and quiet", [TASK, CANCELLED, Assigned(1, 0), Started(1, 0)]),
    ("S11", "killed after its start", [TASK, GIVEN, STARTED, resolved("killed")]),
    ("S13", "all dead and then the end", [Launched(0), Died(0), Closed()]),
    ("S14", "the sender ends", [READY, Struck(0, "cut"), STRUCK, Told(0.0)]),
    ("S14", "the sender was ending", [STRUCK, Told(0.0), Struck(0, "cut"), Told(0.0)]),
    ("S14", "a good frame is unpickled", [Unpickled(0), Told(0.0)]),
    ("S14", "an earlier frame was unpickled", [Unpickled(0), Told(0), Struck(0, "cut"), STRUCK]),
]

REJECTED: list[tuple[str, str, list[Record]]] = [
    ("S1", "task 0 was accepted twice", [TASK, TASK]),
    ("S1", "task 0 resolved as returned, but was never accepted", [RETURNED]),
    ("S1", "task 0 resolved a second time, as cancelled", [TASK, RETURNED, CANCELLED]),
    (
        "S1",
        "task 0 resolved as never started, but its function had started",
        [TASK, GIVEN, STARTED, Died(0), resolved("lost", started=False)],
    ),
    ("S1", "task 0 resolved as cancelled, but nobody had cancelled it", [TASK, CANCELLED]),
    (
        "S1",
        "task 0 resolved as cancelled, but nobody had cancelled it",
        [TASK, CancelAsked(1, forcibly=True), ShutdownAsked(None), CANCELLED],
    ),
    (
        "S1",
        "task 0 resolved as killed, but nobody had asked for that",
        [TASK, CancelAsked(0, forcibly=False), resolved("killed")],
    ),
    (
        "S1",
        "task 0 resolved as shut down, but nobody had shut the pool down",
        [TASK, resolved("shutdown")],
    ),
    (
        "S1",
        "task 0 resolved as broken, but the pool had not said that it is",
        [TASK, resolved("broken")],
    ),
    (
        "S1",
        "task 0 resolved as lost, but no worker that held it has died",
        [TASK, GIVEN, Died(1), resolved("lost")],
    ),
    ("S1", "task 0 timed out, but had no deadline", [TASK, TIMEOUT]),
    ("S1", "task 0 timed out at 1.5 s, before 2 s", [TIMED, TIMEOUT, Told(1.5)]),
    (
        "S2",
        "task 0 resolved as returned 7, but its function returned 6 or raised 'no'",
        [Finished(0, 0, "returned", 6), Finished(0, 1, "raised", "no"), RETURNED],
    ),
    (
        "S2",
        "task 0 resolved as returned 7, but its function never ended",
        [Finished(1, 0, "returned", 7), RETURNED],
    ),
    (
        "S2",
        "task 0 resolved as raised None, but its function returned None",
        [Finished(0, 0, "returned", None), resolved("raised")],
    ),
    ("S3", "task 0 started once more than it may, on worker 0", [TASK, STARTED, STARTED]),
    ("S3", "task 0 started once more than it may, on worker 0", [STARTED]),
    (
        "S3",
        "task 0 started once more than it may, on worker 3",
        [Submitted(0, None, 1), STARTED, STARTED, Started(0, 3)],
    ),
    ("S4", "worker 0 was given task 1 while it held task 0", [GIVEN, Assigned(1, 0)]),
    (
        "S8",
        "worker 0 left ready because checkout, but it was initializing",
        [BUSY],
    ),
    (
        "S8",
        "worker 0 moved from terminating because init_complete, which is no legal move",
        [READY, STRUCK, Moved(0, "terminating", "init_complete", "ready")],
    ),
    (
        "S8",
        "worker 0 moved to terminated because exited; legal is terminating",
        [READY, Moved(0, "ready", "exited", "terminated")],
    ),
    ("S8", "what the lifecycle said", [Misfit("what the lifecycle said")]),
    ("S8", "the pool ended while worker 0 was ready", [READY, Closed()]),
    ("S9", "3 workers live, 2 is the most", [OPENED, *map(Launched, range(3))]),
    (
        "S9",
        "task 1 was refused as one too many, but 0 tasks waited and 1 may",
        [OPENED, TASK, GIVEN, Refused(1, "saturated")],
    ),
    (
        "S9",
        "task 0 was refused as one too many, but 0 tasks waited and None may",
        [UNBOUND, Refused(0, "saturated")],
    ),
    (
        "S9",
        "2 tasks wait, 1 is the most",
        [OPENED, TASK, Submitted(1, None, 0), Told(0.0)],
    ),
    (
        "S10",
        "a deadline ended worker 0, which held task 0 in good time",
        [TIMED, GIVEN, ENDED],
    ),
    (
        "S10",
        "a deadline ended worker 0, which held task None in good time",
        [ENDED],
    ),
    (
        "S10",
        "task 0 timed out, but its worker 0 was left to run it",
        [TIMED, GIVEN, TIMEOUT, Told(2.0)],
    ),
    ("S10", "task 0 is unresolved at 2.5 s, its deadline 2 s", [TIMED, Told(2.0), Told(2.5)]),
    ("S11", "task 0 was cancelled, and then handed to worker 0", [TASK, CANCELLED, GIVEN]),
    ("S11", "task 0 was cancelled, and then handed to worker 0", [TASK, CANCELLED, STARTED]),
    (
        "S13",
        "the pool said that it had ended while these workers lived: 0, 2",
        [Launched(2), Launched(1), Launched(0), Died(1), Closed()],
    ),
    (
        "S13",
        "after the pool had ended there was still a thread",
        [Launched(0), Died(0), Closed(), LeftOver("a thread")],
    ),
    ("S4", "task 1 was sent ahead to worker 0, which held none", [AHEAD]),
    ("S4", "worker 0 was given task 2 while it held task 1", [*PROMOTED, Assigned(2, 0)]),
    ("S4", "worker 0 started task 1 while task 0 ran", [STARTED, Started(1, 0)]),
    (
        "S10",
        "task 1 timed out, but its worker 0 was left to run it",
        [SECOND, *PROMOTED, TIMED_OUT, Told(2.0)],
    ),
    ("S14", "worker 0 sent a bad frame (cut) and was kept", [READY, Struck(0, "cut"), Told(0.0)]),
    (
        "S14",
        "a bad frame (flipped) of worker 0 was unpickled for task [4]",
        [Struck(0, "flipped"), STRUCK, Unpickled(4), Told(0.0)],
    ),
]


def only(promise: str, history: list[Record]) -> tuple[Verdict, list[Violation]]:
    """One checker alone: its verdict, and what it found."""
    court = Judge([CHECKERS[promise]])
    found = [violation for record in history if (violation := court.observe(record))]
    return court.verdicts()[promise], found


@pytest.mark.parametrize(
    ("promise", "history"),
    [case[::2] for case in ACCEPTED],
    ids=[f"{promise} {name}" for promise, name, _ in ACCEPTED],
)
def test_a_history_that_keeps_the_promise_is_accepted(promise: str, history: list[Record]) -> None:
    verdict, found = only(promise, history)
    assert found == []
    assert verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("promise", "sentence", "history"),
    REJECTED,
    ids=[f"{promise} {sentence}" for promise, sentence, _ in REJECTED],
)
def test_a_history_that_breaks_the_promise_is_rejected_by_its_last_record(
    promise: str, sentence: str, history: list[Record]
) -> None:
    verdict, found = only(promise, history)
    assert found == [Violation(promise, sentence, len(history) - 1)]
    assert verdict is Verdict.VIOLATED


def test_every_safety_promise_has_both_sorts_of_histories() -> None:
    elsewhere = {"S5", "S6", "S7", "S12"}  # test_promises_sessions.py has those
    # test_promises_errors.py, _clock.py, _wishes.py, _cause.py
    elsewhere |= {"S15", "S16", "S17", "S18", "S19", "S20"}
    safety = {name for name in WORDS if name.startswith("S")} - elsewhere
    assert {case[0] for case in ACCEPTED} == safety
    assert {case[0] for case in REJECTED} == safety


def test_the_promises_are_those_of_the_design_that_are_built() -> None:
    names = [checker.promise for checker in PROMISES]
    safety = [f"S{number}" for number in range(1, 21)]
    assert names == [*safety, "L1", "L2", "L3", "L4"]
    assert list(WORDS) == names
    assert all(WORDS.values())


def test_an_empty_history_breaks_nothing_and_shows_only_what_needs_no_end() -> None:
    verdicts, found = judge([])
    assert found == []
    unknown = {name for name, verdict in verdicts.items() if verdict is Verdict.UNKNOWN}
    assert unknown == ONCE_SHOWN
    assert {verdicts[name] for name in set(verdicts) - unknown} == {Verdict.HOLDS}


def test_judge_returns_every_violation_in_the_order_of_the_records() -> None:
    verdicts, found = judge([OPENED, RETURNED, Misfit("a misfit"), LeftOver("a file")])
    assert [(violation.promise, violation.record) for violation in found] == [
        ("S1", 1),
        ("S8", 2),
        ("S13", 3),
    ]
    assert {verdicts[name] for name in ("S1", "S2", "S8", "S13")} == {Verdict.VIOLATED}


def test_one_record_that_breaks_two_promises_is_told_as_the_first_of_them() -> None:
    court = Judge()
    found = court.observe(RETURNED)
    assert found is not None
    assert found.promise == "S1"
    broken = [name for name, verdict in court.verdicts().items() if verdict is Verdict.VIOLATED]
    assert broken == ["S1", "S2"]


def test_a_checker_names_what_it_watches_itself() -> None:
    class Silent(Checker):
        promise = "S1"
        words = "nothing"

    with pytest.raises(TypeError, match="abstract"):
        Judge([Silent])


def test_s13_is_unknown_until_the_pool_has_ended() -> None:
    assert only("S13", [Launched(0), Died(0)])[0] is Verdict.UNKNOWN
    assert only("S13", [Launched(0), Died(0), Closed()])[0] is Verdict.HOLDS


def test_s13_once_broken_stays_broken_when_the_pool_ends() -> None:
    verdict, found = only("S13", [LeftOver("a file"), Closed()])
    assert len(found) == 1
    assert verdict is Verdict.VIOLATED


def test_s8_a_worker_that_never_left_initializing_has_not_terminated_either() -> None:
    verdict, found = only("S8", [OPENED, Launched(0), Died(0), Closed()])
    assert [violation.sentence for violation in found] == [
        "the pool ended while worker 0 was initializing"
    ]
    assert verdict is Verdict.VIOLATED


def test_s9_a_refusal_beside_an_idle_worker_is_without_need_even_if_nothing_may_wait() -> None:
    none_waits = Opened(size=1, queue_limit=0, grace=5.0)
    verdict, found = only("S9", [none_waits, READY, Told(0.0), Refused(0, "saturated")])
    assert [violation.record for violation in found] == [3]
    assert verdict is Verdict.VIOLATED

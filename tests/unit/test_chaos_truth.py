"""What judges a chaos run sees each kind of untruth, and believes what may be so."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from machines.suites.chaos import work
from machines.suites.chaos.ledger import Ledger, Told, Wish
from machines.suites.chaos.truth import endings, lost_on, untruths
from pool import PoolSaturated, SessionLost, Severity, TaskTimeout, WorkerLost

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = work.value(0)
AGAIN = Wish(retries=2)
TIMED = Wish(deadline=1.0)
OF_SESSION = Wish(session=0)
FAILING = Wish("fail")


def lost(kind: Any = WorkerLost, *, started: bool = True, **facts: Any) -> Exception:
    error: Exception = kind("it is lost", started=started, worker=3, **facts)
    return error


def told(answer: Any) -> Future[Any]:
    future: Future[Any] = Future()
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
    return future


def wrong_with(
    path: Path, starts: int, *asked: tuple[Wish, Any], starved: bool = False
) -> list[str]:
    """What is untrue when tasks were answered so, each of whose functions started so often."""
    ledger = Ledger(len(asked) + 1)
    for wish, answer in asked:
        number = ledger.begin(wish, 0.0)
        ledger.accepted(number, told(answer))  # type: ignore[arg-type]
    notes = path / "starts"
    notes.write_text("".join(f"{at}\n" * starts for at in range(len(asked))))
    return list(untruths(ledger, notes, starved=starved))


@pytest.mark.parametrize(
    ("wish", "answer", "starts"),
    [
        (Wish(), RIGHT, 1),
        (AGAIN, RIGHT, 3),
        (FAILING, work.OwnError(0), 1),
        (Wish(), lost(attempt=1), 1),
        (Wish(), lost(attempt=1), 0),
        (Wish(), lost(started=False, attempt=1), 0),
        (AGAIN, lost(attempt=3), 3),
        (AGAIN, lost(attempt=2, severity=Severity.CRITICAL), 2),
        (OF_SESSION, (1, RIGHT), 1),
        (OF_SESSION, lost(SessionLost), 1),
        (OF_SESSION, lost(SessionLost, started=False), 0),
        (TIMED, lost(TaskTimeout), 1),
    ],
    ids=str,
)
def test_what_may_be_so_is_believed(wish: Wish, answer: Any, starts: int, tmp_path: Path) -> None:
    assert wrong_with(tmp_path, starts, (wish, answer)) == []


@pytest.mark.parametrize(
    ("wish", "answer", "starts", "words"),
    [
        (Wish(), RIGHT, 2, "started too often"),
        (AGAIN, RIGHT, 4, "started too often"),
        (Wish(), RIGHT, 0, "never started, and has an answer"),
        (Wish(), RIGHT + 1, 1, "has the value 2, not 1 (S2)"),
        (Wish(), "another's", 1, "has the value -1, not 1 (S2)"),
        (Wish(), work.OwnError(0), 1, "raised what it was not asked to"),
        (FAILING, work.OwnError(7), 1, "has the value 50, not 1 (S2)"),
        (FAILING, RIGHT, 1, "was to raise, and returned"),
        (Wish(), lost(started=False, attempt=1), 1, "started, and was said not to"),
        (Wish(), lost(TaskTimeout), 1, "passed a deadline that it had not"),
        (Wish(), lost(SessionLost), 1, "lost a session that it had not"),
        (OF_SESSION, lost(attempt=1), 1, "was lost, and its session was not"),
        (AGAIN, lost(attempt=2), 2, "may be run again, and was given up"),
        (AGAIN, lost(started=False, attempt=3), 0, "may be run again, and was given up"),
        (AGAIN, lost(attempt=1, severity=Severity.CRITICAL), 1, "may be run again"),
        (Wish(), MemoryError(), 1, "had memory, and was told of none"),
        (Wish(), ValueError("whose"), 1, "task 0 was told ValueError('whose')"),
        (OF_SESSION, (2, RIGHT), 1, "session 0, life 0: its calls were [2]"),
    ],
    ids=str,
)
def test_each_untruth_is_seen(
    wish: Wish, answer: Any, starts: int, words: str, tmp_path: Path
) -> None:
    wrong = wrong_with(tmp_path, starts, (wish, answer))
    assert any(words in sentence for sentence in wrong), wrong


@pytest.mark.parametrize("calls", [(1, 1), (2, 1), (1, None, 2), (None, 1)], ids=str)
def test_a_session_s_silent_new_beginning_is_seen(
    calls: tuple[int | None, ...], tmp_path: Path
) -> None:
    asked = [
        (OF_SESSION, lost(SessionLost) if call is None else (call, work.value(at)))
        for at, call in enumerate(calls)
    ]
    shown = [call or 0 for call in calls]
    assert wrong_with(tmp_path, 1, *asked) == [
        f"session 0, life 0: its calls were {shown} (S5, S6, S7)"
    ]


def test_a_worker_without_memory_may_say_so_and_no_other(tmp_path: Path) -> None:
    assert wrong_with(tmp_path, 0, (Wish(), MemoryError()), starved=True) == []


def test_a_second_answer_is_seen(tmp_path: Path) -> None:
    ledger = Ledger(1)
    ledger.begin(Wish(), 0.0)
    ledger.accepted(0, told(RIGHT))  # type: ignore[arg-type]
    ledger.accepted(0, told(RIGHT))  # type: ignore[arg-type]
    notes = tmp_path / "starts"
    notes.write_text("0\n")
    assert "was not answered once" in next(untruths(ledger, notes))


def test_no_answer_is_seen_and_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    ledger = Ledger(1)
    ledger.begin(Wish(), 0.0)
    ledger.accepted(0, Future())  # type: ignore[arg-type]
    (tmp_path / "starts").touch()
    assert ledger.await_all(0.0) == 1
    assert "was not answered once" in next(untruths(ledger, tmp_path / "starts"))


def test_a_start_of_a_task_that_was_refused_is_seen(tmp_path: Path) -> None:
    ledger = Ledger(1)
    ledger.refuse(ledger.begin(Wish(), 0.0), PoolSaturated("the queue is full"))
    (tmp_path / "starts").write_text("0\n")
    assert list(untruths(ledger, tmp_path / "starts")) == ["task 0 started and was never accepted"]
    assert ledger.refused == {"PoolSaturated": 1}


def test_a_note_of_no_wish_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "starts").write_text("5\n")
    with pytest.raises(ValueError, match="a note is of task 5, and there are 0"):
        list(untruths(Ledger(1), tmp_path / "starts"))


def test_a_ledger_has_so_much_room_and_no_more() -> None:
    ledger = Ledger(1)
    ledger.begin(Wish(), 0.0)
    with pytest.raises(OverflowError, match="room for 1 tasks"):
        ledger.begin(Wish(), 0.0)


def test_endings_and_those_lost_on_each_worker_are_counted() -> None:
    ledger = Ledger(3)
    for answer in (RIGHT, lost(attempt=1), lost(attempt=1)):
        ledger.accepted(ledger.begin(Wish(), 0.0), told(answer))  # type: ignore[arg-type]
    assert endings(ledger) == {Told.RETURNED.name.lower(): 1, Told.LOST.name.lower(): 2}
    assert lost_on(ledger) == {3: 2}

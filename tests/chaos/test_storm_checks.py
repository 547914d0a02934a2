"""What judges a storm sees each kind of untruth, and the machine's leftovers."""

from __future__ import annotations

import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
from footprint import footprint
from storm import RETRIES, Storm, Submitted, untruths

from pool import PoolError, SessionLost, Severity, TaskFuture, WorkerLost

if TYPE_CHECKING:
    from pathlib import Path


class Unheard:
    """Stands where the pool stands, for futures that are answered already."""

    def cancel(self, _task: int) -> bool:
        return False

    def kill(self, _task: int) -> bool:
        return False

    def runs(self, _task: int) -> bool:
        return False

    def listen(self, _future: Any, _timeout: float | None) -> None:
        """Nobody will answer."""


def told(answer: Any, *, number: int = 1, times: int = 1, **facts: Any) -> Submitted:
    """A task whose client was told this."""
    future: TaskFuture[Any] = TaskFuture(number, Unheard(), b"")
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
    return Submitted(number, future, answers=[1] * times, **facts)


def lost(kind: type[PoolError] = WorkerLost, *, started: bool = True, **facts: Any) -> PoolError:
    return kind("it is lost", started=started, **facts)


RIGHT = 8  # what task 1 returns
AGAIN = {"retries": RETRIES}
OF_SESSION = {"session": 0}


@pytest.mark.parametrize(
    ("task", "starts"),
    [
        (told(RIGHT), 1),
        (told(RIGHT, **AGAIN), 1 + RETRIES),
        (told(lost()), 0),
        (told(lost()), 1),
        (told(lost(started=False)), 0),
        (told(lost(attempt=1 + RETRIES), **AGAIN), 1 + RETRIES),
        (told(lost(attempt=2, severity=Severity.CRITICAL), **AGAIN), 2),
        (told((1, RIGHT), **OF_SESSION), 1),
        (told(lost(SessionLost), **OF_SESSION), 1),
    ],
)
def test_what_may_be_so_is_believed(task: Submitted, starts: int, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    record.write_text("1\n" * starts)
    assert untruths(Storm([task], 0), record) == []


@pytest.mark.parametrize(
    ("task", "starts", "words"),
    [
        (told(RIGHT), 2, "it started 2 times, 1 are allowed"),
        (told(RIGHT, **AGAIN), 2 + RETRIES, "it started 5 times, 4 are allowed"),
        (told(RIGHT), 0, "it has a result and never started"),
        (told(RIGHT + 7), 1, "its result is 15"),
        (told(RIGHT, times=2), 1, "it was answered 2 times"),
        (told(RIGHT, times=0), 1, "it was answered 0 times"),
        (told(lost(started=False)), 1, "it started, and was said not to"),
        (told(lost(SessionLost)), 1, "it ended with"),
        (told(lost(), **OF_SESSION), 1, "it ended with"),
        (told(lost(attempt=RETRIES), **AGAIN), RETRIES, "it may be run again, and has no result"),
        (told(lost(started=False, attempt=9), **AGAIN), 0, "it may be run again"),
        (told(lost(attempt=1, severity=Severity.CRITICAL), **AGAIN), 1, "it may be run again"),
        (told(lost(), **AGAIN), 1, "it may be run again, and has no result"),
        (told((2, RIGHT), **OF_SESSION), 1, "session 0, life 0: its calls were [2]"),
        (told(RIGHT, number=1), 0, "never started"),
    ],
)
def test_each_untruth_is_seen(task: Submitted, starts: int, words: str, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    record.write_text("1\n" * starts)
    wrong = untruths(Storm([task], 0), record)
    assert wrong
    assert words in wrong[0]


def test_a_start_of_no_accepted_task_is_seen(tmp_path: Path) -> None:
    record = tmp_path / "starts"
    record.write_text("9\n")
    assert untruths(Storm([], 0), record) == ["task 9 started and was never accepted"]


@pytest.mark.parametrize("calls", [[1, 1], [2, 1], [1, None, 2], [None, 1]])
def test_a_session_s_silent_new_beginning_is_seen(calls: list[int | None], tmp_path: Path) -> None:
    record = tmp_path / "starts"
    record.write_text("".join(f"{number}\n" for number in range(len(calls))))
    tasks = [
        told(
            lost(SessionLost) if call is None else (call, number * 7 + 1), number=number, session=0
        )
        for number, call in enumerate(calls)
    ]
    wrong = untruths(Storm(tasks, 0), record)
    assert wrong == [f"session 0, life 0: its calls were {calls}"]


def test_leftovers_of_each_kind_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, done = footprint(), threading.Event()
    thread = threading.Thread(target=done.wait, name="left")
    child = os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=[])
    reading, writing = os.pipe()
    (tmp_path / "file").touch()
    thread.start()
    try:
        left = footprint().left_since(before)
        assert left["threads"] == {thread}
        assert left["temporary"] == {"file"}
        assert {process.pid for process in left["processes"]} == {child}  # type: ignore[attr-defined]
        assert {name for name, _ in left["descriptors"]} == {str(reading), str(writing)}  # type: ignore[misc]
    finally:
        done.set()
        thread.join()
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
    (tmp_path / "file").unlink()
    assert footprint().left_since(before) == {}


def test_shared_memory_that_is_left_is_seen() -> None:
    from multiprocessing import shared_memory  # noqa: PLC0415 - its process must not run before

    before = footprint()
    segment = shared_memory.SharedMemory(create=True, size=1)
    try:
        assert segment.name.lstrip("/") in footprint().left_since(before)["shared"]
    finally:
        segment.close()
        segment.unlink()

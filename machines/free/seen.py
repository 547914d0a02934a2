"""What clients and workers saw of a free run, written down as they saw it, with monotonic times."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from attrs import Factory, define, field, frozen

from machines.free.work import STARTED
from pool.errors import PoolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

_READ_BYTES: Final = 1 << 16


@frozen
class Answer:
    """What a client was told of one of its operations.

    Attributes:
        at: when, in monotonic seconds.
        kind: `returned`, `raised`, `cancelled`, or the name of a pool error.
        value: what was returned, or the exception.
        started: what the answer says of whether the function may have started.
    """

    at: float
    kind: str
    value: Any = None
    started: bool = True


def state_told(value: Any) -> tuple[list[int], Any] | None:
    """What a session's task returned: the marks that it found, and the answer of the state.

    None is returned if that is no such answer.
    """
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], list):
        return None
    marks, result = value
    return (marks, result) if all(isinstance(mark, int) for mark in marks) else None


@define(eq=False)
class Operation:
    """One thing that a client wanted of the pool.

    Attributes:
        number: the run's own number for it.
        call: the work's name, or what was asked of a session's state.
        session: the session's name; None for an anonymous task.
        retries: how many times its function may be started again.
        invoked: when, in monotonic seconds.
        returned: when the pool had taken or refused it; 0 until then.
        task: the pool's number for it; None until it was accepted.
        refused: the name of the error with which it was refused; empty if it was not.
        answers: what its client was told; exactly one, if all is well.
    """

    number: int
    call: tuple[Any, ...]
    session: str | None = None
    retries: int = 0
    invoked: float = 0.0
    returned: float = 0.0
    task: int | None = None
    refused: str = ""
    answers: list[Answer] = field(factory=list)

    @property
    def answer(self) -> Answer | None:
        """The first answer; None if there is none."""
        return self.answers[0] if self.answers else None


@frozen
class Note:
    """A worker noted that an operation started or ended."""

    what: str
    operation: int
    worker: int
    at: float


@define(eq=False)
class Seen:
    """All of it, in the order in which it was written down; whoever waits for more is woken.

    Attributes:
        operations: by their own numbers.
        notes: of the workers, in the order in which they arrived.
        answered: how many answers have come.
        over: whether the clients are done.
        changed: notified whenever anything of this has changed.
    """

    operations: list[Operation] = Factory(list)
    notes: list[Note] = Factory(list)
    answered: int = 0
    over: bool = False
    changed: threading.Condition = Factory(threading.Condition)

    def begin(
        self, call: tuple[Any, ...], session: str | None = None, retries: int = 0
    ) -> Operation:
        """A new operation is invoked now."""
        with self.changed:
            one = Operation(len(self.operations), call, session, retries, time.monotonic())
            self.operations.append(one)
        return one

    def accepted(self, one: Operation, future: Future[Any]) -> None:
        """The pool accepted it; its answer will be written down when it comes."""
        one.returned = time.monotonic()
        one.task = future.task  # type: ignore[attr-defined]
        future.add_done_callback(self._listener(one))

    def went(self, one: Operation) -> None:
        """The pool did at once what was asked."""
        one.returned = time.monotonic()

    def refused(self, one: Operation, error: PoolError) -> None:
        """The pool did not accept it."""
        one.returned = time.monotonic()
        one.refused = type(error).__name__

    def answer(self, one: Operation, answer: Answer) -> None:
        """An answer has come."""
        with self.changed:
            one.answers.append(answer)
            self.answered += 1
            self.changed.notify_all()

    def noted(self, note: Note) -> None:
        """A worker has noted something."""
        with self.changed:
            self.notes.append(note)
            self.changed.notify_all()

    def end(self) -> None:
        """The clients are done."""
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def _listener(self, one: Operation) -> Callable[[Future[Any]], None]:
        def listen(future: Future[Any]) -> None:
            self.answer(one, answer_of(future))

        return listen


def answer_of(future: Future[Any]) -> Answer:
    """What a future that is done tells its client."""
    at = time.monotonic()
    if future.cancelled():
        return Answer(at, "cancelled", started=False)
    error = future.exception()
    if error is None:
        return Answer(at, "returned", future.result())
    if isinstance(error, PoolError):
        return Answer(at, type(error).__name__, error, error.started)
    return Answer(at, "raised", error)


class Notes:
    """Reads what workers note from a named pipe, in a thread, until it is closed.

    Args:
        path: where the pipe is made.
        seen: where the notes go.
    """

    def __init__(self, path: Path, seen: Seen) -> None:
        os.mkfifo(path)
        self._path = path
        self._seen = seen
        # Open for writing, too: the end of the last worker is no end of the notes.
        self._reads = os.open(path, os.O_RDWR)
        self._thread = threading.Thread(target=self._read, name="free-notes")
        self._thread.start()

    def _read(self) -> None:
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self._reads, _READ_BYTES)).split(b"\n")
            for line in lines:
                if line == b"end":
                    return
                what, operation, worker, at = line.decode().split()
                self._seen.noted(Note(what, int(operation), int(worker), int(at) / 1e9))

    def close(self) -> None:
        """All that was noted is written down, and the pipe is gone."""
        os.write(self._reads, b"end\n")
        self._thread.join()
        os.close(self._reads)
        os.unlink(self._path)


def begun(seen: Seen) -> dict[int, int]:
    """How many times each operation's function started."""
    counts: dict[int, int] = {}
    for note in seen.notes:
        if note.what == STARTED:
            counts[note.operation] = counts.get(note.operation, 0) + 1
    return counts

"""A storm: many tasks through one pool while somebody kills its workers, and what must be true.

Each task's function first writes down that it started, with one `write` to a file opened for
appending, so that no death of its worker can lose or garble the note. Afterwards what the clients
were told is held against what was written down.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from attrs import Factory, define, field, frozen

from pool import Pool, SessionLost, Severity, TaskFuture, WorkerLost

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 120.0  # seconds without any answer at all: then something hangs
IN_FLIGHT_MAX = 256
RETRIES = 3


# What the workers run.


def note(path: str, number: int) -> None:
    """That this task started is on record."""
    record = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(record, f"{number}\n".encode())
    os.close(record)


def work(path: str, number: int) -> int:
    """Starts on record, is busy for a while, and returns what only this task returns."""
    note(path, number)
    sum(range(number % 16 * 2000))
    return number * 7 + 1


def work_in(state: dict[str, Any], path: str, number: int) -> tuple[int, int]:
    """The same for a session's task: which call this state has seen, and the task's own value."""
    value = work(path, number)
    state["calls"] = state.get("calls", 0) + 1
    return state["calls"], value


# Who submits and who kills.


@frozen
class Submitted:
    """One accepted task.

    Attributes:
        number: the test's own number for it.
        retries: how many more times it may start.
        life: of a session's task, how many times its session had been opened; None for others.
        future: its answer.
        answers: how many times its answer came.
    """

    number: int
    future: TaskFuture[Any]
    retries: int = 0
    session: int | None = None
    life: int = 0
    answers: list[int] = field(factory=list)


@define
class Sessions:
    """What a client knows of its sessions."""

    handles: list[Any]
    lives: list[int]


@define
class Killer:
    """Kills a random worker again and again, at a pace.

    Attributes:
        kills: how many signals reached a process.
    """

    pool: Pool
    every: float
    seed: int
    kills: int = 0
    done: threading.Event = Factory(threading.Event)

    def run(self) -> None:
        """Returns when it is told that the work is done."""
        chance = random.Random(self.seed)  # noqa: S311 - which worker dies is no secret
        while not self.done.wait(self.every):
            pids = sorted(self.pool.pids().values())
            if pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)
                    self.kills += 1


@frozen
class Storm:
    """What a storm left.

    Attributes:
        submitted: all tasks that were accepted, in order.
        kills: how many signals were sent.
    """

    submitted: list[Submitted]
    kills: int


def rage(pool: Pool, path: Path, tasks: int, *, every: float, seed: int) -> Storm:
    """So many tasks of all kinds have resolved, while workers were killed.

    Args:
        pool: that runs them.
        path: of the record of starts.
        tasks: how many.
        every: seconds between two kills.
        seed: fixes who is killed and in which order the kinds come.
    """
    path.touch()
    killer = Killer(pool, every, seed)
    thread = threading.Thread(target=killer.run, name="killer")
    thread.start()
    try:
        submitted = _submit_all(pool, str(path), tasks, random.Random(seed))  # noqa: S311 - same
    finally:
        killer.done.set()
        thread.join()
    return Storm(submitted, killer.kills)


def _submit_all(pool: Pool, path: str, tasks: int, chance: random.Random) -> list[Submitted]:
    room = threading.Semaphore(IN_FLIGHT_MAX)
    again = pool.options(idempotent=True, retries=RETRIES)
    sessions = Sessions([pool.session(name) for name in range(6)], [0] * 6)
    submitted: list[Submitted] = []
    for number in range(tasks):
        assert room.acquire(timeout=LIMIT), f"nothing was answered for {LIMIT} s"
        kind = chance.randrange(3)
        if kind == 0:
            one = Submitted(number, pool.submit(work, path, number))
        elif kind == 1:
            one = Submitted(number, again.submit(work, path, number), RETRIES)
        else:
            one = _submit_in(sessions, chance.randrange(len(sessions.handles)), path, number)
        submitted.append(one)
        one.future.add_done_callback(_answered(one.answers, room))
    for _ in range(IN_FLIGHT_MAX):
        assert room.acquire(timeout=LIMIT), f"nothing was answered for {LIMIT} s"
    return submitted


def _submit_in(sessions: Sessions, which: int, path: str, number: int) -> Submitted:
    while True:
        handle, life = sessions.handles[which], sessions.lives[which]
        try:
            future = handle.submit(work_in, path, number)
        except SessionLost:
            handle.reopen()
            sessions.lives[which] += 1
        else:
            return Submitted(number, future, session=which, life=life)


def _answered(answers: list[int], room: threading.Semaphore) -> Any:
    def note_answer(_: Any) -> None:
        answers.append(1)
        room.release()

    return note_answer


# What must be true.


def untruths(storm: Storm, path: Path) -> list[str]:
    """What the clients were told that is not so; empty if all was true.

    Args:
        storm: what was submitted, and answered.
        path: of the record of starts.
    """
    starts = Counter(int(line) for line in path.read_text().split())
    wrong = []
    for one in storm.submitted:
        wrong += [f"task {one.number}: {words}" for words in _untruths(one, starts[one.number])]
    strangers = set(starts) - {one.number for one in storm.submitted}
    wrong += [f"task {number} started and was never accepted" for number in strangers]
    return wrong + _untruths_of_sessions(storm)


def _untruths(one: Submitted, starts: int) -> list[str]:
    if not one.future.done() or len(one.answers) != 1:
        return [f"it was answered {len(one.answers)} times"]
    wrong = []
    if starts > 1 + one.retries:
        wrong.append(f"it started {starts} times, {1 + one.retries} are allowed")
    error = one.future.exception()
    if error is None:
        result = one.future.result()
        value = result if one.session is None else result[1]
        if value != one.number * 7 + 1:
            wrong.append(f"its result is {result!r}")
        if not starts:
            wrong.append("it has a result and never started")
    elif one.retries and not _may_be_given_up(error):
        wrong.append(f"it may be run again, and has no result: {error!r}")
    elif not isinstance(error, WorkerLost if one.session is None else SessionLost):
        wrong.append(f"it ended with {error!r}")
    elif starts and not error.started:
        wrong.append(f"it started, and was said not to: {error}")
    return wrong


def _may_be_given_up(error: BaseException) -> bool:
    """Whether a task that may be run again has been often enough.

    By the design an error that touches all workers is critical, and one such is enough for a task
    that is in its second attempt.
    """
    if not isinstance(error, WorkerLost) or not error.started or error.attempt is None:
        return False
    enough = 2 if error.severity is Severity.CRITICAL else 1 + RETRIES
    return error.attempt >= enough


def _untruths_of_sessions(storm: Storm) -> list[str]:
    """A life of a session is answered in order: calls 1, 2, 3 …, then nothing but its loss."""
    lives: dict[tuple[int, int], list[Submitted]] = defaultdict(list)
    for one in storm.submitted:
        if one.session is not None:
            lives[one.session, one.life].append(one)
    wrong = []
    for (session, life), tasks in lives.items():
        told = [None if one.future.exception() else one.future.result()[0] for one in tasks]
        lived = sum(calls is not None for calls in told)
        if told != [*range(1, lived + 1), *[None] * (len(told) - lived)]:
            wrong.append(f"session {session}, life {life}: its calls were {told}")
    return wrong


def sights(storm: Storm) -> Counter[str]:
    """How often what makes a storm worth having happened."""
    seen: Counter[str] = Counter()
    for one in storm.submitted:
        error = one.future.exception()
        if error is None:
            seen["returned"] += 1
            seen["returned after a loss"] += one.retries > 0 and attempts(one) > 1
        else:
            started = "may have started" if error.started else "never started"  # type: ignore[attr-defined]
            seen[f"{type(error).__name__}, {started}"] += 1
    return seen


def attempts(one: Submitted) -> int:
    """How many times the task was handed to a worker."""
    outcome = one.future.outcome
    return 0 if outcome is None else outcome.attempt

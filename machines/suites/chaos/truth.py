"""The truth of a chaos run: what its clients were told, against what its tasks noted.

A start that is noted is certain. A task that was handed over and not noted may have been begun: its
worker died between beginning it and the function's first line. So a worker's death explains at most
one such task, since a worker runs one task at a time (S4).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from machines.suites.chaos.ledger import KINDS, Told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machines.suites.chaos.ledger import Ledger

FAIL: Final = KINDS.index("fail")
SHORT: Final = KINDS.index("short")


def starts_of(path: Path, room: int) -> Any:
    """How often each task's function started, by number.

    Args:
        path: of the notes.
        room: how many numbers there are.

    Raises:
        ValueError: a note is of a task that was never wished.
    """
    numbers = np.array(path.read_bytes().split(), dtype=np.int64)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= room):
        raise ValueError(f"a note is of task {numbers.max()}, and there are {room}")
    return np.bincount(numbers, minlength=room)


def untruths(ledger: Ledger, path: Path, *, starved: bool = False) -> Iterator[str]:
    """What clients were told that is not so, or not told, a sentence each.

    Args:
        ledger: what they were told.
        path: of the notes of starts.
        starved: whether workers had no memory; then any task may say so, also one that had not
            even enough to note that it started.
    """
    starts = starts_of(path, ledger.count)
    tasks, numbers = ledger.tasks(), ledger.numbers()
    begun = starts[numbers]
    strangers = set(np.flatnonzero(starts)) - set(numbers)
    yield from (f"task {number} started and was never accepted" for number in sorted(strangers))
    yield from ledger.others
    for words, wrong in _wrong(tasks, begun, starved=starved):
        for at in np.flatnonzero(wrong):
            one = tasks[at]
            told = Told(one["ending"]).name
            yield f"task {numbers[at]} {words}: told {told}, {begun[at]} starts, {_facts(one)}"
    yield from _wrong_values(tasks, numbers)
    yield from _wrong_sessions(tasks)


def _wrong(tasks: Any, begun: Any, *, starved: bool) -> Iterator[tuple[str, Any]]:
    """Which tasks were told what cannot be so."""
    ending = tasks["ending"]
    answered = (ending == Told.RETURNED) | (ending == Told.OWN_ERROR)
    unlucky = (ending == Told.LOST) | (ending == Told.SESSION_LOST) | (ending == Told.TIMEOUT)
    again = tasks["retries"] > 0
    yield "was not answered once", tasks["answers"] != 1
    yield "started too often", begun > 1 + tasks["retries"]
    yield "never started, and has an answer", answered & (begun == 0)
    yield "raised what it was not asked to", (ending == Told.OWN_ERROR) & (tasks["kind"] != FAIL)
    yield "was to raise, and returned", (ending == Told.RETURNED) & (tasks["kind"] == FAIL)
    yield "had memory, and was told of none", (ending == Told.NO_MEMORY) & (not starved)
    yield "started, and was said not to", unlucky & ~tasks["started"] & (begun > 0)
    yield "passed a deadline that it had not", (ending == Told.TIMEOUT) & ~tasks["deadline"]
    anonymous = tasks["session"] < 0
    yield "lost a session that it had not", (ending == Told.SESSION_LOST) & anonymous
    yield "was lost, and its session was not", (ending == Told.LOST) & ~anonymous
    yield (
        "never started, and was given up",
        ((ending == Told.LOST) & anonymous & ~tasks["started"] & ~_given_up(tasks)),
    )
    yield (
        "may be run again, and was given up",
        (again & (ending == Told.LOST) & ~(tasks["started"] & _given_up(tasks))),
    )


def _given_up(tasks: Any) -> Any:
    """Which tasks have been tried often enough, by the design.

    A critical error in the second attempt is the last, and else the last of the retries is.
    """
    enough = np.where(tasks["critical"], 2, 1 + tasks["retries"])
    return tasks["attempt"] >= enough


def _wrong_values(tasks: Any, numbers: Any) -> Iterator[str]:
    valued = (tasks["ending"] == Told.RETURNED) | (tasks["ending"] == Told.OWN_ERROR)
    right = numbers * 7 + 1
    for at in np.flatnonzero(valued & (tasks["value"] != right)):
        yield f"task {numbers[at]} has the value {tasks[at]['value']}, not {right[at]} (S2)"


def _wrong_sessions(tasks: Any) -> Iterator[str]:
    """A life of a session is answered in order: calls 1, 2, 3 …, then nothing but its loss."""
    lives: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for one in tasks[tasks["session"] >= 0]:
        raised = one["ending"] in (Told.OWN_ERROR, Told.NO_MEMORY)
        if raised:
            continue  # it counts for nothing in its state
        answered = one["ending"] == Told.RETURNED
        lives[int(one["session"]), int(one["life"])].append(int(one["calls"]) if answered else 0)
    for (session, life), calls in sorted(lives.items()):
        lived = sum(call > 0 for call in calls)
        if calls != [*range(1, lived + 1), *[0] * (len(calls) - lived)]:
            yield f"session {session}, life {life}: its calls were {calls} (S5, S6, S7)"


def _facts(one: Any) -> str:
    return (
        f"{one['answers']} answers, attempt {one['attempt']}, worker {one['worker']}, "
        f"{1 + one['retries']} starts allowed, started {bool(one['started'])}"
    )


def lost_on(ledger: Ledger) -> dict[int, int]:
    """How many tasks that may start once only were told that they were lost, by their worker."""
    tasks = ledger.tasks()
    lost = (tasks["ending"] == Told.LOST) & (tasks["retries"] == 0)
    lost |= (tasks["ending"] == Told.SESSION_LOST) & tasks["started"]
    workers, counts = np.unique(tasks["worker"][lost], return_counts=True)
    return {int(worker): int(count) for worker, count in zip(workers, counts, strict=True)}


def endings(ledger: Ledger) -> dict[str, int]:
    """How many tasks were told what."""
    told, counts = np.unique(ledger.tasks()["ending"], return_counts=True)
    return {Told(int(one)).name.lower(): int(n) for one, n in zip(told, counts, strict=True)}

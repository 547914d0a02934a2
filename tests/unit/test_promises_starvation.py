"""L4 against histories written by hand: nobody who came first is passed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.checker import Verdict
from model.history import (
    Assigned,
    Died,
    Diverted,
    Healed,
    Moved,
    Overslept,
    Recalled,
    Resolved,
    RetryPlanned,
    SessionMoved,
    Started,
    Submitted,
    Told,
)
from model.promises import Judge
from model.starvation import BEHIND_S_MAX, NobodyStarves

if TYPE_CHECKING:
    from model.history import Record

WELL = Healed(complete=True, ready=2)
NOW, SOON, LATE = Told(0.0), Told(BEHIND_S_MAX / 2), Told(BEHIND_S_MAX * 2)
PLACED = SessionMoved(0, "opened", "first_task", "placed")
LOST = SessionMoved(0, "placed", "worker_lost", "lost")


def task(number: int, session: int | None = None) -> Submitted:
    return Submitted(number, None, 1, session)


def gone(number: int) -> Resolved:
    return Resolved(number, "returned", None, started=True)


def busy(because: str = "checkout") -> Moved:
    return Moved(0, "ready", because, "busy")


def judged(history: list[Record]) -> tuple[Verdict, list[str]]:
    court = Judge([NobodyStarves])
    found = [violation.sentence for record in history if (violation := court.observe(record))]
    return court.verdicts()["L4"], found


BACK = [task(0), Assigned(0, 0), NOW, RetryPlanned(0, 2, 0.0, "immediate_retry"), NOW]
RESTS = [task(0), Assigned(0, 0), NOW, RetryPlanned(0, 2, 1.0, "backoff_retry"), NOW]
AHEAD = [task(0), task(1), Assigned(0, 0), Assigned(1, 0, ahead=True), NOW]
LIVES_ON_0 = [task(0, 0), PLACED, Assigned(0, 0), NOW]

ACCEPTED: dict[str, list[Record]] = {
    "nobody came": [],
    "the eldest goes first": [task(0), task(1), Assigned(0, 0), Assigned(1, 1)],
    "the eldest was cancelled": [task(0), task(1), gone(0), Assigned(1, 0)],
    "the eldest went elsewhere": [task(0), task(1), Diverted(0), Assigned(1, 0)],
    "who came later and is younger waits behind who came back": [*BACK, task(1), Assigned(0, 0)],
    "who waited before another came back": [task(1), *BACK[1:], Assigned(1, 0)],
    "a back-off lets others pass": [*RESTS, task(1), Assigned(1, 0), Told(0.5)],
    "a session's task waits for its own worker": [*LIVES_ON_0, task(1, 0), task(2), Assigned(2, 1)],
    "an elder goes before a session": [task(1), *LIVES_ON_0[1:], task(2, 0), Assigned(1, 0)],
    "what waited for a lost worker": [*LIVES_ON_0, task(1, 0), LOST, gone(1), Assigned(0, 1)],
    "sent ahead, and begun": [*AHEAD, Started(1, 0), LATE],
    "sent ahead, and taken back": [*AHEAD, SOON, Recalled(0, (1,)), SOON, LATE],
    "sent ahead, and come to": [*AHEAD, busy(), LATE],
    "sent ahead to one that has just answered": [
        *AHEAD,
        Told(BEHIND_S_MAX),
        Moved(0, "busy", "checkin_success", "ready"),
        Told(BEHIND_S_MAX),
        LATE,
    ],
    "sent ahead to one that died": [*AHEAD, Died(0), LATE],
    "sent ahead to one that ends": [*AHEAD, Moved(0, "busy", "timeout", "terminating"), LATE],
    "sent ahead before all slept": [*AHEAD, Overslept(1.0), LATE],
}

REJECTED: dict[str, tuple[list[Record], str]] = {
    "the youngest first": ([task(0), task(1), Assigned(1, 0)], "task 0"),
    "sent ahead past the eldest": (
        [task(0), task(1), task(2), Assigned(0, 0), Assigned(2, 0, ahead=True)],
        "task 1",
    ),
    "who came back is passed by who came later": ([*BACK, task(1), Assigned(1, 0)], "task 0"),
    "who was taken back, too": (
        [*AHEAD, Recalled(0, (1,)), NOW, task(2), Assigned(2, 1)],
        "task 1",
    ),
    "who has rested, too": ([*RESTS, Told(1.5), task(1), Assigned(1, 0)], "task 0"),
    "a session is passed on its worker": (
        [*LIVES_ON_0, task(1, 0), task(2), Assigned(2, 0)],
        "task 1",
    ),
    "by its own younger task, too": (
        [*LIVES_ON_0, task(1, 0), task(2, 0), Assigned(2, 0)],
        "task 1",
    ),
    "an elder is passed by a session": (
        [*LIVES_ON_0, task(1), task(2, 0), Assigned(2, 0)],
        "task 1",
    ),
    "what waited before its session found a worker": (
        [task(0, 0), task(1, 0), PLACED, Assigned(0, 0), task(2), Assigned(2, 0)],
        "task 1",
    ),
    "left behind what does not end": ([*AHEAD, LATE], "sent ahead"),
}


@pytest.mark.parametrize("title", ACCEPTED)
def test_a_good_history_is_accepted_once_it_has_healed(title: str) -> None:
    assert judged([*ACCEPTED[title], WELL]) == (Verdict.HOLDS, [])


@pytest.mark.parametrize("title", REJECTED)
def test_a_bad_history_is_rejected(title: str) -> None:
    history, names = REJECTED[title]
    verdict, sentences = judged([*history, WELL])
    assert verdict is Verdict.VIOLATED
    assert len(sentences) == 1
    assert names in sentences[0]


def test_what_has_not_healed_is_unknown() -> None:
    assert judged([task(0), Assigned(0, 0)]) == (Verdict.UNKNOWN, [])
    assert judged([task(0), Healed(complete=False, ready=0)]) == (Verdict.UNKNOWN, [])

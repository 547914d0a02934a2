"""The words for what led to an error: S20."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from told_records import (
    AT_WORK,
    CHECKIN,
    DIED,
    IDLE_DIED,
    LOST,
    TROUBLE,
    UP,
    accepts,
    rejects,
    resolved,
    told,
)

from model.cause import CAUSES
from model.history import Moved, Troubled

if TYPE_CHECKING:
    from model.history import Record


def worded(record: Record, words: str) -> Record:
    return attrs.evolve(record, words=words)  # type: ignore[call-arg]


EXITED = worded(TROUBLE, "it exited with code 1")
SESSION_LOST = told("session", "minor", "abandon", 1, 0, session=7)
BROKEN = told("initialization", "critical", "circuit_break", 0, None)
OVER = told("timeout", "major", "abandon", 1, 0)
UNSTARTED = Moved(0, "initializing", "init_failed", "terminated")

ACCEPTED: list[tuple[str, list[Record]]] = [
    ("an exit with its code", [*UP, IDLE_DIED, EXITED]),
    ("an exit whose code somebody else took", [*UP, IDLE_DIED, worded(TROUBLE, "it exited")]),
    ("lost with its worker", [*AT_WORK, DIED, resolved("lost"), worded(LOST, "it exited")]),
    (
        "taken up by a worker that was killed",
        [*AT_WORK, DIED, resolved("lost"), worded(LOST, "its worker was killed")],
    ),
    (
        "a session lost with its worker",
        [*AT_WORK, DIED, resolved("session_lost"), worded(SESSION_LOST, "it exited")],
    ),
    (
        "a session lost to recycling",
        [
            Moved(0, "ready", "recycle", "terminating"),
            resolved("session_lost"),
            worded(SESSION_LOST, "its worker was recycled: it has reached its age"),
        ],
    ),
    (
        "a start that failed",
        [UNSTARTED, Troubled(0, "initialization", "critical", "retry", "its initializer raised X")],
    ),
    ("a broken pool", [resolved("broken"), worded(BROKEN, "it took too long to start")]),
    ("refused elsewhere", [resolved("broken"), worded(BROKEN, "it was refused there")]),
    (
        "a result has no cause",
        [*AT_WORK, CHECKIN, resolved("returned"), told(None, None, None, 1, 0)],
    ),
]
LIKE_EXITED = CAUSES["exited"]
REJECTED: list[tuple[str, list[Record]]] = [
    (f"worker 0 gave as its cause ''; right is like {LIKE_EXITED}", [*UP, IDLE_DIED, TROUBLE]),
    (
        f"worker 0 gave as its cause 'IT EXITED'; right is like {LIKE_EXITED}",
        [*UP, IDLE_DIED, worded(TROUBLE, "IT EXITED")],
    ),
    (
        f"worker 0 gave as its cause 'it took too long to start'; right is like {LIKE_EXITED}",
        [*UP, IDLE_DIED, worded(TROUBLE, "it took too long to start")],
    ),
    (
        f"task 0, lost, gave as its cause ''; right is like {LIKE_EXITED} or its worker was killed",
        [*AT_WORK, DIED, resolved("lost"), LOST],
    ),
    (
        f"task 0, session_lost, gave as its cause 'it took too long to start'; "
        f"right is like {LIKE_EXITED}",
        [
            *AT_WORK,
            DIED,
            resolved("session_lost"),
            worded(SESSION_LOST, "it took too long to start"),
        ],
    ),
    (
        "task 0, timeout, was told with a cause, 'it exited', but has none",
        [*AT_WORK, resolved("timeout"), worded(OVER, "it exited")],
    ),
]


@pytest.mark.parametrize(("what", "history"), ACCEPTED, ids=[what for what, _ in ACCEPTED])
def test_words_that_tell_what_happened_are_accepted(what: str, history: list[Record]) -> None:
    assert accepts("S20", history), what


@pytest.mark.parametrize(("sentence", "history"), REJECTED)
def test_words_that_do_not_are_rejected(sentence: str, history: list[Record]) -> None:
    assert rejects("S20", sentence, history)


def test_a_broken_pool_names_a_start_that_failed() -> None:
    history = [resolved("broken"), worded(BROKEN, "it did not answer a health check")]
    assert not accepts("S20", history)

"""The task's life as specified: which moves are legal, written from the documents alone.

A task that is accepted waits until it is handed to a worker, or is sent ahead to one that is still
at work. There its function runs. A worker that is lost gives its tasks back to wait if they may be
tried again. One that no worker can serve may be given away, to a fallback executor. In the end
every accepted task is resolved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST: Final = "new"
LAST: Final = ("refused", "resolved")
IN_FLIGHT: Final = ("ahead", "assigned", "running")

LEGAL: Final[Mapping[str, Mapping[str, str]]] = {
    "new": {
        "accepted": "waiting",
        "saturated": "refused",
        "shutdown": "refused",
        "broken": "refused",
        "session_lost": "refused",
    },
    "waiting": {
        "handed_over": "assigned",
        "sent_ahead": "ahead",
        "diverted": "away",
        "cancelled": "resolved",
        "killed": "resolved",
        "timeout": "resolved",
        "lost": "resolved",
        "session_lost": "resolved",
        "shutdown": "resolved",
        "broken": "resolved",
    },
    "ahead": {
        "its_turn": "assigned",
        "started": "running",
        "recalled": "waiting",
        "tried_again": "waiting",
    },
    "assigned": {
        "started": "running",
        "tried_again": "waiting",
        "killed": "resolved",
        "timeout": "resolved",
        "lost": "resolved",
        "session_lost": "resolved",
        "shutdown": "resolved",
    },
    "running": {
        "returned": "resolved",
        "raised": "resolved",
        "tried_again": "waiting",
        "killed": "resolved",
        "timeout": "resolved",
        "lost": "resolved",
        "session_lost": "resolved",
        "shutdown": "resolved",
    },
    "away": {
        "returned": "resolved",
        "raised": "resolved",
        "killed": "resolved",
        "timeout": "resolved",
        "shutdown": "resolved",
        "broken": "resolved",
    },
    "refused": {},
    "resolved": {},
}


def moves() -> Iterator[tuple[str, str, str]]:
    """Every legal move is yielded as (from, because, to), in the table's order."""
    for before, row in LEGAL.items():
        for because, after in row.items():
            yield before, because, after

"""The session lifecycle as specified: which moves are legal, written from the documents alone.

A client opens a session. Its first task places it on a worker, where its state lives from then on.
When that worker is lost the session is lost, until the client opens it again. A closed one takes
nothing more; what was submitted before still runs, and then it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST: Final = "opened"
LAST: Final = "closed"
USABLE: Final = ("opened", "placed")

LEGAL: Final[Mapping[str, Mapping[str, str]]] = {
    "opened": {
        "first_task": "placed",
        "close_requested": "closing",
        "expired": "closed",
        "shutdown": "closed",
    },
    "placed": {
        "worker_lost": "lost",
        "close_requested": "closing",
        "expired": "closed",
        "shutdown": "closed",
    },
    "lost": {
        "reopened": "opened",
        "close_requested": "closing",
        "expired": "closed",
        "shutdown": "closed",
    },
    "closing": {
        "first_task": "closing",
        "worker_lost": "closing",
        "drained": "closed",
    },
    "closed": {},
}


def moves() -> Iterator[tuple[str, str, str]]:
    """Every legal move is yielded as (from, because, to), in the table's order."""
    for before, row in LEGAL.items():
        for because, after in row.items():
            yield before, because, after

"""The worker lifecycle as specified: which moves are legal, written from the design alone.

The pool has its own table; a row that is wrong in one of the two is caught by the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST: Final = "initializing"
LAST: Final = "terminated"

LEGAL: Final[Mapping[str, Mapping[str, str]]] = {
    "initializing": {
        "init_complete": "ready",
        "init_failed": "terminating",
        "init_timeout": "terminating",
        "exited": "terminating",
        "corrupt": "terminating",
        "shutdown": "terminating",
        "spawn_failed": "terminated",
    },
    "ready": {
        "checkout": "busy",
        "health_check_failed": "degraded",
        "recycle": "terminating",
        "exited": "terminating",
        "corrupt": "terminating",
        "shutdown": "terminating",
    },
    "busy": {
        "checkin_success": "ready",
        "checkin_error": "ready",
        "recovery_degrade": "degraded",
        "timeout": "terminating",
        "cancelled": "terminating",
        "exited": "terminating",
        "corrupt": "terminating",
        "shutdown": "terminating",
    },
    "degraded": {
        "health_restored": "ready",
        "health_check_limit": "terminating",
        "recycle": "terminating",
        "exited": "terminating",
        "corrupt": "terminating",
        "shutdown": "terminating",
    },
    "terminating": {
        "reaped": "terminated",
    },
    "terminated": {},
}


def moves() -> Iterator[tuple[str, str, str]]:
    """Every legal move is yielded as (from, because, to), in the table's order."""
    for before, row in LEGAL.items():
        for because, after in row.items():
            yield before, because, after

"""The breaker as specified: which moves are legal, written from the documents alone.

It stands between failed starts of workers and the wish for more of them: closed, open, half open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST: Final = "closed"

LEGAL: Final[Mapping[str, Mapping[str, str]]] = {
    "closed": {
        "tripped": "open",
    },
    "open": {
        "cooled": "half_open",
    },
    "half_open": {
        "probe_failed": "open",
        "probe_succeeded": "closed",
    },
}


def moves() -> Iterator[tuple[str, str, str]]:
    """Every legal move is yielded as (from, because, to), in the table's order."""
    for before, row in LEGAL.items():
        for because, after in row.items():
            yield before, because, after

"""The meter: how a search goes on, on the terminal's error output; silent where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console

if TYPE_CHECKING:
    from rich.status import Status

    from machines.explore.outcome import Counts


class Meter:
    """Tells how a search goes on, while a block runs."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console(stderr=True) if console is None else console
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, counts: Counts, expanded: int, seconds: float) -> None:
        """So far it has come, and so many states of the frontier are expanded after that."""
        if not self._console.is_terminal:
            return
        if self._status is None:  # its thread begins when the search's processes are there
            self._status = self._console.status("")
            self._status.start()
        self._status.update(words(counts, expanded, seconds))


def words(counts: Counts, expanded: int, seconds: float) -> str:
    """States, depth, rate and what is left, in a line."""
    done = counts.orbits - counts.frontier + expanded
    rate = done / seconds if seconds > 0 else 0.0
    left = counts.frontier - expanded
    return (
        f"depth {counts.depth}: {counts.orbits:,} states, {rate:,.0f} expanded a second, "
        f"{left:,} left of this level"
    )

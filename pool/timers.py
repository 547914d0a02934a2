"""Timers: which are set, and which is due next."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool.events import Timer


class Timers:
    """The timers that the core has set and not cleared; one that is cleared costs nothing more."""

    def __init__(self) -> None:
        self._at: dict[Timer, float] = {}
        self._due: list[tuple[float, Timer]] = []

    def set(self, timer: Timer, at: float) -> bool:
        """The timer is due at this time; whether it is the earliest is returned.

        Args:
            timer: set anew if it was set before.
            at: seconds of the driver's clock.
        """
        self._at[timer] = at
        heapq.heappush(self._due, (at, timer))
        if len(self._due) > 64 + 2 * len(self._at):
            self._due = [(at, timer) for timer, at in self._at.items()]
            heapq.heapify(self._due)
        return self._due[0][1] == timer

    def clear(self, timer: Timer) -> None:
        """The timer is forgotten; one that is not set is no error."""
        self._at.pop(timer, None)

    def take(self, now: float) -> Timer | None:
        """The earliest timer is returned and forgotten, if it is due."""
        next_at = self.next_at()
        if next_at is None or next_at > now:
            return None
        _, timer = heapq.heappop(self._due)
        del self._at[timer]
        return timer

    def next_at(self) -> float | None:
        """When the earliest timer is due; None if there is none."""
        due = self._due
        while due and self._at.get(due[0][1]) != due[0][0]:
            heapq.heappop(due)
        return due[0][0] if due else None

"""Arrivals: when each operation is due, fixed before the first one comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class Phase:
    """A stretch of time in which operations come at one rate, or at a steadily changing one.

    Attributes:
        name: what it is.
        seconds: how long.
        per_s: operations a second at its beginning.
        until_per_s: at its end; None for the same.
    """

    name: str
    seconds: float
    per_s: float
    until_per_s: float | None = None

    def count(self) -> int:
        """How many operations are due in it."""
        end = self.per_s if self.until_per_s is None else self.until_per_s
        return round(self.seconds * (self.per_s + end) / 2)

    def dues(self) -> list[float]:
        """When each is due, in seconds from the beginning of the phase, evenly in its rate."""
        end = self.per_s if self.until_per_s is None else self.until_per_s
        numbers = np.arange(self.count(), dtype=float)
        slope = (end - self.per_s) / self.seconds
        if slope == 0:
            return [float(due) for due in numbers / self.per_s]
        # What has come until t is per_s·t + slope·t²/2.
        return [
            float(due)
            for due in (np.sqrt(self.per_s**2 + 2 * slope * numbers) - self.per_s) / slope
        ]


def dues_of(phases: Sequence[Phase]) -> list[float]:
    """When each operation of all phases is due, in seconds from the first one's beginning.

    Args:
        phases: one after the other.
    """
    dues, began = [], 0.0
    for phase in phases:
        dues += [began + due for due in phase.dues()]
        began += phase.seconds
    return dues


def seconds_of(phases: Sequence[Phase]) -> float:
    """How long all phases take together."""
    return sum(phase.seconds for phase in phases)

"""Arrivals: when each operation is due, fixed before the first one comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class Phase:
    """A stretch of time in which operations come at one rate.

    Attributes:
        name: what it is.
        seconds: how long.
        per_s: operations a second.
    """

    name: str
    seconds: float
    per_s: float

    def dues(self) -> list[float]:
        """When each is due, in seconds from the beginning of the phase, evenly."""
        return [number / self.per_s for number in range(round(self.seconds * self.per_s))]


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

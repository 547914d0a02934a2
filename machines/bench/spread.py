"""A median and what lies around it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


@frozen
class Spread:
    """What several rounds came to; made by `of`.

    Attributes:
        rounds: the value of each round, in their order.
    """

    rounds: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """The spread of the values is returned; None if there are none."""
        rounds = tuple(values)
        return cls(rounds) if rounds else None

    @property
    def median(self) -> float:
        """The middle value, or the mean of the middle two."""
        return statistics.median(self.rounds)

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(self.rounds)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(self.rounds)

    @property
    def percent(self) -> float:
        """Half the distance of the smallest and the largest value, in percent of the median."""
        return (self.high - self.low) / 2 / abs(self.median) * 100 if self.median else 0.0

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "median": self.median,
            "min": self.low,
            "max": self.high,
            "rounds": list(self.rounds),
        }

"""Demands: what a figure must reach, who says so, and whether it does."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sense(StrEnum):
    """On which side of its bar a figure must be."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"


@frozen
class Demand:
    """One thing that is demanded of a run.

    Attributes:
        name: of what.
        figure: what was measured; None if it was not.
        sense: on which side of the bar it must be.
        bar: what is demanded.
        unit: of both.
        source: who demands it.
    """

    name: str
    figure: float | None
    sense: Sense
    bar: float
    unit: str
    source: str

    @property
    def met(self) -> bool | None:
        """Whether it is so; None where nothing was measured."""
        if self.figure is None:
            return None
        if self.sense is Sense.AT_LEAST:
            return self.figure >= self.bar
        return self.figure < self.bar or (self.sense is Sense.AT_MOST and self.figure == self.bar)

    def facts(self) -> dict[str, Any]:
        """What a report in JSON says of it."""
        return {
            "name": self.name,
            "figure": self.figure,
            "sense": self.sense.value,
            "bar": self.bar,
            "unit": self.unit,
            "verdict": WORDS[self.met],
            "source": self.source,
        }

    def __str__(self) -> str:
        figure = "not measured" if self.figure is None else f"{self.figure:.4g} {self.unit}"
        bar = f"{self.sense} {self.bar:g}"
        return f"{WORDS[self.met]:>7}  {self.name}: {figure}, demanded {bar} ({self.source})"


WORDS: Final = {True: "met", False: "MISSED", None: "unknown"}
VERDICTS: Final = {True: "holds", False: "violated", None: "unknown"}
EXIT_CODES: Final = {True: 0, False: 1, None: 3}


def all_met(demands: Iterable[Demand]) -> bool | None:
    """Whether each is met; None if none is missed, and of one nothing is known."""
    met = [one.met for one in demands]
    if False in met:
        return False
    return None if None in met else True

"""What a setting may be: read from a file or from the environment, and told in words."""

from __future__ import annotations

import math
from typing import Any, Protocol

from attrs import frozen


class Kind(Protocol):
    """What the values of a setting have in common."""

    @property
    def legal(self) -> str:
        """The legal values, in words."""

    def admits(self, value: Any) -> bool:
        """Whether the value is legal."""

    def read(self, text: str) -> Any:
        """The value that the text says, not necessarily a legal one; the text if it says none."""


@frozen
class Whole:
    """A whole number.

    Attributes:
        low: the smallest.
        high: the largest.
    """

    low: int
    high: int

    @property
    def legal(self) -> str:
        """The legal values, in words."""
        return f"a whole number, {self.low} to {self.high}"

    def admits(self, value: Any) -> bool:
        """Whether the value is legal."""
        return type(value) is int and self.low <= value <= self.high

    def read(self, text: str) -> Any:
        """The number that the text says; the text if it says none."""
        try:
            return int(text)
        except ValueError:
            return text


@frozen
class Number:
    """A number, also a broken one.

    Attributes:
        high: the largest.
        unit: of what.
        low: the smallest.
    """

    high: float
    unit: str
    low: float = 0.0

    @property
    def legal(self) -> str:
        """The legal values, in words."""
        return f"a number of {self.unit}, {self.low:g} to {self.high:g}"

    def admits(self, value: Any) -> bool:
        """Whether the value is legal."""
        known = type(value) in (int, float) and math.isfinite(value)
        return bool(known and self.low <= value <= self.high)

    def read(self, text: str) -> Any:
        """The number that the text says; the text if it says none."""
        try:
            return float(text)
        except ValueError:
            return text


@frozen
class Word:
    """One of these words.

    Attributes:
        words: all of them.
    """

    words: tuple[str, ...]

    @property
    def legal(self) -> str:
        """The legal values, in words."""
        return f"one of {', '.join(self.words)}"

    def admits(self, value: Any) -> bool:
        """Whether the value is legal."""
        return value in self.words

    def read(self, text: str) -> Any:
        """The text."""
        return text


@frozen
class Switch:
    """Yes or no."""

    @property
    def legal(self) -> str:
        """The legal values, in words."""
        return "true or false"

    def admits(self, value: Any) -> bool:
        """Whether the value is legal."""
        return isinstance(value, bool)

    def read(self, text: str) -> Any:
        """What the text says; the text if it says neither."""
        return {"true": True, "false": False}.get(text.lower(), text)

"""What fields of traces and settings may hold; a refusal is one line that says what is legal.

Each is a validator of attrs, and says the same as keywords of a JSON Schema.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attrs import Attribute

SECONDS_MAX: Final = 1e6
SECONDS_MIN: Final = 1e-3


def short(value: object) -> str:
    """The value as Python writes it, cut to what fits into a line of complaint."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def kind_of(value: object) -> str:
    """What a value of JSON is, in words for a line of complaint."""
    return _KINDS[type(value)]


_KINDS: Final = {
    dict: "an object",
    list: "a list",
    str: "a string",
    type(None): "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a point",
}


@frozen
class Within:
    """A number from `low` to `high`; the unit ends the complaint."""

    low: float
    high: float
    unit: str = ""

    def __call__(self, _: Any, attribute: Attribute[Any], value: float) -> None:
        """Nothing happens.

        Raises:
            ValueError: the value is none of these numbers.
        """
        if not (self.low <= value <= self.high and math.isfinite(value)):
            legal = f"{self.low:g} to {self.high:g}{self.unit}"
            raise ValueError(f"{attribute.name} must be {legal}, not {short(value)}")

    @property
    def keywords(self) -> dict[str, Any]:
        """The same, in JSON Schema's words."""
        return {"minimum": self.low, "maximum": self.high}


@frozen
class OneOf:
    """One of these words, and no other."""

    words: tuple[str, ...]

    def __call__(self, _: Any, attribute: Attribute[Any], value: str) -> None:
        """Nothing happens.

        Raises:
            ValueError: the value is none of these words.
        """
        if value not in self.words:
            legal = ", ".join(self.words)
            raise ValueError(f"{attribute.name} must be one of {legal}, not {short(value)}")

    @property
    def keywords(self) -> dict[str, Any]:
        """The same, in JSON Schema's words."""
        return {"enum": list(self.words)}


@frozen
class Hexadecimal:
    """So many hexadecimal digits, in small letters."""

    digits: int

    def __call__(self, _: Any, attribute: Attribute[Any], value: str) -> None:
        """Nothing happens.

        Raises:
            ValueError: the value is no such text.
        """
        if len(value) != self.digits or set(value) - set("0123456789abcdef"):
            legal = f"{self.digits} hexadecimal digits"
            raise ValueError(f"{attribute.name} must be {legal}, not {short(value)}")

    @property
    def keywords(self) -> dict[str, Any]:
        """The same, in JSON Schema's words."""
        # The length, too: for Python, the text may end with a line's end behind its end.
        return {"pattern": f"^[0-9a-f]{{{self.digits}}}$", "maxLength": self.digits}


def whole(low: int, high: int) -> Within:
    """A validator is returned that accepts the numbers from `low` to `high` only."""
    return Within(low, high)


def one_of(known: Iterable[str]) -> OneOf:
    """A validator is returned that accepts these words only, and names them to whoever errs."""
    return OneOf(tuple(known))


# A length of time that a schedule can let pass.
seconds: Final = Within(0, SECONDS_MAX, " seconds")
# A length of time after which something may come again and again.
interval: Final = Within(SECONDS_MIN, SECONDS_MAX, " seconds")

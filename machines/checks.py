"""What fields of traces and settings may hold; a refusal is one line that says what is legal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attrs import Attribute

SECONDS_MAX: Final = 1e6
SECONDS_MIN: Final = 1e-3


def short(value: object) -> str:
    """The value as Python writes it, cut to what fits into a line of complaint."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def whole(low: int, high: int) -> Any:
    """A validator is returned that accepts the numbers from `low` to `high` only."""

    def check(_: Any, attribute: Attribute[int], value: int) -> None:
        if not low <= value <= high:
            raise ValueError(f"{attribute.name} must be {low} to {high}, not {short(value)}")

    return check


def seconds(_: Any, attribute: Attribute[float], value: float) -> None:
    """The value is a length of time that a schedule can let pass."""
    if not (math.isfinite(value) and 0 <= value <= SECONDS_MAX):
        raise ValueError(
            f"{attribute.name} must be 0 to {SECONDS_MAX:g} seconds, not {short(value)}"
        )


def interval(_: Any, attribute: Attribute[float], value: float) -> None:
    """The value is a length of time after which something may come again and again."""
    if not (math.isfinite(value) and SECONDS_MIN <= value <= SECONDS_MAX):
        raise ValueError(
            f"{attribute.name} must be {SECONDS_MIN:g} to {SECONDS_MAX:g} seconds, "
            f"not {short(value)}"
        )


def one_of(known: Iterable[str]) -> Any:
    """A validator is returned that accepts these words only, and names them to whoever errs."""
    words = list(known)

    def check(_: Any, attribute: Attribute[str], value: str) -> None:
        if value not in words:
            raise ValueError(
                f"{attribute.name} must be one of {', '.join(words)}, not {short(value)}"
            )

    return check

"""The limits of the settings for errors and recovery: what a policy may hold, as specified."""

from __future__ import annotations

from typing import Final

from attrs import frozen

INFINITE: Final = float("inf")


@frozen
class Refused:
    """A setting that no policy may hold.

    Attributes:
        kind: of the built-in error that a caller would catch.
        words: what that error says, in part: the setting's name and what would be right.
    """

    kind: type[Exception]
    words: str


def seconds(name: str, value: object) -> Refused | None:
    """A wait that must be longer than none; what is wrong with it is returned."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Refused(TypeError, f"{name} must be a number of seconds, not {value!r}")
    if value > 0 and value != INFINITE:
        return None
    return Refused(ValueError, f"{name} must be more than 0 seconds, not {value}")


def count(name: str, value: object) -> Refused | None:
    """A whole number of at least nought; what is wrong with it is returned."""
    if isinstance(value, bool) or not isinstance(value, int):
        return Refused(TypeError, f"{name} must be a whole number, not {value!r}")
    if value >= 0:
        return None
    return Refused(ValueError, f"{name} must be at least 0, not {value}")


def waits(name: str, value: tuple[object, ...]) -> Refused | None:
    """Waits, each of which may be none; what is wrong with them is returned."""
    if all(isinstance(wait, (int, float)) and 0 <= wait != INFINITE for wait in value):
        return None
    return Refused(ValueError, f"{name} must be seconds of at least 0, not {value!r}")

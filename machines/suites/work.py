"""What the suites have workers do; they import this, so it imports nothing of weight."""

from __future__ import annotations

import hashlib
from typing import Any, Final

ROUNDS: Final = 400


class Refused(Exception):
    """What an operation raises that is meant to."""


def read(state: dict[str, Any]) -> int:
    """How often this session was written to is returned."""
    return int(state.get("writes", 0))


def write(state: dict[str, Any]) -> int:
    """This session was written to once more; how often is returned."""
    state["writes"] = state.get("writes", 0) + 1
    return int(state["writes"])


def compute(seed: int) -> str:
    """A chain of digests is returned, which takes some tenths of a millisecond.

    Args:
        seed: where the chain begins.
    """
    link = seed.to_bytes(8, "big")
    for _ in range(ROUNDS):
        link = hashlib.sha256(link).digest()
    return link.hex()


def refuse(number: int) -> None:
    """It raises, always.

    Raises:
        Refused: with that number.
    """
    raise Refused(number)

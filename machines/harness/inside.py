"""What the harness has workers do; they import this, so it imports nothing of weight."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any, Final

# The kernel counts it in KiB, but on macOS in bytes.
_UNIT: Final = 1 if sys.platform == "darwin" else 1024

_kept: Final[list[bytearray]] = []


def nothing() -> None:
    """What a worker is given to see that it takes work."""


def echo(word: str) -> str:
    """The word comes back."""
    return word


def work() -> int:
    """The worker's process identifier is returned."""
    return os.getpid()


def where(state: dict[Any, Any], number: int) -> tuple[int, list[int]]:
    """In a session: where the task ran, and the numbers of those that found this state, in order.

    Args:
        state: the session's.
        number: the task's.
    """
    done = state.setdefault("machines.harness", [])
    done.append(number)
    return os.getpid(), [*done]


def keep(size: int) -> int:
    """So many bytes more are kept, and how many the process has occupied at most is returned."""
    _kept.append(bytearray(size))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT

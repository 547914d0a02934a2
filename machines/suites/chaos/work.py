"""What tasks of a chaos run do. Worker processes import this, so it imports nothing of weight.

Each function first notes that it started, with one `write` to a file opened for appending, so that
no death of its worker can lose or garble the note. A task's value follows from its number alone.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LINGER_S: Final = 0.01
# What the busiest of the short tasks counts to; some tenth of a millisecond.
_COUNT: Final = 2000

_kept: Final[list[bytearray]] = []


class OwnError(Exception):
    """What a task raises that was asked to.

    Args:
        number: the task's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def value(number: int) -> int:
    """What the task of this number returns, and no other."""
    return number * 7 + 1


def note(path: str, number: int) -> None:
    """That this task started is on record."""
    record = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(record, f"{number}\n".encode())
    os.close(record)


def short(number: int, size: int) -> int:
    """The task counts a little."""
    del size
    sum(range(number % 8 * _COUNT // 8))
    return value(number)


def linger(number: int, size: int) -> int:
    """The task takes its time, so that a blow finds it running."""
    del size
    threading.Event().wait(LINGER_S)
    return value(number)


def fail(number: int, size: int) -> int:
    """The task raises its own exception."""
    del size
    raise OwnError(number)


def keep(number: int, size: int) -> int:
    """The task takes so many bytes, and its worker keeps them."""
    _kept.append(bytearray(size))
    return value(number)


WORKS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "short": short,
    "linger": linger,
    "fail": fail,
    "keep": keep,
}


def perform(path: str, number: int, work: str, size: int) -> int:
    """The start was noted, and the named work done."""
    note(path, number)
    return WORKS[work](number, size)


def perform_in(
    state: dict[str, Any], path: str, number: int, work: str, size: int
) -> tuple[int, int]:
    """The same in a session: how many calls its state has seen now, and the task's own value."""
    own = perform(path, number, work, size)
    state["calls"] = state.get("calls", 0) + 1
    return state["calls"], own

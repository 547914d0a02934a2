"""What tasks of a free run do. Worker processes import this, so it imports nothing of weight.

Each function first notes that it started, and last that it ended, with one `write` each to a pipe
that the run reads, so that no death of its worker can lose or garble a note.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BIG_BYTES: Final = 1 << 19
LINGER_S: Final = 0.02
STARTED, ENDED = "started", "ended"


def note(path: str, what: str, number: int) -> None:
    """That this operation started or ended here is on record."""
    worker = multiprocessing.current_process().name.rpartition("-")[2]
    line = f"{what} {number} {worker} {time.monotonic_ns()}\n"
    pipe = os.open(path, os.O_WRONLY)
    os.write(pipe, line.encode())
    os.close(pipe)


def echo(number: int) -> list[Any]:
    """Which operation it was is returned."""
    return ["echo", number]


def linger(number: int) -> list[Any]:
    """The operation takes its time."""
    threading.Event().wait(LINGER_S)
    return ["linger", number]


def big(number: int) -> str:
    """More than a pipe holds is returned, and it depends on the operation."""
    return f"{number:08d}" * (BIG_BYTES // 8)


def fail(number: int) -> None:
    """An ordinary exception is raised."""
    raise ValueError(f"operation {number}")


WORKS: Final[Mapping[str, Callable[[int], Any]]] = {
    "echo": echo,
    "linger": linger,
    "big": big,
    "fail": fail,
}


def perform(path: str, number: int, work: str) -> Any:
    """The named work was done, and noted."""
    note(path, STARTED, number)
    try:
        return WORKS[work](number)
    finally:
        note(path, ENDED, number)


def perform_in(state: dict[str, Any], path: str, number: int, call: tuple[Any, ...]) -> list[Any]:
    """A session's operation was carried out on its state, and noted.

    Returns:
        The operations that had left their mark in the state before, and the answer.
    """
    note(path, STARTED, number)
    marks = state.setdefault("marks", [])
    found = list(marks)
    marks.append(number)
    numbers = state.setdefault("numbers", ())
    result: Any = numbers
    if call[0] == "append":
        state["numbers"], result = (*numbers, call[1]), len(numbers)
    elif call[0] == "cas":
        result = numbers == call[1]
        state["numbers"] = call[2] if result else numbers
    note(path, ENDED, number)
    return [found, result]

"""The workload: the named operations that a trace's tasks run, the same on every layer.

Worker processes import this, so it imports nothing of weight. An artifact names operations from
`OPERATIONS`; nothing else can be run by a trace.
"""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from machines import gate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BIG_BYTES: Final = 1 << 20


def echo(task: int) -> list[Any]:
    """Which task it was is returned."""
    return ["echo", task]


def big(task: int) -> str:
    """A mebibyte that depends on the task is returned: more than a pipe holds."""
    return f"{task:08d}" * (BIG_BYTES // 8)


def fail(task: int) -> None:
    """An ordinary exception is raised."""
    raise ValueError(f"task {task}")


def leave(task: int) -> None:
    """The function tries to end its interpreter."""
    raise SystemExit(task)


def exhaust(task: int) -> None:
    """The function wants more memory than there is."""
    raise MemoryError(f"task {task}")


def unpicklable(task: int) -> Any:
    """Something that cannot cross a process boundary is returned."""
    return lambda: task


def interrupt(task: int) -> None:
    """The function raises what Ctrl-C would."""
    raise KeyboardInterrupt(task)


def starve(task: int) -> None:
    """The function wants one descriptor more than there are."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), f"task {task}")


def _never_again(task: int) -> Any:
    raise ValueError(f"what task {task} sent is never rebuilt")


class Unrebuildable(Exception):
    """Can be pickled, and never rebuilt: returned as a value, or raised.

    Args:
        task: whose it is.
    """

    def __init__(self, task: int) -> None:
        super().__init__()
        self.task = task

    def __reduce__(self) -> tuple[Any, ...]:
        return _never_again, (self.task,)


class Unsendable(Exception):
    """Cannot be pickled.

    Args:
        task: whose it is.
    """

    def __init__(self, task: int) -> None:
        super().__init__()
        self.keep = lambda: task


def unrebuildable(task: int) -> Any:
    """Something that cannot be rebuilt where it arrives is returned."""
    return Unrebuildable(task)


def raise_unrebuildable(task: int) -> None:
    """An exception that cannot be rebuilt is raised."""
    raise Unrebuildable(task)


def raise_unpicklable(task: int) -> None:
    """An exception that cannot be pickled is raised."""
    raise Unsendable(task)


def fork(task: int) -> list[Any]:
    """A child is left behind; where tasks have no process of their own, there is none."""
    gate.leave_child()
    return ["fork", task]


def stick(_: int) -> None:
    """The function never returns."""
    threading.Event().wait()


OPERATIONS: Final[Mapping[str, Callable[[int], Any]]] = {
    "echo": echo,
    "big": big,
    "fail": fail,
    "leave": leave,
    "exhaust": exhaust,
    "unpicklable": unpicklable,
    "interrupt": interrupt,
    "starve": starve,
    "unrebuildable": unrebuildable,
    "raise_unrebuildable": raise_unrebuildable,
    "raise_unpicklable": raise_unpicklable,
    "fork": fork,
    "stick": stick,
}
# Whose functions never return; their gates do not open.
NEVER: Final = frozenset({"stick"})
# What a client is told instead of what cannot reach it.
REFUSED: Final = ["PayloadError", ""]


def perform(operation: str, task: int) -> Any:
    """The named operation has run, once its gate was opened. This is what workers call."""
    gate.wait()
    return OPERATIONS[operation](task)


def perform_in(state: dict[str, list[int]], operation: str, task: int) -> list[Any]:
    """As `perform`, for a session's task: the marks that it found in the state come first."""
    marks = state.setdefault("marks", [])
    found = list(marks)
    marks.append(task)
    gate.wait()
    return [found, OPERATIONS[operation](task)]


def canonical(value: Any) -> Any:
    """A result or exception as it stands in logs and histories: short, equal on every layer."""
    if isinstance(value, BaseException):
        words = str(value) if isinstance(value, (ValueError, SystemExit)) else ""
        return [type(value).__name__, words]
    if isinstance(value, str) and len(value) == BIG_BYTES and value == value[:8] * (BIG_BYTES // 8):
        return ["big", int(value[:8])]
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def expected(operation: str, task: int, found: list[int] | None = None) -> tuple[str, Any]:
    """How the operation ends: `returned`, `raised` or `exhausted`, and its canonical value.

    Args:
        operation: its name.
        task: the task's number.
        found: the marks in its session's state; None for an anonymous task.
    """
    try:
        value = OPERATIONS[operation](task)
    except (MemoryError, OSError) as error:
        return "exhausted", canonical(error)
    except (Unrebuildable, Unsendable):
        return "raised", REFUSED
    except BaseException as error:
        return "raised", canonical(error)
    if callable(value):
        return "raised", REFUSED
    if isinstance(value, Unrebuildable):
        return "returned", REFUSED
    return "returned", canonical(value if found is None else [found, value])

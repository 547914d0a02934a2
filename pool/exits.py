"""Exits: what the exit code of a worker's process says."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

KILLED: Final = -9
BAD_FRAME: Final = 70
PIPE_CLOSED: Final = 71
INTERRUPTED: Final = 130

_MEANINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        BAD_FRAME: "it exited with code 70: it got a damaged frame",
        PIPE_CLOSED: "its pipe was closed, perhaps by the task",
        INTERRUPTED: "it exited with code 130: it was interrupted, which a task had allowed",
    }
)


def was_killed(code: int | None) -> bool:
    """Whether somebody outside ended the process: no program does that to itself by a mistake.

    Args:
        code: as for `words`.
    """
    return code == KILLED


def words(code: int | None) -> str:
    """What is told of a worker that ended by itself is returned.

    Args:
        code: its exit code, negative for a signal's number; None if somebody else took it.
    """
    if code is None:
        return "it exited"
    return _MEANINGS.get(code, f"it exited with code {code}")

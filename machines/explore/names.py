"""Names: the numbers of tasks, workers and sessions, as they stand in a state, and their renaming.

A state's names are small numbers, not those of a run. What is new in a step is named from `FRESH`
on; then the state's names are made small again. Negative names mean nothing that could be renamed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from machines.trace import FOREIGN

FRESH: Final = 50
# A name that is known to nobody any more.
GONE: Final = -1
# In place of names that are not to be looked at.
MASKED: Final = -2


class Kind(IntEnum):
    """What a name is of."""

    TASK = 0
    WORKER = 1
    SESSION = 2


class Naming:
    """A renaming, one-to-one on those names that are kept.

    Args:
        tasks: the new name of each task that keeps one, from 0 on in this order.
        workers: the same of workers.
        sessions: the same of sessions.
    """

    def __init__(
        self, tasks: dict[int, int], workers: dict[int, int], sessions: dict[int, int]
    ) -> None:
        self.maps = (tasks, workers, sessions)

    @property
    def key(self) -> tuple[tuple[int, ...], ...]:
        """Equal only for equal renamings: new names are given in the order of these."""
        return tuple([tuple(names) for names in self.maps])

    def keeps(self, kind: Kind, name: int) -> bool:
        """Whether this name is still one."""
        return name < 0 or name >= FOREIGN or name in self.maps[kind]

    def of(self, kind: Kind, name: int | None) -> int | None:
        """The new name is returned; `GONE` if there is none."""
        if name is None or name < 0:
            return name
        if name >= FOREIGN:
            return FOREIGN
        return self.maps[kind].get(name, GONE)


class Names:
    """The names that occur somewhere, in the order in which they were met."""

    def __init__(self) -> None:
        self.met: tuple[dict[int, None], ...] = ({}, {}, {})

    def meet(self, kind: Kind, name: int | None) -> None:
        """The name occurs."""
        if name is not None and 0 <= name < FOREIGN:
            self.met[kind][name] = None

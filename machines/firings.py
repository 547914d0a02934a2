"""Firings: the names of tuples, and how often each fired. Imports nothing of weight."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.moves import Row


AFTER: Final = " after "


@functools.cache
def named(row: Row, fault: str | None = None) -> str:
    """The tuple as it stands in tables and files.

    Args:
        row: the move.
        fault: what met it; None for the move alone.
    """
    of, before, because, after = row
    met = "" if fault is None else AFTER + fault
    return f"{of}: {before} → {after} ({because}){met}"


def legal_moves(of: str) -> set[str]:
    """The names of all rows of one kind's table.

    Args:
        of: `worker`, `session`, `breaker` or `task`.
    """
    from model.moves import legal  # noqa: PLC0415 - see the module's docstring

    return {named(row) for row in legal() if row[0] == of}


@define
class Coverage:
    """What fired, over one run or many.

    Attributes:
        fired: how often each tuple did: a move, alone or after the fault that it met.
        commands: how often each command was carried out, faults by their names, submits by
            their operations.
        in_flight: how often that was while a task was in flight.
        happened: how often each thing did that must happen sometimes, by its words.
    """

    fired: Counter[str] = field(factory=Counter)
    commands: Counter[str] = field(factory=Counter)
    in_flight: Counter[str] = field(factory=Counter)
    happened: Counter[str] = field(factory=Counter)

    def moves(self, of: str) -> set[str]:
        """The moves of one kind that fired, whatever met them.

        Args:
            of: `worker`, `session`, `breaker` or `task`.
        """
        return {name for name in self.fired if name.startswith(f"{of}: ") and AFTER not in name}

    def merge(self, other: Coverage) -> None:
        """What fired elsewhere has fired here too."""
        self.fired.update(other.fired)
        self.commands.update(other.commands)
        self.in_flight.update(other.in_flight)
        self.happened.update(other.happened)

    def plain(self) -> dict[str, dict[str, int]]:
        """All of it as dictionaries of strings and numbers."""
        return {
            "fired": dict(self.fired),
            "commands": dict(self.commands),
            "in_flight": dict(self.in_flight),
            "happened": dict(self.happened),
        }


def coverage_of(plain: Mapping[str, Mapping[str, int]]) -> Coverage:
    """What `plain` gave is coverage again."""
    return Coverage(**{name: Counter(counts) for name, counts in plain.items()})

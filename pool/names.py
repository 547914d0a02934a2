"""Names: which session's number a client's name stands for."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from pool.sessions import SessionState

if TYPE_CHECKING:
    from collections.abc import Hashable


class Affinity(NamedTuple):
    """The session that a task belongs to: its number, and its name as the client gave it."""

    number: int
    name: Hashable


class Names:
    """The sessions that are open or lost, by their clients' names."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._names: dict[int, Hashable] = {}
        self._next = itertools.count()

    def number(self, name: Hashable) -> int:
        """The number of the session of this name; a new one if there is none."""
        number = self._numbers.get(name)
        return next(self._next) if number is None else number

    def name(self, number: int) -> Hashable:
        """The name of this session; its number if it has none any more."""
        return self._names.get(number, number)

    def keep(self, name: Hashable, number: int) -> None:
        """The name stands for this session from now on."""
        self._numbers[name] = number
        self._names[number] = name

    def moved(self, number: int, state: SessionState) -> None:
        """The session is in this state now; one that is closing has given its name back."""
        if state is SessionState.CLOSING:
            self._give_back(number)
        elif state is SessionState.CLOSED:
            self.forget(number)

    def forget(self, number: int) -> None:
        """The session has no name any more."""
        self._give_back(number)
        self._names.pop(number, None)

    def _give_back(self, number: int) -> None:
        """Another session may have the name; what is still told of this one is told by it."""
        name = self._names.get(number)
        if self._numbers.get(name) == number:
            del self._numbers[name]

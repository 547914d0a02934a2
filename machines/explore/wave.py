"""A wave: what expanding one shard's part of one level came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from machines.explore.step import Violation


@frozen(order=True)
class Broken:
    """A promise that a state, or a step from it, breaks; in order of which is told first.

    Attributes:
        more: steps from the state; 0 if its own end breaks the promise.
        source: the state's fingerprint.
        at: the step's index.
    """

    more: int
    source: bytes
    at: int
    promise: str
    sentence: str


@frozen
class Wave:
    """What expanding a shard's part of a level came to.

    Attributes:
        expanded: how many states were expanded.
        transitions: how many steps they have.
        states: how many states there are in their orbits; None if the space cannot tell.
        broken: for each broken promise what is told first.
        halted: whether it was given up before its end.
    """

    expanded: int = 0
    transitions: int = 0
    states: int | None = 0
    broken: tuple[Broken, ...] = ()
    halted: bool = False


@define
class Total:
    """A wave while it goes on; the names are the same."""

    states: int | None
    expanded: int = 0
    transitions: int = 0
    _first: dict[str, Broken] = field(factory=dict)

    def broke(self, violation: Violation, more: int, source: bytes, at: int) -> None:
        """This was broken, too."""
        one = Broken(more, source, at, violation.promise, violation.sentence)
        known = self._first.get(one.promise)
        if known is None or one < known:
            self._first[one.promise] = one

    def wave(self) -> Wave:
        """What it has come to."""
        broken = tuple(sorted(self._first.values()))
        return Wave(self.expanded, self.transitions, self.states, broken)


def first_of(waves: list[Wave]) -> tuple[Broken, ...]:
    """Of all waves together, for each broken promise what is told first."""
    first: dict[str, Broken] = {}
    for one in sorted(broken for wave in waves for broken in wave.broken):
        first.setdefault(one.promise, one)
    return tuple(sorted(first.values()))

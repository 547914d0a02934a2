"""What the search's engine asks of a space, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from machines.trace import Command


@frozen
class Violation:
    """A promise broken: its name, and the sentence that says how."""

    promise: str
    sentence: str


@frozen
class Step:
    """One command from a state, where it leads, and what it broke if anything."""

    command: Command
    state: Hashable
    violation: Violation | None = None


def promise_of(owed: str) -> str:
    """The name of the promise of which this is owed: all before a colon, as of `L1: task 0`."""
    return owed.partition(":")[0]


class Space(Protocol):
    """States, small and local to a process, and the steps between them."""

    def first(self) -> Hashable:
        """The state in which every run begins is returned."""

    def steps(self, state: Hashable) -> Sequence[Step]:
        """Every step that is possible here within the bounds, always in the same order."""

    def pack(self, state: Hashable) -> bytes:
        """Bytes equal only for states of one orbit; the same in every process and Python."""

    def unpack(self, packed: bytes) -> Hashable:
        """A state of the orbit that was packed is returned."""

    def ending(self, state: Hashable) -> Violation | None:
        """What a run that ends here breaks; asked of states in which only wishes are possible."""

    def fair(self, state: Hashable) -> Sequence[Step]:
        """The steps that a fair schedule owes here: deliveries, receives, gates and the clock."""

    def promised(self, state: Hashable) -> frozenset[str]:
        """What is still owed here; a fair cycle that keeps one of these owed is a livelock."""

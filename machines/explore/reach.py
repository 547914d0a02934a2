"""Reach: what the engine asks of a space for each of millions of states, and in which words.

A space that can tell these faster than by its steps has methods of the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from machines.explore.visited import print_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from machines.explore.step import Space, Violation


class Spread(NamedTuple):
    """Where the steps from a state lead.

    Attributes:
        steps: how many there are.
        after: the states after those that break nothing.
        owed: the states after those of them that a fair schedule owes; None if it owes no step.
        broken: the index of each step that breaks something, and what.
    """

    steps: int
    after: list[Hashable]
    owed: list[Hashable] | None
    broken: list[tuple[int, Violation]]


class Reach(Protocol):
    """What is asked for each state."""

    def spread(self, state: Hashable) -> Spread:
        """Where the steps from here lead."""

    def print(self, state: Hashable) -> bytes:
        """The state's fingerprint."""

    def brief(self, state: Hashable) -> bytes:
        """Bytes that mean the state in this process alone."""

    def full(self, brief: bytes) -> Hashable:
        """The state that these bytes mean."""


class ByStep:
    """The same of any space, told by its steps.

    Args:
        space: whose states they are.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.brief = space.pack
        self.full = space.unpack

    def spread(self, state: Hashable) -> Spread:
        """Where the steps from here lead."""
        steps, fair = self._space.steps(state), self._space.fair(state)
        return Spread(
            len(steps),
            [step.state for step in steps if step.violation is None],
            [step.state for step in fair if step.violation is None] if fair else None,
            [(at, step.violation) for at, step in enumerate(steps) if step.violation is not None],
        )

    def print(self, state: Hashable) -> bytes:
        """The state's fingerprint."""
        return print_of(self._space, state)


def reach_of(space: Space) -> Reach:
    """The space itself, if it can tell; else what its steps tell."""
    own: Any = space
    found: Reach = own if hasattr(space, "spread") else ByStep(space)
    return found

"""The outcome of a complete search: how far it came, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from machines.trace import Command


@frozen
class Finding:
    """A broken promise and the commands that lead there.

    Attributes:
        promise: its name.
        sentence: how it is broken.
        commands: what leads there, as short as any.
        loop: the index of the command from which on they can be repeated for ever, where the
            promise is broken by never being kept; None where it is broken once.
    """

    promise: str
    sentence: str
    commands: tuple[Command, ...]
    loop: int | None = None


@frozen
class Counts:
    """How far a search has come; whole levels only.

    Attributes:
        orbits: the states that are kept, of which none is another with its parts interchanged.
        states: how many there are with all interchanges, as far as they are expanded; None if the
            space cannot tell.
        transitions: the steps from states that are expanded.
        frontier: how many states are found and not expanded.
        depth: the most steps that the last state found is away from the first.
    """

    orbits: int = 0
    states: int | None = 0
    transitions: int = 0
    frontier: int = 0
    depth: int = 0


@frozen
class Outcome:
    """What came of a search.

    Attributes:
        counts: how far it came.
        findings: the broken promises, the shortest way to each first found.
        unknown: why the search is not complete; None if it is, or if it stopped at a finding.
        seconds: how long it took, wall clock.
    """

    counts: Counts
    findings: tuple[Finding, ...]
    unknown: str | None
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every state within the bounds was expanded, and every fair cycle looked at."""
        return self.unknown is None and not self.counts.frontier

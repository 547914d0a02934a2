"""The tally: what was done on each layer, counted for the summary and for the demand that it was.

Light enough for the pytest plugin to import in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from machines.firings import Coverage, coverage_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from machines.run import Report, Run

LAYERS: Final = ("sim", "wire", "real", "free")


@define
class Tally:
    """What was done on one layer.

    Attributes:
        begun: machine runs that were begun, shrinking included.
        examples: machine runs that came to their verified end.
        steps: commands that they carried out.
        replays: saved counterexamples and stories that were replayed.
        deaths: runs in which a worker died at a crash point.
        coverage: what fired in all of them.
    """

    begun: int = 0
    examples: int = 0
    steps: int = 0
    replays: int = 0
    deaths: int = 0
    coverage: Coverage = field(factory=Coverage)

    @property
    def executions(self) -> int:
        """How many runs there were of either sort."""
        return max(self.begun, self.examples) + self.replays

    def add(self, run: Run, report: Report) -> None:
        """One finished machine run is counted."""
        self.examples += 1
        self.steps += len(run.steps)
        self.coverage.merge(report.coverage)

    def replayed(self, report: Report) -> None:
        """One finished run of a saved counterexample or a story is counted."""
        self.replays += 1
        self.coverage.merge(report.coverage)

    def merge(self, other: Tally) -> None:
        """What was counted elsewhere is counted here too."""
        self.begun += other.begun
        self.examples += other.examples
        self.steps += other.steps
        self.replays += other.replays
        self.deaths += other.deaths
        self.coverage.merge(other.coverage)


@define
class Tallies:
    """The tallies of a whole test session, which may be spread over several processes.

    Attributes:
        of: by the layer's name.
        due: the layers on which something must be executed.
        stories: the layers on which everything that is reachable was to fire.
    """

    of: dict[str, Tally] = field(factory=dict)
    due: set[str] = field(factory=set)
    stories: set[str] = field(factory=set)

    def on(self, layer: str) -> Tally:
        """The layer's tally, begun at its first use."""
        return self.of.setdefault(layer, Tally())

    def present(self) -> list[tuple[str, Tally]]:
        """The layers that are due or were used, each with its tally."""
        return [(name, self.on(name)) for name in LAYERS if name in self.of or name in self.due]

    def idle(self) -> list[str]:
        """The layers on which something was due and nothing was executed."""
        return [layer for layer in sorted(self.due) if self.on(layer).executions == 0]

    def merge(self, plain: Mapping[str, Any]) -> None:
        """What another process counted, as its `plain` gave it, is counted here too."""
        self.due |= set(plain["due"])
        self.stories |= set(plain["stories"])
        for layer, counts in plain["of"].items():
            coverage = coverage_of(counts["coverage"])
            self.on(layer).merge(Tally(**{**counts, "coverage": coverage}))

    def plain(self) -> dict[str, Any]:
        """All of it as lists, dictionaries, strings and numbers."""
        of = {
            layer: {
                "begun": tally.begun,
                "examples": tally.examples,
                "steps": tally.steps,
                "replays": tally.replays,
                "deaths": tally.deaths,
                "coverage": tally.coverage.plain(),
            }
            for layer, tally in self.of.items()
        }
        return {"due": sorted(self.due), "stories": sorted(self.stories), "of": of}

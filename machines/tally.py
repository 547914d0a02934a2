"""The tally: what was done on each layer, counted for the summary and for the demand that it was.

Light enough for the pytest plugin to import in every run.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from machines.run import Report, Run

LAYERS: Final = ("sim", "wire", "real")
Move = tuple[str, str, str]


@define
class Tally:
    """What was done on one layer.

    Attributes:
        begun: machine runs that were begun, shrinking included.
        examples: machine runs that came to their verified end.
        steps: commands that they carried out.
        replays: saved counterexamples and stories that were replayed.
        fired: how often each lifecycle move fired.
    """

    begun: int = 0
    examples: int = 0
    steps: int = 0
    replays: int = 0
    fired: Counter[Move] = field(factory=Counter)

    @property
    def executions(self) -> int:
        """How many runs there were of either sort."""
        return max(self.begun, self.examples) + self.replays

    def add(self, run: Run, report: Report) -> None:
        """One finished machine run is counted."""
        self.examples += 1
        self.steps += len(run.steps)
        self.fired.update(report.fired)

    def merge(self, other: Tally) -> None:
        """What was counted elsewhere is counted here too."""
        self.begun += other.begun
        self.examples += other.examples
        self.steps += other.steps
        self.replays += other.replays
        self.fired.update(other.fired)


@define
class Tallies:
    """The tallies of a whole test session, which may be spread over several processes.

    Attributes:
        of: by the layer's name.
        due: the layers on which something must be executed.
    """

    of: dict[str, Tally] = field(factory=dict)
    due: set[str] = field(factory=set)

    def on(self, layer: str) -> Tally:
        """The layer's tally, begun at its first use."""
        return self.of.setdefault(layer, Tally())

    def idle(self) -> list[str]:
        """The layers on which something was due and nothing was executed."""
        return [layer for layer in sorted(self.due) if self.on(layer).executions == 0]

    def merge(self, plain: Mapping[str, Any]) -> None:
        """What another process counted, as its `plain` gave it, is counted here too."""
        self.due |= set(plain["due"])
        for layer, counts in plain["of"].items():
            fired = Counter({tuple(move): count for *move, count in counts["fired"]})
            self.on(layer).merge(Tally(**{**counts, "fired": fired}))

    def plain(self) -> dict[str, Any]:
        """All of it as lists, dictionaries, strings and numbers."""
        of = {
            layer: {
                "begun": tally.begun,
                "examples": tally.examples,
                "steps": tally.steps,
                "replays": tally.replays,
                "fired": [[*move, count] for move, count in tally.fired.items()],
            }
            for layer, tally in self.of.items()
        }
        return {"due": sorted(self.due), "of": of}

    def table(self, legal: Iterable[Move]) -> Iterator[str]:
        """The summary's lines: a row for each layer, and the legal moves that did not fire."""
        moves = list(legal)
        yield f"{'layer':<6}{'examples':>10}{'steps':>10}{'transitions fired':>20}{'replayed':>10}"
        present = [(layer, self.of[layer]) for layer in LAYERS if layer in self.of]
        for layer, tally in present:
            fired = f"{len(tally.fired)} of {len(moves)}"
            counts = f"{tally.examples:>10}{tally.steps:>10}{fired:>20}{tally.replays:>10}"
            yield f"{layer:<6}{counts}"
        for layer, tally in present:
            missing = [move for move in moves if move not in tally.fired]
            if missing and tally.executions:
                named = ", ".join(f"{before} → {after} ({why})" for before, why, after in missing)
                yield f"not fired on {layer}: {named}"

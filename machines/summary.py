"""The summary of a test session: what was done, what fired, and where that falls short."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines import coverage, transitions
from machines.firings import named
from machines.reachable import Reachable, load
from model.moves import legal
from model.sometimes import never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.tally import Tallies, Tally

NEVER_MAX: Final = 5


@frozen
class Wanted:
    """What whoever started the session wants of its summary.

    Attributes:
        transitions: whether to print them at length; a directory's name to write them there too.
        fail_under: percent of what is reachable that must fire on each layer.
        strict: whether what never happened fails the session.
    """

    transitions: str | None = None
    fail_under: float | None = None
    strict: bool = False


class Summary:
    """What the tallies say.

    Args:
        tallies: of the whole session.
        wanted: by whoever started it.
        reachable: what can fire; as the last search left it unless given.
    """

    def __init__(
        self, tallies: Tallies, wanted: Wanted, reachable: Reachable | None = None
    ) -> None:
        self._tallies = tallies
        self._wanted = wanted
        self._reachable = reachable or load()
        self._present = tallies.present()
        self.standings = [
            transitions.standing(layer, tally.coverage, self._reachable)
            for layer, tally in self._present
        ]

    def lines(self) -> Iterator[str]:
        """The summary, short unless transitions are wanted."""
        yield f"{'layer':<6}{'examples':>10}{'steps':>10}{'transitions fired':>20}{'replayed':>10}"
        for each, (layer, tally) in zip(self.standings, self._present, strict=True):
            fired = "{} of {}".format(*each.counts(""))
            counts = f"{tally.examples:>10}{tally.steps:>10}{fired:>20}{tally.replays:>10}"
            yield f"{layer:<6}{counts}"
        for layer, tally in self._present:
            if tally.deaths:
                yield f"crash points on {layer}: a worker died at one in {tally.deaths:,} runs"
        if self._wanted.transitions is not None:
            yield from transitions.table(self.standings, self._reachable)
            yield from transitions.commands(self._present)
        for layer, tally in self._present:
            if layer in self._tallies.stories and not self._wanted.strict:
                yield from self._never_lines(layer, tally)

    def shortfalls(self) -> Iterator[str]:
        """Why the session fails though its tests pass, a line for each reason."""
        for layer in self._tallies.idle():
            yield f"nothing was executed on {layer}: that is a failure, not a pass"
        least = self._wanted.fail_under
        if least is not None:
            for each in self.standings:
                # What clients and the clock do on `free` nobody can choose.
                if each.percent < least and each.layer != "free":
                    fired = "{} of {}".format(*each.counts(""))
                    yield f"transitions on {each.layer}: {fired} fired, less than {least:g} %"
        if self._wanted.strict:
            for layer, tally in self._present:
                if layer in self._tallies.stories:
                    yield from self._never_lines(layer, tally)

    def write(self) -> None:
        """`transitions.json` is in the directory that was named, if one was."""
        if self._wanted.transitions:
            transitions.write(Path(self._wanted.transitions), self.standings, self._reachable)

    def _never_lines(self, layer: str, tally: Tally) -> Iterator[str]:
        missed = never_on(layer, tally)
        for words in missed[:NEVER_MAX]:
            yield f"never on {layer}: {words}"
        if len(missed) > NEVER_MAX:
            yield f"and {len(missed) - NEVER_MAX} more that never happened on {layer}"


def never_on(layer: str, tally: Tally) -> list[str]:
    """What must happen sometimes on this layer, and did not, in fixed order."""
    meaningful = [f for f in coverage.faults() if f not in transitions.MEANINGLESS.get(layer, {})]
    seen = {*tally.coverage.happened, *tally.coverage.fired}
    return never(seen, meaningful, [named(row) for row in legal()])

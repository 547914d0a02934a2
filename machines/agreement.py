"""Agreement: one random trace, run in the simulation and on another layer, gives one digest.

Where it does not, one of the two lies: the simulation about what a pool does, or the layer's
driver about what happened.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines import garbage
from machines.drivers import Diverged, Layer
from machines.run import canonical_line, execute
from machines.walker import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from machines.run import Report

LETTERS_MAX: Final = 200


@frozen
class Disagreement:
    """A walk on which a layer and the simulation do not agree.

    Attributes:
        seed: the walk's.
        layer: the layer that disagrees with the simulation.
        sentence: where they part.
    """

    seed: int
    layer: Layer
    sentence: str

    def line(self) -> str:
        """One line for whoever reads."""
        return f"walk {self.seed}: sim and {self.layer} part: {self.sentence}"

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {"seed": self.seed, "layer": self.layer.value, "sentence": self.sentence}


def disagreements(
    layer: Layer,
    seeds: Iterable[int],
    after_each: Callable[[Report], None] = lambda _: None,
) -> list[Disagreement]:
    """Each walk has run in the simulation and on the layer; those that differ are returned.

    Args:
        layer: which; on `sim` itself each walk runs a second time.
        seeds: of the walks.
        after_each: is given the report of each run on the layer.
    """
    found = []
    with garbage.set_aside():
        for seed in seeds:
            trace, simulated = walk(seed)
            try:
                report = execute(trace, layer)
            except Diverged as error:
                found.append(Disagreement(seed, layer, str(error)))
                continue
            if report.digest != simulated.digest or report.violation != simulated.violation:
                found.append(Disagreement(seed, layer, _difference(simulated, report)))
            after_each(report)
    return found


def _difference(simulated: Report, report: Report) -> str:
    """Where the two logs part, with what each says there."""
    pairs = itertools.zip_longest(_lines(simulated), _lines(report), fillvalue="nothing more")
    for at, (one, other) in enumerate(pairs):
        if one != other:
            return f"at entry {at} of the log: {one} / {other}"
    return f"the verdict: {simulated.violation} / {report.violation}"


def _lines(report: Report) -> Iterator[str]:
    for entry in report.log:
        text = canonical_line(entry)
        yield text if len(text) <= LETTERS_MAX else text[: LETTERS_MAX - 3] + "..."

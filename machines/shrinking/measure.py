"""The measurement: every planted bug, from several long failing traces, shrunk and checked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from machines import counterexample
from machines.counterexample import FOLDER
from machines.drivers import Layer
from machines.mutants import MUTANTS
from machines.shrink import shrink
from machines.shrinking.failing import failing, own
from machines.shrinking.minimal import removable
from machines.wander import WALKS

if TYPE_CHECKING:
    from pathlib import Path

    from machines.mutants import Mutant
    from machines.trace import Trace

STARTS: Final = 5
SHRINKABLE: Final = tuple(mutant for mutant in MUTANTS if mutant.layer is not Layer.REAL)


@frozen
class Shrinking:
    """One long failing trace, and what was left of it.

    Attributes:
        mutant: the planted bug's name.
        start: the number of the trace.
        padded: whether it is a saved trace with random commands put in between.
        steps_before: how many steps it had.
        tried: how many traces were tried.
        seconds: of the processor; how busy others keep it is no matter.
        trace: what was left.
        removable: what could still be left out of that; nothing if it is minimal.
    """

    mutant: str
    start: int
    padded: bool
    steps_before: int
    tried: int
    seconds: float
    trace: Trace = field(repr=False)
    removable: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "mutant": self.mutant,
            "start": self.start,
            "padded": self.padded,
            "steps_before": self.steps_before,
            "steps": len(self.trace.steps),
            "tried": self.tried,
            "seconds": round(self.seconds, 2),
            "removable": list(self.removable),
        }


def known_traces(folder: Path = FOLDER) -> dict[str, Trace]:
    """A saved trace of each planted bug of which there is one.

    Args:
        folder: of counterexamples.
    """
    known: dict[str, Trace] = {}
    for path in sorted(folder.glob("*.json")):
        example = counterexample.load(path)
        known.setdefault(example.origin.get("mutant", ""), example.trace)
    return known


def measure(
    mutant: Mutant, start: int, known: Trace | None = None, *, walks: int = WALKS
) -> Shrinking:
    """A long failing trace was shrunk, and what is left was checked.

    Args:
        mutant: the planted bug; not one that only `real` shows.
        start: fixes the trace.
        known: a trace that shows the bug, for bugs too rare for a random one.
        walks: so many random short runs in vain end the search for a shorter one.
    """
    long, held = failing(mutant, start, known), own(mutant)
    began = time.process_time()
    shrunk = shrink(
        long.trace, mutant.promise, mutant.layer, mutant.parts, promises=held, walks=walks
    )
    seconds = time.process_time() - began
    left = removable(shrunk.trace, mutant.promise, mutant.layer, mutant.parts, held)
    before = len(long.trace.steps)
    return Shrinking(
        mutant.name,
        start,
        long.padded,
        before,
        shrunk.tried,
        seconds,
        shrunk.trace,
        tuple(left),
    )

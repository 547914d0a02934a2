"""The planted bugs in the complete search: which it finds, and whether in fewer steps than others.

`python -m machines.explore.planted [NAME...]` hunts each bug as `poolcheck selfcheck` does, with
Hypothesis and the trace shrinker; then it searches to the end the tightest bounds in which that
counterexample has its place, and compares. What is found is replayed on every layer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.drivers import Diverged, Layer
from machines.explore.bounds import Bounds
from machines.explore.engine import Search, search
from machines.explore.fitting import beyond, bounds_of, unkept
from machines.explore.found import keep
from machines.explore.limits import Limits
from machines.explore.options import Options
from machines.mutants import BY_NAME, MUTANTS
from machines.replay import Answer, replay
from machines.selfcheck import check
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.counterexample import Counterexample
    from machines.mutants import Mutant

STATES_MAX: Final = 200_000
SEEDED: Final = 1
# Where Hypothesis has found nothing to fit.
SMALL: Final = Bounds(workers=1, sessions=0, tasks=1, faults=1, asks=0)
# A run that goes round for ever shows itself in these promises alone.
_LIVELY: Final = ("L1", "L2", "L3", "L4")


@frozen
class Compared:
    """One planted bug, hunted by both.

    Attributes:
        steps_hunted: the shrunk counterexample's of Hypothesis; None if it found none.
        beyond: what the bounds that were searched have and the command's have not.
        apart: why the bug is not looked for in the search; empty if it is.
        steps: the search's counterexample's; None if it found none.
        complete: whether the bounds were searched to their end, or up to the finding.
        orbits: so many were found.
        seconds: how long the search took, wall clock.
        layers: on which the search's counterexample breaks the promise.
    """

    mutant: Mutant
    steps_hunted: int | None
    beyond: tuple[str, ...]
    apart: str = ""
    steps: int | None = None
    complete: bool = False
    orbits: int = 0
    seconds: float = 0.0
    layers: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it was found wherever it could be, in no more steps, and on every layer."""
        if self.apart:
            return True
        if self.steps is None or len(self.layers) < len(_LAYERS):
            return False
        return self.steps_hunted is None or self.steps <= self.steps_hunted

    def facts(self) -> dict[str, Any]:
        """It as plain data."""
        return {
            "name": self.mutant.name,
            "promise": self.mutant.promise,
            "steps": self.steps,
            "steps_hunted": self.steps_hunted,
            "beyond": list(self.beyond),
            "apart": self.apart,
            "complete": self.complete,
            "orbits": self.orbits,
            "seconds": round(self.seconds, 3),
            "layers": list(self.layers),
            "passed": self.passed,
        }

    def row(self) -> str:
        """It as a line of a table."""
        found = "none" if self.steps is None else str(self.steps)
        hunted = "none" if self.steps_hunted is None else str(self.steps_hunted)
        where = ", ".join(self.layers) or "-"
        outside = "; ".join(self.beyond) or "none"
        said = self.apart or ("" if self.passed else "MISSED")
        return (
            f"| `{self.mutant.name}` | {self.mutant.promise} | {found} | {hunted} "
            f"| {self.orbits:,} | {where} | {outside} | {said} |"
        )


_LAYERS: Final = (Layer.SIM, Layer.WIRE, Layer.REAL)


def compare(mutant: Mutant, states_max: int = STATES_MAX) -> Compared:
    """The bug was hunted by Hypothesis and by the complete search.

    Args:
        mutant: the bug.
        states_max: the search gives up at so many.
    """
    if mutant.layer is not Layer.SIM:
        part = "frames or processes, which the simulation does not have"
        return Compared(mutant, None, (), f"it is in {part}")
    example = _hunted(mutant)
    bounds, left_out = SMALL, list[str]()
    if example is not None:
        run = Trace(example.setting, example.steps)
        bounds, left_out = bounds_of(run), unkept(run)
    found = _searched(mutant, bounds, states_max)
    hunted = None if example is None else len(example.steps)
    outside = tuple(beyond(bounds, Bounds()))
    if found.steps is None and left_out:
        why = f"it needs {', '.join(left_out)}, which a search cannot keep"
        return Compared(mutant, hunted, outside, why, orbits=found.orbits)
    return Compared(
        mutant,
        hunted,
        outside,
        "",
        found.steps,
        found.complete,
        found.orbits,
        found.seconds,
        found.layers,
    )


def _hunted(mutant: Mutant) -> Counterexample | None:
    """Hypothesis's shrunk counterexample; None if it has none, or only runs that never end."""
    try:
        return check(mutant, SEEDED, real_times=0).example
    except Diverged:
        return None


@frozen
class _Searched:
    """What came of a search: as in `Compared`."""

    steps: int | None
    complete: bool
    orbits: int
    seconds: float
    layers: tuple[str, ...] = ()


def _searched(mutant: Mutant, bounds: Bounds, states_max: int) -> _Searched:
    options = Options(bounds, mutant=mutant.name)
    outcome = search(
        Search(
            options.space,
            options.words,
            limits=Limits(states_max),
            lively=mutant.promise in _LIVELY,
        )
    )
    orbits, ended = outcome.counts.orbits, outcome.unknown is None
    if not outcome.findings:
        return _Searched(None, ended, orbits, outcome.seconds)
    with tempfile.TemporaryDirectory() as folder:
        found = keep(outcome.findings[0], options.space(), options.pool, Path(folder))
    layers = _confirmed(found.example, mutant)
    return _Searched(len(found.example.steps), ended, orbits, outcome.seconds, layers)


def _confirmed(example: Counterexample, mutant: Mutant) -> tuple[str, ...]:
    """The layers on which it breaks the promise."""
    promises = Options(mutant=mutant.name).promises
    found = []
    for layer in _LAYERS:
        seen = replay(example, layer, parts=mutant.parts, promises=promises)
        if seen.answer is Answer.VIOLATED and seen.promise == mutant.promise:
            found.append(layer.value)
    return tuple(found)


def table(compared: Sequence[Compared]) -> list[str]:
    """The comparison as a table, and what it comes to."""
    tried = [one for one in compared if not one.apart]
    found = sum(one.steps is not None for one in tried)
    longer = sum(not one.passed for one in tried)
    usual = sum(not one.beyond for one in tried)
    return [
        "| bug | breaks | steps | hunted | orbits | seen on | beyond the usual bounds | but |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *[one.row() for one in compared],
        "",
        f"{found} of {len(tried)} found ({usual} of them within the usual bounds), "
        f"{len(compared) - len(tried)} do not fit; {longer} missed, longer or not confirmed",
    ]


def _chosen(names: Iterable[str]) -> list[Mutant]:
    return [BY_NAME[name] for name in names] or list(MUTANTS)


def main(arguments: Sequence[str] | None = None) -> int:
    """The planted bugs were compared and reported; the exit code is returned."""
    parser = argparse.ArgumentParser(prog="python -m machines.explore.planted")
    parser.add_argument("names", nargs="*", metavar="NAME", help="planted bugs; all by default")
    parser.add_argument("--states-max", type=int, default=STATES_MAX, metavar="N")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(BY_NAME))
    if unknown:
        parser.error(f"no planted bug is called {', '.join(unknown)}")
    compared = []
    for mutant in _chosen(given.names):
        compared.append(compare(mutant, given.states_max))
        if given.json:
            sys.stdout.write(json.dumps(compared[-1].facts()) + "\n")
            sys.stdout.flush()
    if not given.json:
        sys.stdout.write("\n".join(table(compared)) + "\n")
    return 0 if all(one.passed for one in compared) else 1


if __name__ == "__main__":
    sys.exit(main())

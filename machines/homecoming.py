"""Homecoming: an incident's log becomes a counterexample, as small as any other.

The log was retraced in the simulation; where that breaks a promise, its trace is shrunk, certified,
and saved like what the machines find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from machines import counterexample
from machines.counterexample import Status
from machines.drivers import Layer
from machines.parts import POOL, Parts
from machines.run import execute
from machines.shrink import shrink
from machines.wander import WALKS

if TYPE_CHECKING:
    from pathlib import Path

    from machines.counterexample import Counterexample
    from machines.recorded import Retraced


def come_home(
    log: Path,
    found: Retraced,
    folder: Path,
    parts: Parts = POOL,
    mutant: str | None = None,
    *,
    walks: int = WALKS,
) -> tuple[Counterexample, Path]:
    """The log's trace was shrunk, and the counterexample is saved; it and its file are returned.

    Args:
        log: the flight recorder's file.
        found: the log as a trace that breaks a promise.
        folder: where counterexamples are kept; one that is there already is left as it is.
        parts: the pool, perhaps with a bug planted in it.
        mutant: the bug's name.
        walks: so many random short runs in vain end the search for a shorter trace.

    Raises:
        ValueError: the trace breaks no promise.
    """
    violation = found.report.violation
    if violation is None:
        raise ValueError(f"{log}: its trace breaks no promise in the simulation")
    planted = {} if mutant is None else {"mutant": mutant}
    shrunk = shrink(found.trace, violation.promise, Layer.SIM, parts, walks=walks)
    report = execute(shrunk.trace, Layer.SIM, parts)
    example = counterexample.new(
        shrunk.trace,
        report,
        Status.OPEN,
        found_by="poolcheck replay",
        layer="free",
        log=log.name,
        events=str(found.events),
        **planted,
    )
    example = attrs.evolve(example, certificate=shrunk.certificate)
    path = folder / example.name
    if not path.exists():
        counterexample.save(example, folder)
    return example, path

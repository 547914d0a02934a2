"""Facts: what one run has to tell, as plain values."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

from attrs import field, frozen
from attrs.validators import in_

OUTCOMES: Final = ("passed", "failed", "error", "skipped")
VERDICTS: Final = ("holds", "violated", "unknown")
MORE_IS_WORSE: Final = frozenset({"s", "ms", "us", "ratio", "bytes"})


@frozen
class Test:
    """One test's outcome.

    Attributes:
        name: as pytest selects it.
        outcome: of `OUTCOMES`.
        seconds: set up, call and tear down together, wall clock.
    """

    __test__ = False  # pytest is not to collect it

    name: str
    outcome: str = field(validator=in_(OUTCOMES))
    seconds: float


@frozen
class Check:
    """One of the gate's checks.

    Attributes:
        name: as the gate knows it.
        verdict: of `VERDICTS`.
        figure: what was measured, in words.
        bar: what it had to reach, in words.
        seconds: wall clock.
        executions: so many things were really executed.
    """

    name: str
    verdict: str = field(validator=in_(VERDICTS))
    figure: str
    bar: str
    seconds: float
    executions: int


@frozen
class Figure:
    """One number that is worth comparing over time.

    Attributes:
        name: what was measured.
        value: how much.
        unit: in what; of those in `MORE_IS_WORSE` more is worse, of others less.
    """

    name: str
    value: float
    unit: str


@frozen
class Counterexample:
    """A counterexample that was found in the run.

    Attributes:
        promise: which it breaks.
        file: where it was saved, relative to the project.
        digest: of what happens in it.
        status: `open` or `fixed`.
    """

    promise: str
    file: str
    digest: str
    status: str


@frozen
class Run:
    """All that one run has to tell.

    Attributes:
        kind: `gate`, `pytest`, or what else ran.
        verdict: of `VERDICTS`.
        began: seconds since 1970.
        seconds: wall clock.
        root: the project's folder, whose commit it was.
        tests: their outcomes.
        checks: the gate's.
        figures: numbers to compare over time; the one called `coverage` is percent.
        counterexamples: what was found.
        part_of: the key of the run that started this one; empty if none did.
        key: the run's own name, new for each.
    """

    kind: str
    verdict: str = field(validator=in_(VERDICTS))
    began: float
    seconds: float
    root: Path = field(factory=Path)
    tests: tuple[Test, ...] = ()
    checks: tuple[Check, ...] = ()
    figures: tuple[Figure, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    part_of: str = ""
    key: str = field(factory=lambda: uuid.uuid4().hex)

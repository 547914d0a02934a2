"""Past: the last runs of a history, as arrays that statistics are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen
from sqlalchemy import select

from machines.history import tables
from machines.history.store import NoHistory, opened, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

FAILED: Final = ("failed", "error")


@frozen
class PastRun:
    """One run, without its tests.

    Attributes:
        number: the database's own.
        kind: `gate`, `pytest`, or what else ran.
        verdict: `holds`, `violated` or `unknown`.
        began: seconds since 1970.
        seconds: wall clock.
        code: the same for runs of the same code; empty if it is not known.
        python: its version.
        platform: system, release, and the processor's kind.
        cores: so many processors could be used.
    """

    number: int
    kind: str
    verdict: str
    began: float
    seconds: float
    code: str
    python: str
    platform: str
    cores: int

    @property
    def stratum(self) -> tuple[str, str, str]:
        """What is equal for runs whose tests should have the same outcomes."""
        return (self.code, self.python, self.platform)

    @property
    def machine(self) -> tuple[str, str, int]:
        """What is equal for runs whose durations can be compared."""
        return (self.python, self.platform, self.cores)


@frozen
class PastFigure:
    """One figure of one run: which, how much, in what."""

    run: int
    name: str
    value: float
    unit: str


@frozen(eq=False)
class Past:
    """The last runs, the oldest first.

    The four arrays have one place for each outcome that is a pass or a failure.

    Attributes:
        runs: which.
        tests: their names.
        run: the place in `runs`.
        test: the place in `tests`.
        failed: whether it failed.
        seconds: how long it took.
        figures: of these runs, in their order.
    """

    runs: tuple[PastRun, ...]
    tests: tuple[str, ...]
    run: NDArray[np.intp]
    test: NDArray[np.intp]
    failed: NDArray[np.bool_]
    seconds: NDArray[np.float64]
    figures: tuple[PastFigure, ...] = ()

    def without(self, places: Sequence[int]) -> Past:
        """The same with no outcome of the runs at these places."""
        kept = ~np.isin(self.run, np.array(places, dtype=np.intp))
        arrays = (self.run[kept], self.test[kept], self.failed[kept], self.seconds[kept])
        return Past(self.runs, self.tests, *arrays, self.figures)


def read(place: str, runs_max: int) -> Past:
    """The last runs of a history are returned.

    Args:
        place: as `place_of` says.
        runs_max: so many at most, of each kind.

    Raises:
        NoHistory: there is none yet.
        SQLAlchemyError: it cannot be read.
    """
    with reading(place) as connection:
        version = tables.reached(connection)
        if version >= tables.VERSION:
            return _read(connection, runs_max)
    if version == 0:
        raise NoHistory("nothing was ever recorded there; `pytest --history` begins a history")
    with opened(place) as connection:  # an older one lacks columns that are asked for
        tables.bring_up(connection)
        return _read(connection, runs_max)


def _read(connection: Connection, runs_max: int) -> Past:
    runs = _runs(connection, runs_max)
    place_of = {run.number: place for place, run in enumerate(runs)}
    oldest = min(place_of, default=0)
    columns = tables.outcomes.c
    asked = select(columns.run, columns.test, columns.outcome, columns.seconds)
    asked = asked.where(columns.run >= oldest, columns.outcome != "skipped")
    rows = [row for row in connection.execute(asked) if row.run in place_of]
    numbers = sorted({row.test for row in rows})
    known = {row.id: row.name for row in connection.execute(select(tables.names))}
    test_at = {number: place for place, number in enumerate(numbers)}
    return Past(
        runs=runs,
        tests=tuple(known[number] for number in numbers),
        run=np.array([place_of[row.run] for row in rows], dtype=np.intp),
        test=np.array([test_at[row.test] for row in rows], dtype=np.intp),
        failed=np.array([row.outcome in FAILED for row in rows], dtype=np.bool_),
        seconds=np.array([row.seconds for row in rows], dtype=np.float64),
        figures=_figures(connection, place_of),
    )


def _runs(connection: Connection, runs_max: int) -> tuple[PastRun, ...]:
    kinds = sorted(connection.scalars(select(tables.runs.c.kind).distinct()))
    found: list[Any] = []
    for kind in kinds:
        asked = select(tables.runs).where(tables.runs.c.kind == kind)
        found += connection.execute(
            asked.order_by(tables.runs.c.began.desc(), tables.runs.c.id.desc()).limit(runs_max)
        )
    found.sort(key=lambda row: (row.began, row.id))
    return tuple(
        PastRun(
            number=row.id,
            kind=row.kind,
            verdict=row.verdict,
            began=row.began,
            seconds=row.seconds,
            code=row.code or "",
            python=row.python or "",
            platform=row.platform or "",
            cores=row.cores or 0,
        )
        for row in found
    )


def _figures(connection: Connection, place_of: dict[int, int]) -> tuple[PastFigure, ...]:
    rows = connection.execute(select(tables.figures).order_by(tables.figures.c.id))
    figures = [
        PastFigure(place_of[row.run], row.name, row.value, row.unit or "")
        for row in rows
        if row.run in place_of
    ]
    return tuple(sorted(figures, key=lambda one: one.run))

"""Writer: one run is kept in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from machines.history import tables
from machines.history.store import PATIENCE_S, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Table

    from machines.history.environment import Environment
    from machines.history.facts import Run

_AT_ONCE: Final = 500  # rows or names in one statement
_T = TypeVar("_T")


def write(run: Run, place: str, environment: Environment, patience_s: float = PATIENCE_S) -> None:
    """The run is kept, with everything in it.

    Args:
        run: what was seen.
        place: as `place_of` says.
        environment: what it was seen in.
        patience_s: so long another writer is waited for.

    Raises:
        SQLAlchemyError: it is not kept, nor is any part of it.
        OSError: the same.
    """
    with opened(place, patience_s) as connection:
        tables.bring_up(connection)
        insert(connection, run, environment)


def insert(connection: Connection, run: Run, environment: Environment) -> None:
    """The run is among those of this transaction.

    Args:
        connection: to a database that has the tables.
        run: what was seen.
        environment: what it was seen in.
    """
    row = {
        "key": run.key,
        "part_of": run.part_of or None,
        "kind": run.kind,
        "verdict": run.verdict,
        "began": run.began,
        "seconds": run.seconds,
        "version": tables.VERSION,
        **attrs.asdict(environment),
    }
    number = connection.execute(tables.runs.insert().returning(tables.runs.c.id), row).scalar_one()
    known = _named(connection, sorted({test.name for test in run.tests}))
    outcomes = [
        {"run": number, "test": known[one.name], "outcome": one.outcome, "seconds": one.seconds}
        for one in run.tests
    ]
    _add(connection, tables.outcomes, outcomes)
    for table, facts in (
        (tables.checks, run.checks),
        (tables.figures, run.figures),
        (tables.counterexamples, run.counterexamples),
    ):
        _add(connection, table, [{"run": number, **attrs.asdict(one)} for one in facts])


def _named(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """The number of each name; new ones get one.

    They are sorted: two writers that take the same new names take them in the same order, so that
    one waits for the other and not both.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    known: dict[str, int] = {}
    for some in _parts(names):
        new = dialect.insert(tables.names).on_conflict_do_nothing(index_elements=["name"])
        connection.execute(new, [{"name": name} for name in some])
        found = select(tables.names.c.name, tables.names.c.id)
        found = found.where(tables.names.c.name.in_(some))
        known |= {row.name: row.id for row in connection.execute(found)}
    return known


def _add(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    for some in _parts(rows):
        connection.execute(table.insert(), list(some))


def _parts(rows: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE))

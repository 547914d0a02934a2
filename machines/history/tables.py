"""The tables of a history, and how a database comes to have them.

There is one kind of change that this schema allows: something is added. A table, or a column that
may be empty. So whoever is older goes on writing, and whoever is newer finds what is there. What a
database lacks is found by looking at it, not by a list of steps (docs/decisions/0020).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateColumn, CreateTable

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSION: Final = 1
_LOCK: Final = 0x706F6F6C  # "pool": what those who change a PostgreSQL schema hold meanwhile

TABLES: Final = MetaData()
_KEY: Final = Integer().with_variant(BigInteger(), "postgresql")

versions: Final = Table(
    "history_versions",
    TABLES,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("since", DateTime(timezone=True)),
)
runs: Final = Table(
    "runs",
    TABLES,
    Column("id", _KEY, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),
    Column("part_of", String(32)),
    Column("kind", String(40), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("began", Float(53), nullable=False, index=True),
    Column("seconds", Float(53), nullable=False),
    Column("code", String(80)),
    Column("commit", String(64)),
    Column("dirty", Boolean),
    Column("python", String(40)),
    Column("platform", String(200)),
    Column("cores", Integer),
    Column("hash_seed", String(20)),
    Column("version", Integer),
)
names: Final = Table(  # of tests, so that a row of an outcome is short
    "names",
    TABLES,
    Column("id", _KEY, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)
outcomes: Final = Table(
    "outcomes",
    TABLES,
    Column("id", _KEY, primary_key=True),
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("test", ForeignKey("names.id"), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("seconds", Float(53), nullable=False),
    Index("outcomes_of_a_run", "run"),
)
checks: Final = Table(
    "checks",
    TABLES,
    Column("id", _KEY, primary_key=True),
    Column("run", ForeignKey("runs.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("figure", String),
    Column("bar", String),
    Column("seconds", Float(53)),
    Column("executions", BigInteger),
)
figures: Final = Table(
    "figures",
    TABLES,
    Column("id", _KEY, primary_key=True),
    Column("run", ForeignKey("runs.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("value", Float(53), nullable=False),
    Column("unit", String(20)),
)
counterexamples: Final = Table(
    "counterexamples",
    TABLES,
    Column("id", _KEY, primary_key=True),
    Column("run", ForeignKey("runs.id"), nullable=False, index=True),
    Column("promise", String(40), nullable=False),
    Column("file", String),
    Column("digest", String(128)),
    Column("status", String(20)),
)


def reached(connection: Connection) -> int:
    """The version of the schema that the database has; 0 if it has none.

    Args:
        connection: within a transaction.
    """
    if not inspect(connection).has_table(versions.name):
        return 0
    return max(connection.scalars(select(versions.c.version)), default=0)


def bring_up(connection: Connection, tables: MetaData = TABLES) -> None:
    """The database has every table and column of these, and what it had besides.

    Args:
        connection: within a transaction that may write.
        tables: what it must have, in the version `VERSION`.
    """
    if reached(connection) >= VERSION:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if reached(connection) >= VERSION:  # somebody else did it while this one waited
        return
    had = inspect(connection)
    for table in tables.sorted_tables:
        if not had.has_table(table.name):
            connection.execute(CreateTable(table))
            for index in sorted(table.indexes, key=lambda one: str(one.name)):
                index.create(connection)
            continue
        present = {column["name"] for column in had.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                _add(connection, table, column)
    now = datetime.datetime.now(datetime.UTC)
    connection.execute(tables.tables[versions.name].insert(), {"version": VERSION, "since": now})


def _add(connection: Connection, table: Table, column: Column[object]) -> None:
    if not column.nullable and column.server_default is None:
        raise ValueError(f"{table.name}.{column.name}: what is added later may be empty")
    name = connection.dialect.identifier_preparer.format_table(table)
    words = CreateColumn(column).compile(dialect=connection.dialect)
    connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {words}"))

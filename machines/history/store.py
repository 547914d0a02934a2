"""Store: the connection to a history, in which writers wait for each other and lose nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

PATIENCE_S: Final = 30.0  # so long one writer waits for another


class NoHistory(ValueError):
    """There is nothing to read yet; the message is one line."""


@contextlib.contextmanager
def reading(place: str, patience_s: float = PATIENCE_S) -> Iterator[Connection]:
    """One transaction that reads, and sees a single state of the history throughout.

    Args:
        place: as `place_of` says.
        patience_s: so long another writer is waited for, and a server.

    Raises:
        NoHistory: there is no such file.
        SQLAlchemyError: it cannot be opened or read.
    """
    url = make_url(place)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise NoHistory(f"there is no history in {url.database} yet; `pytest --history` begins one")
    engine = _engine(place, patience_s, begin="BEGIN").execution_options(
        **({} if url.get_backend_name() == "sqlite" else {"isolation_level": "REPEATABLE READ"})
    )
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def opened(place: str, patience_s: float = PATIENCE_S) -> Iterator[Connection]:
    """One transaction that may write; it is kept if the block ends well, and else undone.

    Args:
        place: as `place_of` says.
        patience_s: so long another writer is waited for, and a server.

    Raises:
        SQLAlchemyError: it cannot be opened, read or written.
        OSError: nor can its folder be made.
    """
    url = make_url(place)
    if url.get_backend_name() == "sqlite":
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = _engine(place, patience_s, begin="BEGIN IMMEDIATE")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _engine(place: str, patience_s: float, begin: str) -> Engine:
    if place.startswith("sqlite"):
        return _sqlite(place, patience_s, begin)
    wait_ms = int(patience_s * 1000)
    options = f"-c lock_timeout={wait_ms} -c statement_timeout={wait_ms}"
    arguments = {"connect_timeout": max(2, int(patience_s / 3)), "options": options}
    return create_engine(place, poolclass=NullPool, connect_args=arguments)


def _sqlite(place: str, patience_s: float, begin: str) -> Engine:
    """Transactions are SQLite's own; who will write says so when one begins.

    Of two that begin as readers and go on as writers, one would have to be refused.
    """
    engine = create_engine(place, poolclass=NullPool, connect_args={"timeout": patience_s})

    @event.listens_for(engine, "connect")
    def _set(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver's own idea of when one begins
        # Readers do not stop a writer then. To change it one must be alone for a moment; who is
        # not goes on as the file is, in which writers wait for each other just as well.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

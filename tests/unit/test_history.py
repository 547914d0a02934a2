"""The history keeps each run whole, whoever else writes, and never fails one."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, inspect
from told_runs import HERE, run

from machines import history
from machines.history import tables
from machines.history.environment import here
from machines.history.past import read
from machines.history.place import named, place_of
from machines.history.store import NoHistory, opened
from machines.history.writer import write


@pytest.fixture
def place(tmp_path: Path) -> str:
    return place_of("kept/history.sqlite", tmp_path)


def rows(place: str, table: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(place.removeprefix("sqlite:///")) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - this file's


def test_a_run_is_kept_with_all_it_tells(place: str) -> None:
    told = run(tests=3)
    assert history.record(told, place, HERE) is None
    past = read(place, 10)
    assert [(one.kind, one.code, one.seconds) for one in past.runs] == [("pytest", "c0de", 1.5)]
    assert past.tests == tuple(test.name for test in told.tests)
    assert past.seconds.tolist() == [0.25] * 3
    assert [(one.name, one.value, one.unit) for one in past.figures] == [
        ("coverage", 97.5, "%"),
        ("no-ops", 100.0, "us"),
    ]
    kept = rows(place, "checks")[0]
    assert kept[2:] == ("search", "holds", "1,000 states", "complete", 2.0, 1_000)
    assert rows(place, "counterexamples")[0][2:] == (
        "S2",
        "artifacts/counterexamples/a.json",
        "d1",
        "open",
    )


def test_only_the_last_runs_are_read_the_oldest_first(place: str) -> None:
    for at in (3, 1, 2, 0):
        assert history.record(run(at), place, HERE) is None
    assert [one.began for one in read(place, 3).runs] == [1_001.0, 1_002.0, 1_003.0]


def test_more_tests_than_fit_into_a_statement_are_kept(place: str) -> None:
    assert history.record(run(tests=1_700), place, HERE) is None
    assert len(read(place, 1).tests) == 1_700


def test_a_run_that_cannot_be_kept_whole_is_not_kept_at_all(place: str) -> None:
    assert history.record(run(0), place, HERE) is None
    twice = run(1)
    assert history.record(twice, place, HERE) is None
    said = history.record(twice, place, HERE)  # its key is taken, and tells the second one
    assert said is not None
    assert "UNIQUE" in said
    assert len(rows(place, "runs")) == 2
    assert len(rows(place, "outcomes")) == 4


@pytest.mark.parametrize("trouble", ["a folder", "no database", "no right", "no server", "no way"])
def test_a_database_in_trouble_is_told_in_one_line_and_fails_nothing(
    trouble: str, tmp_path: Path
) -> None:
    places = {
        "a folder": f"sqlite:///{tmp_path}",
        "no database": f"sqlite:///{tmp_path / 'text.sqlite'}",
        "no right": "sqlite:////proc/poolcheck/history.sqlite",
        "no server": "postgresql+psycopg://me:secret@127.0.0.1:1/team",
        "no way": "mysql+nothing://me:secret@nowhere/team",
    }
    (tmp_path / "text.sqlite").write_text("this is no database\n" * 100)
    said = history.record(run(), places[trouble], HERE)
    assert said is not None
    assert said.startswith("history: not recorded in ")
    assert len(said.splitlines()) == 1
    assert "secret" not in said


def test_a_database_that_stays_locked_is_told_and_one_that_is_freed_is_written(place: str) -> None:
    write(run(0), place, HERE)
    with sqlite3.connect(place.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Exception, match="locked"):
            write(run(1), place, HERE, patience_s=0.05)
        other.execute("ROLLBACK")
    write(run(2), place, HERE)
    assert [one.began for one in read(place, 9).runs] == [1_000.0, 1_002.0]


def test_a_reader_does_not_wait_for_a_writer(place: str) -> None:
    write(run(0), place, HERE)
    with opened(place) as connection:
        connection.execute(tables.runs.delete().where(tables.runs.c.key == "none"))
        assert len(read(place, 9).runs) == 1


def grown() -> MetaData:
    """The tables of a poolcheck to come: a table more, and a column more."""
    newer = MetaData()
    for table in tables.TABLES.sorted_tables:
        table.to_metadata(newer)
    newer.tables["runs"].append_column(Column("weather", String(20)))
    newer.tables["runs"].append_column(Column("windows", Integer, server_default="0"))
    return newer


def test_an_older_writer_goes_on_in_a_newer_history(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run(0), place, HERE)
    with monkeypatch.context() as newer, opened(place) as connection:
        newer.setattr(tables, "VERSION", tables.VERSION + 1)
        tables.bring_up(connection, grown())
    write(run(1), place, HERE)
    assert [row[-2:] for row in rows(place, "runs")] == [(None, 0), (None, 0)]
    assert len(read(place, 9).runs) == 2


def test_a_newer_reader_and_writer_find_what_an_older_one_kept(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = MetaData()
    for table in tables.TABLES.sorted_tables:
        if table.name not in ("runs", "counterexamples"):
            table.to_metadata(older)
    kept = [column for column in tables.runs.columns if column.name != "hash_seed"]
    columns = [Column(one.name, one.type, primary_key=one.primary_key) for one in kept]
    runs = Table("runs", older, *columns)
    with opened(place) as connection:
        tables.bring_up(connection, older)
        told = {"key": "old", "kind": "gate", "verdict": "holds", "began": 1.0, "seconds": 2.0}
        connection.execute(runs.insert(), told)
    monkeypatch.setattr(tables, "VERSION", tables.VERSION + 1)
    assert [one.kind for one in read(place, 9).runs] == ["gate"]
    write(run(0), place, HERE)
    assert [one.kind for one in read(place, 9).runs] == ["gate", "pytest"]
    assert rows(place, "runs")[1][-1] == "0"
    assert len(rows(place, "counterexamples")) == 1


def test_a_column_that_may_not_be_empty_cannot_be_added_and_nothing_is(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run(0), place, HERE)
    version = tables.VERSION
    newer = grown()
    newer.tables["runs"].append_column(Column("must", Integer, nullable=False))
    monkeypatch.setattr(tables, "VERSION", version + 1)
    with pytest.raises(ValueError, match=r"runs\.must"), opened(place) as connection:
        tables.bring_up(connection, newer)
    with opened(place) as connection:
        assert tables.reached(connection) == version
        columns = [column["name"] for column in inspect(connection).get_columns("runs")]
    assert columns == [column.name for column in tables.runs.columns]


def test_the_place_is_an_option_or_a_variable_or_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POOLCHECK_HISTORY", raising=False)
    assert place_of(None, tmp_path) == f"sqlite:///{tmp_path}/artifacts/history.sqlite"
    monkeypatch.setenv("POOLCHECK_HISTORY", "postgres://me:secret@server/team")
    assert place_of("", tmp_path) == "postgresql+psycopg://me:secret@server/team"
    assert named(place_of("", tmp_path)) == "postgresql+psycopg://me:***@server/team"
    assert place_of("sqlite:////elsewhere/h.sqlite", tmp_path) == "sqlite:////elsewhere/h.sqlite"
    assert place_of("none", tmp_path) == ""
    assert history.record(run(), "", HERE) is None
    with pytest.raises(ValueError, match=r"mysql://me:\*\*\*@server"):
        place_of("mysql://me:secret@server/team", tmp_path)


def test_there_is_nothing_to_read_where_nothing_was_recorded(place: str) -> None:
    with pytest.raises(NoHistory, match="no history in"):
        read(place, 9)
    assert not Path(place.removeprefix("sqlite:///")).exists()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One with a commit."""
    words = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(tmp_path)]
    (tmp_path / "known.py").write_text("one\n")
    (tmp_path / ".gitignore").write_text("ignored\n")
    subprocess.run([*words, "init", "-q"], check=True)
    subprocess.run([*words, "add", "."], check=True)
    subprocess.run([*words, "commit", "-qm", "first"], check=True)
    return tmp_path


def test_code_is_the_same_as_long_as_nothing_is_changed(repository: Path) -> None:
    clean = here(repository)
    assert (clean.code, clean.dirty) == (clean.commit, False)
    (repository / "ignored").write_text("whatever")
    assert here(repository) == clean
    (repository / "known.py").write_text("two\n")
    changed = here(repository)
    assert changed.dirty
    assert changed.commit == clean.commit
    (repository / "new.py").write_text("three\n")
    more = here(repository)
    (repository / "new.py").write_text("four\n")
    assert len({clean.code, changed.code, more.code, here(repository).code}) == 4
    (repository / "new.py").unlink()
    assert here(repository) == changed


def test_where_there_is_no_commit_the_code_is_not_known(tmp_path: Path) -> None:
    found = here(tmp_path)
    assert (found.code, found.commit, found.dirty) == ("", "", False)

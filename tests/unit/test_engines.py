"""The abstract pool: the tables' search and SPIN's agree, and would not if a row were missing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import pytest

from machines import engines
from model import abstract, session, worker
from model.abstract import Abstract, Session, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.abstract import Count

TABLES = {"worker": worker.LEGAL, "session": session.LEGAL}
ROWS = [
    (of, state, because) for of in TABLES for state in TABLES[of] for because in TABLES[of][state]
]
PROMELA = engines.PROMELA.read_text()
WITHOUT = {(state, because): rest for state, because, rest in engines.rows(PROMELA)}
SIZES = pytest.mark.parametrize(("workers", "sessions"), engines.SIZES)
needs_spin = pytest.mark.skipif(
    bool(engines.missing()),
    reason=f"not found: {', '.join(engines.missing())}, which Debian's packages spin and gcc bring",
)
search = cache(abstract.searched)


def outcome(count: Callable[[], Count]) -> Count | str:
    """What was counted, or how the search went wrong."""
    try:
        return count()
    except (ValueError, engines.SpinError) as error:
        return str(error)


@needs_spin
@SIZES
def test_both_engines_count_the_same(workers: int, sessions: int) -> None:
    assert engines.by_spin(workers, sessions) == abstract.count(search(workers, sessions))


def test_the_page_tells_what_both_count() -> None:
    page = (Path(__file__).parents[2] / "docs" / "abstract-pool.md").read_text()
    for workers, sessions in engines.SIZES:
        cells = (workers, sessions, *abstract.count(search(workers, sessions)))
        assert f"| {' | '.join(map(str, cells))} |" in page


@pytest.mark.parametrize(("of", "state", "because"), ROWS)
def test_a_row_taken_from_the_tables_is_noticed(
    monkeypatch: pytest.MonkeyPatch, of: str, state: str, because: str
) -> None:
    whole = abstract.count(search(1, 1))
    row = {why: after for why, after in TABLES[of][state].items() if why != because}
    monkeypatch.setitem(TABLES[of], state, row)  # type: ignore[arg-type]
    assert outcome(lambda: engines.by_tables(1, 1)) != whole


@needs_spin
@pytest.mark.parametrize(("state", "because"), WITHOUT)
def test_a_row_taken_from_the_promela_is_noticed(state: str, because: str) -> None:
    whole = abstract.count(search(1, 1))
    assert outcome(lambda: engines.by_spin(1, 1, WITHOUT[state, because])) != whole


def test_the_promela_has_every_row_of_both_tables_once_and_no_other() -> None:
    named = [(state, because) for state, because, _ in engines.rows(PROMELA)]
    # A placed session that ends with its worker does so within the worker's row.
    assert sorted(named) == sorted((state, because) for _, state, because in ROWS)


@needs_spin
def test_spin_sees_what_never_holds() -> None:
    wrong = PROMELA.replace("serves[ME] = NOBODY }", "skip }")
    assert wrong != PROMELA
    with pytest.raises(engines.SpinError, match="assertion violated"):
        engines.by_spin(1, 1, wrong)


@needs_spin
def test_spin_sees_a_deadlock() -> None:
    with pytest.raises(engines.SpinError, match="invalid end state"):
        engines.by_spin(1, 1, WITHOUT["terminating", "reaped"])


def test_the_tables_search_sees_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(worker.LEGAL, "terminating", {})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"a deadlock: .*terminating"):
        abstract.searched(1, 1)


BUSY, READY = Worker("busy", 0), Worker("ready")
HERE = Session("placed", 0)


@pytest.mark.parametrize(
    ("workers", "sessions", "says"),
    [
        ((Worker("busy"),), (HERE,), "worker 0 is busy and serves None"),
        ((Worker("ready", 0),), (HERE,), "worker 0 is ready and serves 0"),
        ((READY, BUSY), (HERE,), "worker 1 runs a task of session 0, which lives elsewhere"),
        ((READY,), (Session("placed"),), "session 0 is placed nowhere"),
        ((Worker("terminated"),), (HERE,), "session 0 lives on worker 0, which is gone"),
        ((READY,), (Session("lost", 0),), "session 0 is lost and lives on worker 0"),
        ((READY,), (Session("lost", None, True),), "session 0 is lost and a task of it waits"),
    ],
)
def test_a_state_that_must_not_be_is_named(
    workers: tuple[Worker, ...], sessions: tuple[Session, ...], says: str
) -> None:
    assert says in abstract.broken(Abstract(False, workers, sessions))


@SIZES
def test_from_every_state_of_the_abstract_pool_there_is_a_way_to_its_end(
    workers: int, sessions: int
) -> None:
    found = search(workers, sessions)
    (end,) = [state for state in found if ("at rest", state) in found[state]]
    backwards = abstract.graph(found).reverse(copy=False)
    assert set(nx.single_source_shortest_path_length(backwards, end)) == set(found)


def test_what_spin_printed_is_read_or_refused() -> None:
    with pytest.raises(engines.SpinError, match="no 'errors"):
        engines._count("pan: out of memory")
    with pytest.raises(engines.SpinError, match="did not end well"):
        engines._count("error: max search depth too small\nerrors: 0")


@needs_spin
def test_a_specification_that_is_none_is_refused() -> None:
    with pytest.raises(engines.SpinError, match="spin failed"):
        engines.by_spin(1, 1, "proctype {")

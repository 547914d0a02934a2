"""The tables as graphs: all of them can be reached and left again, and the pictures show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import pictures
from model import breaker, graph, session, task, worker
from model.moves import legal

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "worker": worker.LEGAL,
    "session": session.LEGAL,
    "task": task.LEGAL,
    "breaker": breaker.LEGAL,
}
EVERY = pytest.mark.parametrize("of", sorted(TABLES))


def plant(monkeypatch: pytest.MonkeyPatch, of: str, state: str, row: dict[str, str]) -> None:
    """The table has this row of moves for the state, beside those that it had."""
    table = TABLES[of]
    monkeypatch.setitem(table, state, {**table.get(state, {}), **row})  # type: ignore[arg-type]


@EVERY
def test_a_table_has_no_state_and_no_row_that_cannot_be_reached(of: str) -> None:
    assert graph.unreachable(of) == []
    assert graph.unreachable_rows(of) == []


@EVERY
def test_a_table_has_no_dead_end(of: str) -> None:
    assert graph.dead_ends(of) == []


@EVERY
def test_every_row_is_an_arrow_and_there_is_none_beside(of: str) -> None:
    rows = {(u, why, v) for u, v, why in graph.graph(of).edges(keys=True)}
    assert rows == {row[1:] for row in legal() if row[0] == of}


def test_nothing_leaves_the_last_states_and_only_those() -> None:
    assert graph.final("worker") == [worker.LAST]
    assert graph.final("session") == [session.LAST]
    assert graph.final("breaker") == []
    assert graph.final("task") == sorted(task.LAST)


@EVERY
def test_a_state_that_nothing_leads_to_is_named_with_its_rows(
    monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    plant(monkeypatch, of, "limbo", {"rescued": graph.FIRSTS[of]})
    assert graph.unreachable(of) == ["limbo"]
    assert graph.unreachable_rows(of) == [("limbo", "rescued", graph.FIRSTS[of])]
    assert graph.dead_ends(of) == []


@EVERY
def test_a_state_without_a_way_out_is_named(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    plant(monkeypatch, of, graph.FIRSTS[of], {"forgotten": "limbo"})
    assert graph.dead_ends(of) == ["limbo"]
    assert graph.unreachable(of) == []


@EVERY
def test_a_ring_without_a_way_out_is_named(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    plant(monkeypatch, of, graph.FIRSTS[of], {"tried_again": "limbo"})
    plant(monkeypatch, of, "limbo", {"failed": "nowhere"})
    plant(monkeypatch, of, "nowhere", {"tried_again": "limbo"})
    assert graph.dead_ends(of) == ["limbo", "nowhere"]


def test_a_row_that_is_lost_makes_what_it_led_to_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(worker.LEGAL, "ready", {"shutdown": "terminating"})  # type: ignore[arg-type]
    assert graph.unreachable("worker") == ["busy", "degraded"]
    assert ("busy", "timeout", "terminating") in graph.unreachable_rows("worker")


@EVERY
def test_the_shortest_ways_lead_where_they_say_and_each_move_leads_one_further(of: str) -> None:
    shortest = graph.ways(of)
    assert set(shortest) == set(TABLES[of])
    for state, reasons in shortest.items():
        at = graph.FIRSTS[of]
        for because in reasons:
            at = TABLES[of][at][because]
        assert at == state
    for before, row in TABLES[of].items():
        for after in row.values():
            assert len(shortest[after]) <= len(shortest[before]) + 1


def test_the_pictures_on_the_page_are_current() -> None:
    page = pictures.PAGE.read_text()
    assert pictures.redrawn(page) == page
    assert all(pictures.picture(of) in page for of in TABLES)


def test_a_picture_shows_a_row_that_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    page = pictures.PAGE.read_text()
    plant(monkeypatch, "breaker", "open", {"reset": "closed"})
    assert "open --> closed: reset" in pictures.picture("breaker")
    assert pictures.redrawn(page) != page


@EVERY
def test_a_picture_has_every_reason_once_for_each_row(of: str) -> None:
    said = [
        reason.strip()
        for line in pictures.picture(of).splitlines()
        if ": " in line
        for reason in line.partition(": ")[2].replace("<br/>", " ").split(",")
    ]
    assert sorted(said) == sorted(because for kind, _, because, _ in legal() if kind == of)

"""The specified worker lifecycle, restated by hand from the documents, and its shape as a graph."""

from __future__ import annotations

import networkx as nx
import pytest

from machines.vocabulary import REASONS, STATES
from model import worker
from pool.lifecycle import LIFECYCLE

SPECIFIED = {
    ("initializing", "init_complete", "ready"),
    ("initializing", "init_failed", "terminating"),
    ("initializing", "init_timeout", "terminating"),
    ("initializing", "exited", "terminating"),
    ("initializing", "corrupt", "terminating"),
    ("initializing", "shutdown", "terminating"),
    ("initializing", "spawn_failed", "terminated"),
    ("ready", "checkout", "busy"),
    ("ready", "health_check_failed", "degraded"),
    ("ready", "recycle", "terminating"),
    ("ready", "exited", "terminating"),
    ("ready", "corrupt", "terminating"),
    ("ready", "shutdown", "terminating"),
    ("busy", "checkin_success", "ready"),
    ("busy", "checkin_error", "ready"),
    ("busy", "recovery_degrade", "degraded"),
    ("busy", "timeout", "terminating"),
    ("busy", "cancelled", "terminating"),
    ("busy", "exited", "terminating"),
    ("busy", "corrupt", "terminating"),
    ("busy", "shutdown", "terminating"),
    ("degraded", "health_restored", "ready"),
    ("degraded", "health_check_limit", "terminating"),
    ("degraded", "recycle", "terminating"),
    ("degraded", "exited", "terminating"),
    ("degraded", "corrupt", "terminating"),
    ("degraded", "shutdown", "terminating"),
    ("terminating", "reaped", "terminated"),
}
ALL_STATES = {"initializing", "ready", "busy", "degraded", "terminating", "terminated"}
WITH_A_PROCESS = ALL_STATES - {"terminated"}


@pytest.fixture(scope="module")
def graph() -> nx.MultiDiGraph:
    made = nx.MultiDiGraph()
    made.add_nodes_from(worker.LEGAL)
    made.add_edges_from((before, after, because) for before, because, after in worker.moves())
    return made


def test_the_legal_moves_are_those_of_the_documents() -> None:
    assert set(worker.moves()) == SPECIFIED


def test_no_move_is_told_twice() -> None:
    moves = list(worker.moves())
    assert len(moves) == len(set(moves)) == len(SPECIFIED)


def test_moves_come_in_the_tables_order() -> None:
    flat = [(b, why, a) for b, row in worker.LEGAL.items() for why, a in row.items()]
    assert list(worker.moves()) == flat


def test_every_state_has_a_row_and_no_other_word_has_one() -> None:
    assert set(worker.LEGAL) == ALL_STATES
    assert {after for _, _, after in worker.moves()} <= ALL_STATES


def test_a_life_begins_initializing_and_ends_terminated() -> None:
    assert (worker.FIRST, worker.LAST) == ("initializing", "terminated")


def test_nothing_leaves_terminated() -> None:
    assert worker.LEGAL["terminated"] == {}


def test_nothing_leads_back_to_initializing() -> None:
    assert "initializing" not in {after for _, _, after in worker.moves()}


def test_every_state_is_reachable_from_initializing(graph: nx.MultiDiGraph) -> None:
    assert nx.descendants(graph, worker.FIRST) | {worker.FIRST} == ALL_STATES


def test_terminated_is_reachable_from_every_state(graph: nx.MultiDiGraph) -> None:
    assert nx.ancestors(graph, worker.LAST) | {worker.LAST} == ALL_STATES


def test_only_those_that_serve_can_come_again(graph: nx.MultiDiGraph) -> None:
    cycles = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert cycles == [{"ready", "busy", "degraded"}]


def test_a_process_that_lived_is_terminated_only_when_it_is_reaped() -> None:
    last = {(before, why) for before, why, after in worker.moves() if after == worker.LAST}
    assert last == {("terminating", "reaped"), ("initializing", "spawn_failed")}


@pytest.mark.parametrize("because", ["exited", "corrupt", "shutdown"])
def test_what_may_come_at_any_time_has_a_row_in_every_state_that_serves(because: str) -> None:
    having = {before for before, why, _ in worker.moves() if why == because}
    assert having == WITH_A_PROCESS - {"terminating"}


def test_work_is_taken_only_when_ready_and_handed_back_only_when_busy() -> None:
    given = {(before, after) for before, why, after in worker.moves() if why == "checkout"}
    back = {(before, after) for before, why, after in worker.moves() if why.startswith("checkin")}
    assert given == {("ready", "busy")}
    assert back == {("busy", "ready")}


def test_the_pools_own_table_has_the_same_rows_in_the_models_words() -> None:
    rows = {
        STATES[state]: {REASONS[because]: STATES[after] for because, (after, _) in row.items()}
        for state, row in LIFECYCLE.items()
    }
    assert rows == worker.LEGAL


def test_every_reason_of_the_vocabulary_stands_in_some_row() -> None:
    assert {because for _, because, _ in worker.moves()} == set(REASONS.values())

"""The abstract pool alone: every state of a small one, and what is said of one that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import abstract, session
from model.abstract import Abstract, Session, Worker, searched

if TYPE_CHECKING:
    import pytest


def test_every_state_of_one_worker_and_one_session_is_found_and_counted() -> None:
    found = searched(1, 1)
    counted = abstract.count(found)
    arrows = abstract.graph(found)
    assert counted.states == len(found) == len(arrows)
    assert counted.steps == sum(map(len, found.values())) >= arrows.number_of_edges()
    assert 0 < counted.depth < counted.states


def test_a_busy_worker_takes_no_sessions_task() -> None:
    busy = Abstract(False, (Worker("busy", 0),), (Session("placed", 0, True),))
    assert not any("checkout" in step for step, _ in abstract.steps(busy))


def test_a_session_that_has_no_row_for_the_loss_of_its_worker_keeps_that_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = {state: dict(row) for state, row in session.LEGAL.items()}
    del rows["placed"]["worker_lost"]
    ready = Abstract(False, (Worker("ready"),), (Session("placed", 0),))
    before = [step for step, _ in abstract.steps(ready)]
    monkeypatch.setattr(session, "LEGAL", rows)
    after = [step for step, _ in abstract.steps(ready)]
    assert {"worker 0: exited", "worker 0: corrupt"} <= set(before) - set(after)

"""Deadlocks are quiet states that owe something, livelocks are fair cycles that do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from toy_spaces import EMBRACE, ENDLESS_RETRY, LUCKY_RETRY, Drawn, Pairs

from machines.explore import cycles, liveness
from machines.explore.engine import Search, search
from machines.explore.liveness import actor
from machines.trace import Advance, Deliver, Open, Receive

if TYPE_CHECKING:
    from machines.explore.outcome import Outcome


def searched(space: Drawn, *, lively: bool = True) -> Outcome:
    return search(Search(lambda: space, lively=lively))


def test_a_retry_that_never_gives_up_is_a_fair_cycle() -> None:
    outcome = searched(ENDLESS_RETRY)
    (finding,) = outcome.findings
    assert finding.promise == "L1"
    assert finding.loop == 1
    assert finding.commands == (Receive(0), Deliver(0), Advance(1.0))
    assert finding.sentence.startswith("steps 2 to 3 come again and again")
    assert outcome.complete


def test_a_cycle_that_passes_a_gate_over_for_ever_is_not_fair() -> None:
    assert searched(LUCKY_RETRY).findings == ()


def test_who_is_not_looking_for_cycles_finds_none() -> None:
    assert searched(ENDLESS_RETRY, lively=False).findings == ()


def test_a_cycle_that_owes_nothing_is_no_livelock() -> None:
    assert searched(Drawn(ENDLESS_RETRY.lines, owing=frozenset({0}))).findings == ()


def test_a_cycle_that_keeps_the_promise_now_and_then_is_no_livelock() -> None:
    assert searched(Drawn(ENDLESS_RETRY.lines, owing=frozenset({0, 1}))).findings == ()


def test_a_step_that_leads_nowhere_else_is_a_loop_of_one() -> None:
    (finding,) = searched(Drawn(((0, Advance(1.0), 0),), owing=frozenset({0}))).findings
    assert (finding.commands, finding.loop) == ((Advance(1.0),), 0)
    assert finding.sentence.startswith("step 1 comes again and again")


def test_a_session_and_a_worker_that_wait_for_each_other_are_a_quiet_state() -> None:
    (finding,) = searched(EMBRACE).findings
    assert finding.promise == "L1"
    assert finding.commands == (Receive(0), Deliver(0))
    assert finding.loop is None
    assert "nothing more can happen" in finding.sentence


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("openable", "found"), [("always", 0), ("seldom", 1), ("never", 1)])
def test_who_can_act_everywhere_must_act_and_who_cannot_need_not(
    openable: str, found: int, *, symmetric: bool
) -> None:
    outcome = search(Search(partial(Pairs, openable, symmetric)))
    assert len(outcome.findings) == found
    assert outcome.complete
    for finding in outcome.findings:
        loop = finding.commands[finding.loop :]
        assert {actor(command) for command in loop} == {
            "receive 0",
            "receive 1",
            "deliver 0",
            "deliver 1",
        }


@pytest.mark.parametrize("processes", [1, 2])
def test_the_loop_leads_back_to_where_it_began(processes: int) -> None:
    (finding,) = search(Search(partial(Pairs, "never"), processes=processes)).findings
    space = Pairs("never")
    state = space.first()
    visited = [state]
    for command in finding.commands:
        state = next(step.state for step in space.steps(state) if step.command == command)
        visited.append(state)
    assert finding.loop is not None
    assert visited[finding.loop] == visited[-1]


def test_more_cycles_than_can_be_looked_at_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "LEFT_MAX", 1)
    outcome = searched(ENDLESS_RETRY)
    assert not outcome.complete
    assert outcome.unknown == "more than 1 fair steps may lie on cycles"


def test_a_cycle_whose_names_do_not_come_round_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "NAMES_MAX", 0)
    monkeypatch.setattr(liveness, "MORE", 1)
    outcome = search(Search(partial(Pairs, "never")))
    assert not outcome.complete
    assert outcome.unknown is not None
    assert "does not close" in outcome.unknown


def test_what_the_clock_does_is_one_actor_and_each_gate_is_another() -> None:
    assert actor(Advance(1.0)) == actor(Advance(2.0))
    assert actor(Open(0)) != actor(Open(1))
    assert actor(Receive(0)) != actor(Deliver(0))

"""The tour: it fires everything that can fire, and nothing in it is there for nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from machines import reachable, tour
from machines.coverage import fault_in, faults
from machines.firings import AFTER
from machines.run import execute
from machines.search import Scope, search
from machines.setting import Setting
from machines.tour import fires, party
from machines.trace import (
    Advance,
    Crash,
    Deliver,
    How,
    Mangle,
    Open,
    OpenSession,
    Receive,
    Shutdown,
    Stop,
    Submit,
    Trace,
)
from machines.transitions import shortcoming
from machines.world import World

if TYPE_CHECKING:
    from machines.trace import Command

FILE = reachable.load()
EVERY = {*FILE.tuples, *FILE.happens}
TOUR = tuple(FILE.traces())
NUMBERS = range(len(TOUR))
ONE = Setting(size=1)
TINY = Scope("tiny", ONE, 5, tasks=1)
known = cache(fires)  # what the traces fire while nothing is changed


def falls_short(number: int) -> bool:
    report = execute(TOUR[number])
    broken = report.violation is not None
    return broken or shortcoming(number, known(TOUR[number]), report) is not None


def test_the_tour_fires_everything() -> None:
    assert frozenset().union(*map(known, TOUR)) >= EVERY


def test_the_tour_is_small() -> None:
    assert len(TOUR) < len(EVERY) / 4
    page = (Path(__file__).parents[2] / "docs" / "transitions.md").read_text()
    steps = sum(len(each.steps) for each in TOUR)
    assert f"{len(TOUR)} traces of {steps:,} steps for {len(FILE.tuples)} tuples" in page
    alone = sum(len(entry["steps"]) for entry in (*FILE.tuples.values(), *FILE.happens.values()))
    assert steps < alone / 2


def test_every_trace_of_the_tour_fires_what_no_other_does() -> None:
    for number in NUMBERS:
        others = frozenset().union(*(known(TOUR[it]) for it in NUMBERS if it != number))
        assert (known(TOUR[number]) & EVERY) - others, f"trace {number} is there for nothing"


@pytest.mark.parametrize("number", NUMBERS[::12])
def test_no_step_of_the_tour_can_be_left_out(number: int) -> None:
    others = frozenset().union(*(known(TOUR[it]) for it in NUMBERS if it != number))
    whole = TOUR[number]
    for at in range(len(whole.steps)):
        without = Trace(whole.setting, (*whole.steps[:at], *whole.steps[at + 1 :]))
        assert EVERY - others - fires(without), f"step {at} of trace {number} is there for nothing"


@pytest.mark.parametrize("fault", list(faults()))
def test_without_any_one_faults_action_a_trace_of_the_tour_falls_short(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    concerned = [it for it in NUMBERS if fault in map(fault_in, TOUR[it].steps)]
    assert [number for number in concerned if falls_short(number)] == []
    act = World.do

    def do_nothing_for_it(world: World, command: Command) -> bool:
        return fault_in(command) == fault or act(world, command)

    monkeypatch.setattr(World, "do", do_nothing_for_it)
    assert any(falls_short(number) for number in concerned)


def test_a_trace_that_does_not_fire_what_it_should_says_so() -> None:
    report = execute(Trace(ONE, (Deliver(0),)))
    ready = "worker: initializing → ready (init_complete)"
    assert shortcoming(3, [ready], report) is None
    assert shortcoming(3, [ready, "made up"], report) == (
        "trace 3 of the tour: it does not fire made up"
    )
    impossible = execute(Trace(ONE, (Receive(0),)))
    assert shortcoming(3, [], impossible) == "trace 3 of the tour: its steps (0,) were impossible"


def test_a_tour_of_few_traces_fires_what_all_of_them_do() -> None:
    traces = {name: Trace(ONE, steps) for name, steps in search(TINY).steps.items()}
    chosen = tour.tour(traces)
    assert len(chosen) < len(traces) / 4
    assert frozenset().union(*map(fires, chosen)) >= set(traces)
    assert tour.tour(traces) == chosen


def test_a_trace_that_does_not_fire_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="the trace of made up does not fire it"):
        tour.tour({"made up": Trace(ONE, (Deliver(0),))})


def test_at_a_party_each_guest_has_workers_tasks_and_sessions_of_its_own() -> None:
    asks = (OpenSession(0), Submit(0, session=0), Deliver(0), Receive(0))
    first, second = (*asks, Open(0), Mangle(0, How.CUT), Advance(1.0)), (*asks, Crash(0))
    whole = party([Trace(ONE, first), Trace(ONE, (*second, Advance(1.0), Deliver(1)))])
    assert whole.setting == attrs.evolve(ONE, size=2)
    assert whole.steps == (
        *(OpenSession(0), OpenSession(1)),
        *(Submit(0, session=0), Submit(1, session=1)),
        *(Deliver(0), Deliver(1), Receive(0), Receive(1)),
        *(Open(0), Crash(1), Mangle(0, How.CUT)),
        *(Advance(1.0), Deliver(3)),
    )


def test_a_party_fires_what_its_guests_would_alone() -> None:
    guests = [Trace(ONE, (Deliver(0), fault, Shutdown())) for fault in (Crash(0), Stop(0))]
    alone = [{name for name in fires(each) if AFTER in name} for each in guests]
    assert fires(party(guests)) >= alone[0] | alone[1]


def test_a_trace_with_an_impossible_step_fires_nothing_that_counts() -> None:
    assert fires(Trace(ONE, (Deliver(0), Receive(0)))) == frozenset()

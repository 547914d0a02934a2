"""The complete search's engine on spaces whose counts are known on paper."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from math import comb
from typing import TYPE_CHECKING

import pytest
from toy_spaces import Counters

from machines.explore.engine import Search, search
from machines.explore.limits import Limits
from machines.explore.outcome import Counts
from machines.explore.step import Violation

if TYPE_CHECKING:
    from pathlib import Path

WORKERS, MOST = 4, 5
ALL = (MOST + 1) ** WORKERS
ORBITS = comb(WORKERS + MOST, MOST)
STEPS = WORKERS * MOST * (MOST + 1) ** (WORKERS - 1)
COUNTS = Counts(orbits=ALL, states=ALL, transitions=STEPS, depth=WORKERS * MOST)


def test_every_state_and_every_step_is_counted_once() -> None:
    outcome = search(Search(partial(Counters, WORKERS, MOST)))
    assert outcome.counts == COUNTS
    assert outcome.complete
    assert outcome.findings == ()


def test_interchangeable_workers_leave_the_orbits_which_know_how_many_states_they_stand_for() -> (
    None
):
    counts = search(Search(partial(Counters, WORKERS, MOST, symmetric=True))).counts
    assert (counts.orbits, counts.states, counts.depth) == (ORBITS, ALL, WORKERS * MOST)


def test_a_space_that_cannot_tell_the_size_of_an_orbit_has_no_count_of_states() -> None:
    class Sizeless(Counters):
        size = None  # type: ignore[assignment]

    assert search(Search(partial(Sizeless, 2, 2, symmetric=True))).counts.states is None


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("symmetric", [True, False])
def test_several_processes_count_the_same_as_one(processes: int, *, symmetric: bool) -> None:
    make = partial(Counters, WORKERS, MOST, symmetric=symmetric)
    alone = search(Search(make))
    assert search(Search(make, processes=processes)).counts == alone.counts


@pytest.mark.parametrize("processes", [1, 2])
def test_a_frontier_beyond_the_memory_bound_is_on_disk_and_the_counts_are_the_same(
    processes: int,
) -> None:
    make = partial(Counters, WORKERS, MOST)
    assert search(Search(make, processes=processes, memory_max=100)).counts == COUNTS


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_first_broken_promise_has_a_shortest_counterexample(
    processes: int, *, symmetric: bool
) -> None:
    space = Counters(WORKERS, MOST, symmetric=symmetric, broken_at=7)
    outcome = search(
        Search(lambda: space)
        if processes == 1
        else Search(
            partial(Counters, WORKERS, MOST, symmetric=symmetric, broken_at=7), processes=processes
        )
    )
    (finding,) = outcome.findings
    assert len(finding.commands) == 7
    assert finding.promise == "S1"
    assert not outcome.complete
    state = space.first()
    for command in finding.commands:
        step = next(step for step in space.steps(state) if step.command == command)
        state = step.state
    assert step.violation == Violation(finding.promise, finding.sentence)


def test_a_process_that_is_killed_leaves_the_search_unknown() -> None:
    make = partial(Counters, WORKERS, MOST, fatal_at=5)
    outcome = search(Search(make, processes=2))
    assert not outcome.complete
    assert outcome.unknown is not None
    assert "exit code -9" in outcome.unknown


@pytest.mark.parametrize("states_max", [1, 100, ALL - 1])
def test_running_out_of_states_is_unknown(states_max: int) -> None:
    limits = Limits(states_max=states_max)
    outcome = search(Search(partial(Counters, WORKERS, MOST), limits=limits))
    assert not outcome.complete
    assert outcome.unknown == f"it was to end at {states_max} states"


def test_as_many_states_as_there_are_are_enough() -> None:
    make = partial(Counters, WORKERS, MOST)
    assert search(Search(make, limits=Limits(states_max=ALL + 1))).complete


@pytest.mark.parametrize("processes", [1, 2])
def test_running_out_of_time_is_unknown(processes: int) -> None:
    limits = Limits(seconds_max=1e-9)
    outcome = search(Search(partial(Counters, WORKERS, MOST), limits=limits, processes=processes))
    assert not outcome.complete
    assert outcome.unknown is not None
    assert outcome.counts.transitions == 0


def test_the_meter_hears_of_every_level(tmp_path: Path) -> None:
    heard: list[int] = []

    def meter(counts: Counts, expanded: int, seconds: float) -> None:
        assert expanded >= 0
        assert seconds >= 0
        heard.append(counts.depth)

    search(Search(partial(Counters, 2, 3), meter=meter, folder=tmp_path / "kept"))
    assert heard == list(range(2 * 3 + 1))


def test_nothing_of_a_search_is_left_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    search(Search(partial(Counters, WORKERS, MOST, broken_at=9), memory_max=100))
    search(Search(partial(Counters, WORKERS, MOST, fatal_at=3), processes=2))
    assert os.listdir(tmp_path) == []

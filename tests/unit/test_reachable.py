"""What is reachable: the file is what the search finds, and its steps do what they are for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import pytest

from machines import reachable
from machines.coverage import faults
from machines.firings import AFTER, named
from machines.run import execute
from machines.scopes import AT_THE_END, BOTH_READY, SCOPES
from machines.search import Scope, search
from machines.setting import Setting
from machines.tour import fires
from machines.trace import Cancel, Deliver, Open, Receive, Shutdown, Submit, Trace
from model.moves import legal
from model.sometimes import OBSERVERS

if TYPE_CHECKING:
    from pathlib import Path


FILE = reachable.load()
EVERY = {**FILE.tuples, **FILE.happens}
SAMPLE = random.Random(4).sample(sorted(EVERY), 60)  # noqa: S311 - a fixed seed, nothing secret
TINY = Scope("tiny", Setting(size=1), 5, tasks=1)


def test_every_legal_move_is_reachable_and_no_other() -> None:
    assert {name for name in FILE.tuples if AFTER not in name} == set(map(named, legal()))


def test_every_fault_meets_some_move() -> None:
    met = {name.partition(AFTER)[2] for name in FILE.tuples}
    assert met - {""} == set(faults())


def test_every_fault_can_happen_while_a_task_is_in_flight_and_so_can_the_rest() -> None:
    words = {f"{name} happened while a task was in flight" for name in (*faults(), "continue")}
    words |= {observer.words for observer in OBSERVERS}
    assert set(FILE.happens) == words | set(AT_THE_END)


@pytest.mark.parametrize("name", SAMPLE)
def test_the_shortest_steps_fire_their_tuple_with_the_last_of_them(name: str) -> None:
    trace = FILE.trace(name)
    report = execute(trace)
    assert report.violation is None
    assert report.impossible == ()
    assert name in {*report.coverage.fired, *report.coverage.happened}


def test_the_bounds_are_those_of_the_scopes() -> None:
    assert [bound["scope"] for bound in FILE.bounds] == [scope.name for scope in SCOPES]
    for bound, scope in zip(FILE.bounds, SCOPES, strict=True):
        assert (bound["depth"], bound["tasks"]) == (scope.depth, scope.tasks)
        assert (bound["advances"], bound["faults"]) == (scope.advances, scope.faults)
    assert sum(bound["states"] for bound in FILE.bounds) > 10_000


@pytest.mark.parametrize("number", [0, 5])
def test_searching_a_scope_again_finds_what_the_file_has_of_it(number: int) -> None:
    found = search(SCOPES[number])
    bound = FILE.bounds[number]
    assert (found.states, found.tried, found.exhausted) == (bound["states"], bound["tried"], True)
    assert set(found.steps) <= set(EVERY)
    assert all(len(EVERY[name]["steps"]) <= len(steps) for name, steps in found.steps.items())


def test_a_search_finds_the_shortest_steps_first() -> None:
    found = search(TINY)
    assert found.steps["worker: initializing → ready (init_complete)"] == (Deliver(0),)
    returned = found.steps["task: running → resolved (returned)"]
    assert set(returned) == {Deliver(0), Submit(0), Receive(0), Open(0)}
    assert len(returned) == 5


def test_a_search_stays_within_its_bounds() -> None:
    calm = search(attrs.evolve(TINY, faults=0))
    assert not any(AFTER in name for name in calm.steps)
    still = search(attrs.evolve(TINY, advances=0, faults=0))
    assert not any("init_timeout" in name for name in still.steps)
    wishes = search(attrs.evolve(TINY, asks=(Cancel(0), Shutdown(), Shutdown(grace=1.0))))
    shut = "worker: initializing → terminating (shutdown)"
    assert wishes.steps[shut] == (Shutdown(),)
    assert shut not in search(TINY).steps
    assert all(sum(isinstance(s, Shutdown) for s in steps) < 2 for steps in wishes.steps.values())


def test_a_search_begins_with_the_first_steps_of_its_scope() -> None:
    scope = Scope("two", Setting(size=2), 3, BOTH_READY)
    assert all(steps[:2] == BOTH_READY for steps in search(scope).steps.values())


def test_what_is_generated_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "reachable.json"
    file.write_text(reachable.regenerate([TINY]))
    loaded = reachable.load(file)
    found = search(TINY).steps
    assert set(loaded.tuples) | set(loaded.happens) == set(found)
    assert all(loaded.trace(name) == Trace(TINY.setting, found[name]) for name in found)
    assert set(found) <= {name for each in loaded.traces() for name in fires(each)}

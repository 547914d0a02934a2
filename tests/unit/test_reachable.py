"""What is reachable: the file is what the search finds, and its steps do what they are for."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import pytest

from machines import reachable
from machines.coverage import fault_in, faults
from machines.firings import AFTER, named
from machines.run import execute
from machines.scopes import BOTH_READY, SCOPES
from machines.search import Scope, search
from machines.setting import Setting
from machines.trace import Cancel, Deliver, Open, Receive, Shutdown, Submit, Trace
from machines.transitions import shortcoming
from machines.world import World
from model.moves import legal
from model.sometimes import OBSERVERS

if TYPE_CHECKING:
    from pathlib import Path

    from machines.trace import Command

FILE = reachable.load()
EVERY = {**FILE.tuples, **FILE.happens}
SAMPLE = random.Random(4).sample(sorted(EVERY), 60)  # noqa: S311 - a fixed seed, nothing secret
TINY = Scope("tiny", Setting(size=1), 5, tasks=1)


def happens(trace: Trace) -> set[str]:
    coverage = execute(trace).coverage
    return {*coverage.fired, *coverage.happened}


def falls_short(name: str, trace: Trace) -> bool:
    report = execute(trace)
    return report.violation is not None or shortcoming(name, report) is not None


def test_every_legal_move_is_reachable_and_no_other() -> None:
    assert {name for name in FILE.tuples if AFTER not in name} == set(map(named, legal()))


def test_every_fault_meets_some_move() -> None:
    met = {name.partition(AFTER)[2] for name in FILE.tuples}
    assert met - {""} == set(faults())


def test_every_fault_can_happen_while_a_task_is_in_flight_and_so_can_the_rest() -> None:
    words = {f"{fault} happened while a task was in flight" for fault in faults()}
    assert set(FILE.happens) == words | {observer.words for observer in OBSERVERS}


@pytest.mark.parametrize("name", SAMPLE)
def test_the_shortest_steps_fire_their_tuple_with_the_last_of_them(name: str) -> None:
    trace = FILE.trace(name)
    report = execute(trace)
    assert report.violation is None
    assert report.impossible == ()
    assert name in {*report.coverage.fired, *report.coverage.happened}


def test_the_stories_fire_everything() -> None:
    fired = {name for story in FILE.stories for name in happens(FILE.trace(story))}
    assert set(EVERY) <= fired


@pytest.mark.parametrize("fault", list(faults()))
def test_without_any_one_faults_action_a_story_fails(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    stories = {name: FILE.trace(name) for name in FILE.stories}
    concerned = {n: t for n, t in stories.items() if fault in map(fault_in, t.steps)}
    assert [name for name, trace in concerned.items() if falls_short(name, trace)] == []
    act = World.do

    def do_nothing_for_it(world: World, command: Command) -> bool:
        return fault_in(command) == fault or act(world, command)

    monkeypatch.setattr(World, "do", do_nothing_for_it)
    assert any(falls_short(name, trace) for name, trace in concerned.items())


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


def test_a_cover_is_small_and_complete() -> None:
    traces = {name: Trace(TINY.setting, steps) for name, steps in search(TINY).steps.items()}
    chosen = reachable.cover(traces)
    assert len(chosen) < len(traces) / 2
    assert set(traces) <= {name for one in chosen for name in happens(traces[one])}


def test_a_trace_that_does_not_fire_its_own_tuple_is_no_cover() -> None:
    with pytest.raises(ValueError, match="no trace fires made up"):
        reachable.cover({"made up": Trace(TINY.setting, (Deliver(0),))})

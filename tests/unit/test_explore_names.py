"""Names mean nothing in the complete search: whoever is called otherwise does the same."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from interchanged import images, outcomes, renamed, shuffled

from machines.explore import eyes
from machines.explore.bounds import Bounds
from machines.explore.canon import Canon
from machines.explore.form import PLAIN, WORKER, Table
from machines.explore.space import PoolSpace
from machines.mutants import BY_NAME
from machines.parts import Parts
from machines.setting import Setting
from model.promises import PROMISES
from model.worker_safety import OneTaskAtATime
from pool.core import Core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIRST = 700  # states, in the order in which they are found
SAMPLED = 50
SMALL = Bounds(tasks=2, sessions=2, faults=1, asks=1)
SPACES = {
    "two workers": SMALL,
    "three workers": attrs.evolve(SMALL, workers=3),
    "deadlines while tasks run": attrs.evolve(SMALL, sessions=0, tasks=3, overtakes=2),
    "workers that wear out": attrs.evolve(
        SMALL, setting=Setting(strategy="fifo", tasks_max=1, max_overflow=1, lazy=True)
    ),
}
# Workers, sessions, tasks, faults, asks: small enough to be searched by every name.
ALL_NAMES = [(2, 1, 1, 0, 1), (2, 2, 1, 0, 0), (3, 0, 1, 0, 0)]


def reached(
    space: PoolSpace, more: Callable[[Any], Iterable[Any]], most: int | None = None
) -> list[Any]:
    """The states that steps lead to, and more with each; no more than the first so many."""
    found = dict.fromkeys(more(space.first()))
    queue = list(found)
    for state in queue:
        for step in space.steps(state):
            if step.violation is not None or step.state in found:
                continue
            for one in more(step.state):
                if one not in found:
                    found[one] = None
                    queue.append(one)
        if most is not None and len(queue) > most:
            break
    return queue[:most]


def differing(space: PoolSpace, seed: int = 0) -> list[tuple[Any, Any]]:
    """Of sampled states, those that do something else by other names; with the names."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    found = []
    for state in draw.sample(reached(space, lambda one: [one], FIRST), SAMPLED):
        maps = shuffled(space, state, draw)
        if outcomes(space, state, maps) != outcomes(space, renamed(space, state, maps)):
            found.append((state, maps))
    return found


@pytest.mark.parametrize("name", SPACES)
def test_the_steps_of_a_renamed_state_are_the_renamed_steps(name: str) -> None:
    assert differing(PoolSpace(SPACES[name])) == []


class _PrefersLowNumbers(Core):
    """Takes the number of a worker for something that it may choose by."""

    def _dispatch(self) -> None:
        self.idle.sort(key=lambda worker: worker.number)
        super()._dispatch()


def test_a_pool_that_goes_by_the_numbers_of_workers_is_seen() -> None:
    assert differing(PoolSpace(SMALL, Parts(core=_PrefersLowNumbers)))


def test_a_checker_of_which_a_name_is_kept_as_a_number_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forms = {**eyes.FORMS[OneTaskAtATime], "_running": Table(WORKER, PLAIN)}
    monkeypatch.setitem(eyes.FORMS, OneTaskAtATime, forms)
    assert differing(PoolSpace(SMALL))


def test_a_canonical_form_that_depends_on_names_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_they_came(_: Canon, known: Any, bodies: dict[int, int]) -> list[Any]:
        """Numbers decide: as if all workers and sessions stood where they belong."""
        return [(sorted(bodies), known.sessions)]

    monkeypatch.setattr(Canon, "_choices", as_they_came)
    assert differing(PoolSpace(SMALL))


def test_of_several_renamings_all_checkers_take_the_same() -> None:
    """The least of each for itself would be of two renamings, so perhaps of no state."""
    space = PoolSpace(SMALL)
    ones, others, *rest = [
        [group.store.number(((word,),)) for word in ("a", "b")] for group in space._groups
    ]
    alike = [one for one, _ in rest]
    least = space._least([(ones[0], ones[1]), (others[1], others[0]), *alike])
    assert list(least) == [ones[0], others[1], *alike]


@pytest.mark.parametrize("amounts", ALL_NAMES)
def test_every_orbit_knows_how_many_states_there_are_by_every_name(
    amounts: tuple[int, int, int, int, int],
) -> None:
    """A search that keeps all of them, and puts nothing in order, comes to as many."""
    workers, sessions, tasks, faults, asks = amounts
    bounds = Bounds(workers, sessions, tasks, faults, asks)
    every = PoolSpace(bounds, symmetric=False)
    orbits = PoolSpace(bounds)
    all_named = reached(every, lambda state: images(every, state))
    sizes = [orbits.size(state) for state in reached(orbits, lambda one: [one])]
    assert sum(sizes) == len(all_named)
    assert len(sizes) < len(all_named)


def test_a_resolved_task_that_may_still_be_named_keeps_its_place_among_the_others() -> None:
    """So a pool that compares the numbers of tasks is found out with symmetry, too."""
    mutant = BY_NAME["late-result-to-the-next"]
    bounds = Bounds(workers=1, sessions=0, tasks=2, faults=1, asks=0)
    own = [kind for kind in PROMISES if kind.promise == mutant.promise]
    space = PoolSpace(bounds, mutant.parts, promises=own)
    broken = {
        step.violation.promise
        for state in reached(space, lambda one: [one])
        for step in space.steps(state)
        if step.violation is not None
    }
    assert broken == {mutant.promise}

"""Symmetry in the complete search: fewer states, the same violations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from machines.explore.bounds import Bounds
from machines.explore.space import PoolSpace
from machines.mutants import BY_NAME
from machines.parts import POOL
from machines.setting import Setting
from model.promises import PROMISES

if TYPE_CHECKING:
    from machines.parts import Parts
    from model.checker import Checker

SMALL = Bounds(tasks=1, sessions=1, faults=1, asks=0)
# Each with the bounds in which it shows itself soonest.
PLANTED = {
    "canary": SMALL,
    "lost-with-its-worker": SMALL,
    "lies-about-start": SMALL,
    "skips-reaping": SMALL,
    "replaced-too-early": SMALL,
    "never-replaced": SMALL,
    "foreign-reply-ignored": SMALL,
    "checked-out-twice": Bounds(workers=1, tasks=2, sessions=0, faults=0, asks=0),
    "late-result-to-the-next": Bounds(workers=1, tasks=2, sessions=0, faults=1, asks=0),
    "one-too-many-waits": Bounds(
        tasks=3, sessions=0, faults=0, asks=0, setting=Setting(queue_limit=0)
    ),
    "cancelled-still-starts": Bounds(tasks=1, sessions=0, faults=0, asks=1),
    "open-revives": Bounds(tasks=1, sessions=1, faults=1, asks=1),
    "deadline-only-while-waiting": Bounds(tasks=1, sessions=0, faults=0, asks=0, overtakes=2),
}


def _searched(
    bounds: Bounds, parts: Parts, promises: tuple[type[Checker], ...], *, symmetric: bool
) -> tuple[int, int, set[str]]:
    """How many states, how deep, and which promises the first level that breaks any breaks."""
    space = PoolSpace(bounds, parts, promises=promises, symmetric=symmetric)
    first: Any = space.first()
    seen, frontier, depth = {first}, [first], 0
    broken: set[str] = set()
    while frontier and not broken:
        following = []
        for state in frontier:
            if not space.fair(state) and (ending := space.ending(state)) is not None:
                broken.add(ending.promise)
            for step in space.steps(state):
                if step.violation is not None:
                    broken.add(step.violation.promise)
                elif step.state not in seen:
                    seen.add(step.state)
                    following.append(step.state)
        frontier = following
        depth += 1
    return len(seen), depth, broken


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_bug_is_found_as_deep_with_symmetry_as_without(name: str) -> None:
    mutant = BY_NAME[name]
    own = tuple(kind for kind in PROMISES if kind.promise == mutant.promise)
    found = [
        _searched(PLANTED[name], mutant.parts, own, symmetric=symmetric)[1:]
        for symmetric in (True, False)
    ]
    assert found[0] == found[1]
    assert found[0][1] == {mutant.promise}


def test_the_pool_itself_breaks_nothing_within_small_bounds_and_symmetry_saves_states() -> None:
    bounds = attrs.evolve(SMALL, sessions=0)
    with_it = _searched(bounds, POOL, PROMISES, symmetric=True)
    without = _searched(bounds, POOL, PROMISES, symmetric=False)
    assert with_it[2] == without[2] == set()
    assert with_it[1] == without[1]
    assert with_it[0] < without[0]


def test_a_state_is_what_it_was_when_it_is_unpacked_in_another_space() -> None:
    one, other = PoolSpace(SMALL), PoolSpace(SMALL)
    state: Any = one.first()
    for _ in range(12):
        steps = one.steps(state)
        if not steps:
            break
        state = steps[-1].state
        there = other.unpack(one.pack(state))
        assert other.pack(there) == one.pack(state)
        assert [step.command for step in other.steps(there)] == [
            step.command for step in one.steps(state)
        ]

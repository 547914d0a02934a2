"""States of the complete search with other names, made by hand: what its symmetry is held against.

Nothing here asks the canonical form anything. A state's parts are renamed where they lie, by the
forms that say which numbers are names.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from machines.explore import body_form
from machines.explore.follow import KINDS
from machines.explore.names import Names, Naming
from machines.explore.scene import Scene

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from machines.explore.space import PoolSpace
    from machines.trace import Command

    Maps = tuple[dict[int, int], dict[int, int], dict[int, int]]

NUMBERS = 40  # as many as a name that is not new may have
SAME: Maps = ({}, {}, {})


def named_in(space: PoolSpace, state: Any) -> tuple[set[int], set[int], set[int]]:
    """The tasks, workers and sessions that are named anywhere in a state."""
    names = Names()
    scene, *seen, _ = state
    space._scenes._minds.form.meet(space._scenes.mind_of(scene), names)
    for worker, body in enumerate(space.bodies(state)):
        names.met[1][worker] = None
        body_form.meet(body, names)
    for group, at in zip(space._groups, seen, strict=True):
        for eye, member in zip(group.eyes, group._members[at], strict=True):
            eye._form.meet(eye.store.values[member], names)
    tasks, workers, sessions = (set(met) for met in names.met)
    return tasks, workers, sessions


def sessions_in(space: PoolSpace, state: Any) -> list[int]:
    """The sessions that the pool or its clients know; of others a body keeps what is never read."""
    names = Names()
    space._scenes._minds.form.meet(space._scenes.mind_of(state[0]), names)
    return sorted(names.met[2])


def renamed(space: PoolSpace, state: Any, maps: Maps) -> Any:
    """The same state with these names, whatever its canonical form is."""
    scenes, (scene, *seen, left) = space._scenes, state
    known, naming = scenes.scenes[scene], Naming(*maps)
    mind = scenes._minds.form.rename(scenes.minds.values[known.mind], naming)
    bodies = {
        maps[1][worker]: scenes.bodies.number(body_form.rename(scenes.bodies.values[body], naming))
        for worker, body in enumerate(known.bodies)
    }
    ordered = tuple(bodies[worker] for worker in sorted(bodies))
    there = scenes.number(Scene(scenes.minds.number(mind), ordered))
    return (there, *_judged(space, seen, naming), left)


def _judged(space: PoolSpace, seen: Iterable[int], naming: Naming) -> Iterator[int]:
    for group, at in zip(space._groups, seen, strict=True):
        pairs = zip(group.eyes, group._members[at], strict=True)
        yield group._number(
            tuple(
                eye.store.number(eye._rename(eye.store.values[member], naming))
                for eye, member in pairs
            )
        )


def images(space: PoolSpace, state: Any) -> set[Any]:
    """Every state that differs from this one in the names of workers and sessions alone.

    Args:
        space: one in which workers and sessions keep their order.
        state: one of its states.
    """
    tasks, workers, sessions = named_in(space, state)
    assert workers == set(range(len(space.bodies(state))))
    known = sessions_in(space, state)
    same = {session: session for session in sessions}
    found = set()
    for ones in itertools.permutations(sorted(workers)):
        for others in itertools.permutations(known):
            maps = (
                {task: task for task in tasks},
                dict(enumerate(ones)),
                same | dict(zip(known, others, strict=True)),
            )
            found.add(_in_order(space, renamed(space, state, maps)))
    return found


def _in_order(space: PoolSpace, state: Any) -> Any:
    """The state with what bodies alone know named in the order of the bodies."""
    scenes, (scene, *seen, left) = space._scenes, state
    known = scenes.scenes[scene]
    there, (only,) = scenes._place(known.mind, dict(enumerate(known.bodies)))
    return (there, *_judged(space, seen, scenes.namings[only]), left)


def shuffled(space: PoolSpace, state: Any, draw: random.Random) -> Maps:
    """Other names for everybody in a state, drawn at random.

    Workers change places. Sessions get any numbers. So do tasks, but in the order that they have:
    it is that in which they were submitted, and means something.
    """
    tasks, workers, sessions = (sorted(names) for names in named_in(space, state))
    return (
        dict(zip(tasks, sorted(draw.sample(range(NUMBERS), len(tasks))), strict=True)),
        dict(zip(workers, draw.sample(workers, len(workers)), strict=True)),
        dict(zip(sessions, draw.sample(range(NUMBERS), len(sessions)), strict=True)),
    )


def of(command: Command, maps: Maps) -> Command:
    """The command with these names; who is new keeps theirs."""
    changed: dict[str, Any] = {}
    for kind, names in zip(KINDS, maps, strict=True):
        name = getattr(command, kind, None)
        if name is not None:
            changed[kind] = names.get(name, name)
    return attrs.evolve(command, **changed)


def outcomes(space: PoolSpace, state: Any, maps: Maps = SAME) -> Counter[tuple[str, bytes, str]]:
    """Where each move from a state leads, to which orbit, and what it breaks.

    Args:
        space: one that keeps one state of each orbit.
        state: a state, by whatever names.
        maps: what its commands' names are called.
    """
    scene, *seen, left = state
    found: Counter[tuple[str, bytes, str]] = Counter()
    for _, moves, less in space._offered(scene, left):
        for move in moves:
            step = space._step(move, seen, less)
            broken = step.violation is not None
            after = b"" if broken else space.pack(step.state)
            promise = step.violation.promise if step.violation is not None else ""
            found[repr(of(step.command, maps)), after, promise] += 1
    return found

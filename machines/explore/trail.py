"""The trail: from a state's fingerprint back to the first, and the commands that lead there.

Each state that was seen is on disk with the fingerprint of the one that it was found from. A
fingerprint knows an orbit, but commands name what they mean; so the way is walked again from the
first state, by steps that lead to the right fingerprints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from machines.explore.visited import WIDTH, column, inside, print_of
from machines.explore.visited import prints as prints_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from machines.explore.plan import Plan
    from machines.explore.step import Space, Step
    from machines.trace import Command


class TrailLost(Exception):
    """A state is not where it was left: the space is not the same each time, or a file is gone."""


def trail(plan: Plan, print_: bytes, level: int) -> list[bytes]:
    """The fingerprints from the first state to this one, which was seen at this level or before.

    Raises:
        TrailLost: the files do not know it.
    """
    return trails(plan, {print_}, level)[print_]


def trails(plan: Plan, prints: Iterable[bytes], level: int) -> dict[bytes, list[bytes]]:
    """As `trail`, of several states at once.

    Raises:
        TrailLost: the files do not know one of them.
    """
    back: dict[bytes, list[bytes]] = {print_: [print_] for print_ in prints}
    ends: dict[bytes, list[bytes]] = {print_: [print_] for print_ in back}
    for was in range(level, -1, -1):
        for print_, before in _sources(plan, ends, was):
            of = ends.pop(print_)
            for one in of:
                back[one].append(before)
            ends.setdefault(before, []).extend(of)
    lost = sorted(print_ for print_ in ends if any(print_))
    if lost:
        raise TrailLost(f"no way back from state {lost[0].hex()}")
    return {print_: way[-2::-1] for print_, way in back.items()}


def _sources(plan: Plan, wanted: Iterable[bytes], level: int) -> list[tuple[bytes, bytes]]:
    """Those of the wanted that were first seen at this level, each with where it was found from."""
    run = np.sort(prints_of(b"".join(wanted)))
    found = []
    for file in plan.files("seen", level):
        joined = file.read_bytes()
        for at in np.flatnonzero(inside(run, column(joined, 0))).tolist():
            pair = joined[at * 2 * WIDTH : (at + 1) * 2 * WIDTH]
            found.append((pair[:WIDTH], pair[WIDTH:]))
    return found


def walk(space: Space, prints: Sequence[bytes]) -> tuple[list[Command], Hashable]:
    """The commands that lead through the states of these fingerprints, and the last state.

    Raises:
        TrailLost: no step leads on.
    """
    state = space.first()
    commands: list[Command] = []
    for print_ in prints[1:]:
        step = onward(space, space.steps(state), print_)
        commands.append(step.command)
        state = step.state
    return commands, state


def onward(space: Space, steps: Sequence[Step], print_: bytes) -> Step:
    """The first of the steps that leads to a state of this fingerprint.

    Raises:
        TrailLost: there is none.
    """
    for step in steps:
        if step.violation is None and print_of(space, step.state) == print_:
            return step
    raise TrailLost(f"no step leads to state {print_.hex()}")

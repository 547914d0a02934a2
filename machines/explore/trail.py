"""The trail: from a state's fingerprint back to the first, and the commands that lead there.

Each state that was seen is on disk with the fingerprint of the one that it was found from. A
fingerprint knows an orbit, but commands name what they mean; so the way is walked again from the
first state, by steps that lead to the right fingerprints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from machines.explore.visited import WIDTH, column, fingerprint

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

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
    back: list[bytes] = []
    for was in range(level, -1, -1):
        before = _source(plan, print_, was)
        if before is not None:
            back.append(print_)
            print_ = before
    if not back or any(print_):
        raise TrailLost(f"no way back from state {print_.hex()}")
    return back[::-1]


def _source(plan: Plan, print_: bytes, level: int) -> bytes | None:
    for file in plan.files("seen", level):
        joined = file.read_bytes()
        at = np.flatnonzero(column(joined, 0) == print_)
        if len(at):
            start = int(at[0]) * 2 * WIDTH + WIDTH
            return joined[start : start + WIDTH]
    return None


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
        if step.violation is None and fingerprint(space.pack(step.state)) == print_:
            return step
    raise TrailLost(f"no step leads to state {print_.hex()}")

"""First in, first out: how far a trace's schedule is from it, and what would be nearer.

Whatever can go on (a delivery, a frame to take, a gate to open) has been able to since some step.
A schedule that always takes what has waited longest is at distance 0; each time it passes over
something that has waited longer, that counts one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines import trace
from machines.drivers import Layer
from machines.parts import POOL, Parts
from machines.run import Run, moves_of
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.trace import Command
    from machines.world import World

_MOVES: Final = (trace.Deliver, trace.Receive, trace.Open)


def distance(whole: Trace, parts: Parts = POOL) -> int | None:
    """How often the schedule passes over what has waited longer; None if a step is impossible.

    Args:
        whole: the trace; it runs in the simulation.
        parts: the pool, perhaps with a bug planted in it.
    """
    passed_over = 0
    since: dict[Command, int] = {}
    with Run(whole.setting, Layer.SIM, parts, promises=()) as run:
        for at, step in enumerate(whole.steps):
            since = {move: since.get(move, at) for move in able(run.world)}
            if step in since:
                passed_over += sum(began < since[step] for began in since.values())
                del since[step]
            if not run.do(step):
                return None
    return passed_over


def nearer(whole: Trace, parts: Parts = POOL) -> Iterator[tuple[int, Trace]]:
    """Each exchange of two neighbours that brings it nearer to first in, first out.

    Args:
        whole: the trace.
        parts: the pool, perhaps with a bug planted in it.

    Yields:
        The index of the first of the two, and the trace.
    """
    far = distance(whole, parts)
    if not far:
        return
    for at in range(len(whole.steps) - 1):
        one, other = whole.steps[at : at + 2]
        if not isinstance(one, _MOVES) and not isinstance(other, _MOVES):
            continue
        variant = Trace(whole.setting, (*whole.steps[:at], other, one, *whole.steps[at + 2 :]))
        near = distance(variant, parts)
        if near is not None and near < far:
            yield at, variant


def able(world: World) -> Iterator[Command]:
    """All that can go on now without anybody's wish or fault is yielded.

    Args:
        world: the one in which it can.
    """
    for body in world.active.values():
        for move in moves_of(body):
            if not isinstance(move, trace.Continue):
                yield move

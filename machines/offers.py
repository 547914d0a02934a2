"""Offers: what a pool would have done at a step that it no longer offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.parts import POOL, Parts
from machines.run import Run, moves_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.trace import Command, Trace
    from machines.world import World

OTHERS_MAX: Final = 8


def offered(whole: Trace, step: int, parts: Parts = POOL) -> list[Command]:
    """What is possible where this step is not: the same for another one, and what is next.

    A simulated pool is brought to where the step stands; each of its workers and tasks that come
    into question instead is tried in a pool of its own.

    Args:
        whole: the trace.
        step: the index of the step that is impossible.
        parts: the pool, perhaps with a bug planted in it.
    """
    with Run(whole.setting, parts=parts, promises=()) as run:
        for command in whole.steps[:step]:
            run.do(command)
        others = list(_others(whole.steps[step], run.world))
        nexts = list(_next(run.world))
    before = whole.steps[:step]
    possible = [other for other in others if _possible(whole.setting, before, other, parts)]
    return [*possible, *(command for command in nexts if command not in possible)]


def _others(step: Command, world: World) -> Iterator[Command]:
    """The same command, for another worker, task or what else it names."""
    numbers = {
        "worker": sorted(world.active),
        "task": sorted(world.operations),
    }
    named = next((name for name in numbers if name in attrs.fields_dict(type(step))), None)
    if named is None or isinstance(step, trace.Submit):
        return
    for number in numbers[named][:OTHERS_MAX]:
        if number != getattr(step, named):
            changed: dict[str, Any] = {named: number}
            yield attrs.evolve(step, **changed)


def _next(world: World) -> Iterator[Command]:
    """What the schedule can do."""
    for body in world.active.values():
        yield from moves_of(body)
    for task in world.diverted:
        yield trace.Divert(task)
    if world.timers:
        yield trace.Advance(max(0.0, min(world.timers.values()) - world.now))


def _possible(
    setting: trace.Setting, before: tuple[Command, ...], command: Command, parts: Parts
) -> bool:
    with Run(setting, parts=parts, promises=()) as run:
        for done in before:
            run.do(done)
        return run.do(command)

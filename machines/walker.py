"""The walker: a world driven by a seeded generator, without Hypothesis, many times as fast.

One number gives one run, the same on every layer and every machine: its setting, what it goes
without, and its commands.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from machines import swarm
from machines.drivers import Layer
from machines.menu import Menu
from machines.parts import POOL, Parts
from machines.pool_machine import FLAVOURS, setting_of
from machines.run import Run
from machines.trace import Trace
from pool.recovery import Shape, Strategy

if TYPE_CHECKING:
    from machines.run import Report
    from machines.trace import Setting

BYTES: Final = 120


def setting(chance: random.Random) -> Setting:
    """A random setting, of few workers.

    Args:
        chance: where the choices come from.
    """
    size, limit = chance.randint(1, 3), chance.choice((None, None, None, 0, 1, 3))
    flavour: dict[str, Any] = dict(chance.choice(FLAVOURS))
    if chance.random() < 0.3:
        flavour["openings_max"] = chance.randint(0, 2)
        flavour["start_failures_max"] = chance.randint(1, 3)
        flavour["probes_max"] = chance.randint(1, 2)
    if chance.random() < 0.3:
        flavour["lost"] = chance.choice(list(Strategy)).value
        flavour["fallback"] = chance.random() < 0.5
        flavour["backoff"] = chance.choice(list(Shape)).value
    return setting_of(size, limit, flavour)


def left_out(chance: random.Random) -> frozenset[str]:
    """What a run goes without: nothing, a quarter of all, or half.

    Args:
        chance: where the choices come from.
    """
    part = chance.choice((0.0, 0.25, 0.5))
    return frozenset(name for name in swarm.NAMES if chance.random() < part)


def walk(seed: int, parts: Parts = POOL, *, length: int = BYTES) -> tuple[Trace, Report]:
    """One random run in the simulation, to its verified end: its trace, and what it showed.

    Args:
        seed: fixes every choice.
        parts: the pool, perhaps with a bug planted in it.
        length: how many choices are made; not every one is possible.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible choices, nothing secret
    with Run(setting(chance), Layer.SIM, parts) as run:
        menu = Menu(run.world, left_out(chance))
        for byte in chance.randbytes(length):
            command = menu.choose(byte)
            if command is not None:
                run.do(command)
        return Trace(run.setting, tuple(run.steps)), run.finish()


def generated(seed: int, *, length: int = BYTES) -> Trace:
    """The trace of one random run.

    Args:
        seed: fixes every choice.
        length: how many choices are made.
    """
    trace, _ = walk(seed, length=length)
    return trace

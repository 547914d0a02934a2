"""Wandering: random short runs around a shrunk trace, for a shorter one that breaks the promise.

Cutting ends in a trace of which nothing can be left out; there may be a shorter one all the same,
that goes another way. So runs are made that begin like the trace, or afresh, under its setting or a
near one, and go on at random for fewer steps than it has. They do only what the first trace did:
the same kinds of commands and faults.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import swarm, trace
from machines.menu import BYTES, DISHES, Menu
from machines.run import Run
from machines.setting import Setting
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.trace import Command
    from model.checker import Checker

STEPS_MAX: Final = 10
_BYTES_MAX: Final = 200
_NEAR: Final[dict[str, tuple[object, ...]]] = {
    "size": (1, 2, 3),
    "queue_limit": (None, 0, 1),
    "start_failures_max": (1, 2, 3),
    "openings_max": (0, 1),
    "prefetch": (0, 1, 2, 3),
    "tasks_max": (None, 1, 2),
    "age_max": (None, 20.0),
    "health_interval": (None, 30.0),
    "session_ttl": (None, 10.0),
    "max_overflow": (0, 1, 2),
    "lazy": (False, True),
    "strategy": ("lifo", "fifo"),
    "probes_max": (1, 2),
    "lost": ("immediate_retry", "backoff_retry", "failover", "abandon"),
    "fallback": (False, True),
    "health_failures_max": (1, 2, 3),
    "backoff": ("exponential", "linear"),
}


class Wanderer:
    """Makes random short runs.

    Args:
        start: the trace that broke the promise first; nothing is done that it does not do.
        layer: where.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
    """

    def __init__(
        self, start: Trace, layer: Layer, parts: Parts, promises: Iterable[type[Checker]]
    ) -> None:
        self._layer, self._parts, self._promises = layer, parts, tuple(promises)
        self._chance = random.Random(0)  # noqa: S311 - reproducible choices, nothing secret
        used = {swarm.name_of(step) for step in start.steps}
        self._off = frozenset()
        self._chosen = start.setting

    def wander(self, best: Trace) -> Trace:
        """One run's trace, of no more steps than the best has; it may break anything or nothing."""
        chance, size = self._chance, len(best.steps)
        setting = self._setting(best.setting)
        way = chance.randrange(4)
        length = chance.randint(0, min(size, STEPS_MAX))
        if way == 0:
            kept, gaps = [], [0] * length
        elif way == 1:
            kept = list(best.steps[: chance.randint(0, length)])
            gaps = [len(kept)] * (length - len(kept))
        else:
            gone = min(size, chance.choice((1, 2, 2, 3, 3, 4)))
            kept = self._some(best.steps, size - gone)
            gaps = sorted(chance.randint(0, len(kept)) for _ in range(chance.randint(0, gone)))
        off = self._off if chance.random() < 0.7 else self._some_off()
        with Run(setting, self._layer, self._parts, promises=self._promises) as run:
            menu = Menu(run.world, off)
            know(menu, kept)
            at = 0
            for gap in gaps:
                while at < gap:
                    run.do(kept[at])
                    at += 1
                self._choose(run, menu)
            for step in kept[at:]:
                run.do(step)
            run.finish()
            return Trace(setting, tuple(run.steps)), run.violation

    def _some_off(self):
        return frozenset(n for n in swarm.NAMES if self._chance.random() < 0.4)

    def _byte(self):
        if self._chance.random() < 0.4:
            return self._chance.randrange(BYTES)
        return self._chance.choice(self._chance.choice(_KINDS))

    def _choose(self, run, menu):
        for _ in range(8):
            command = menu.choose(self._byte())
            if command is not None:
                run.do(command)
                return

    def _some(self, steps: Sequence[Command], count: int) -> list[Command]:
        """So many of the steps, in their order."""
        kept = sorted(self._chance.sample(range(len(steps)), count))
        return [steps[at] for at in kept]

    def _setting(self, near: Setting) -> Setting:
        chance = self._chance
        base = chance.choice((near, near, Setting(), self._chosen))
        changed: dict[str, Any] = {}
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            name = chance.choice(list(_NEAR))
            changed[name] = chance.choice(_NEAR[name])
        try:
            return attrs.evolve(base, **changed)
        except ValueError:  # these two do not go together
            return base


def _kinds():
    kinds = {}
    for byte, (dish, which) in enumerate(DISHES):
        kinds.setdefault(dish, []).append(byte)
    return list(kinds.values())

_KINDS = _kinds()

def know(menu, steps):
    for step in steps:
        if isinstance(step, trace.Submit):
            menu.tasks = max(menu.tasks, step.task + 1)
        elif isinstance(step, trace.OpenSession) and step.session not in menu.sessions:
            menu.sessions.append(step.session)

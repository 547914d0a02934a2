"""Wandering: random short runs around a shrunk trace, for a shorter one that breaks the promise.

Cutting ends in a trace of which nothing can be left out; there may be a shorter one all the same
that goes another way. So runs are made that do some of what the trace does, under its setting or
one near to it, and at random places something else instead. One of as many steps takes its place
as a way out of a dead end.

Source: for the idea, Glover and Laguna, "Tabu Search" (1997): moves on a plateau.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from machines import swarm
from machines.menu import BYTES, DISHES, Menu, knows
from machines.neighbours import CHOICES, otherwise
from machines.neighbours import near as near_to
from machines.run import Run
from machines.setting import Setting
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.trace import Command
    from model.checker import Checker

WALKS: Final = 8_000
_AFRESH, _BEGUN, _SAME_SETTING = 0.15, 0.15, 0.6  # of all runs
_OTHERWISE: Final = 0.35
_AFRESH_MAX: Final = 10
_LONG: Final = 15  # of what is longer only the beginning is done: runs are to be short
# So many steps are left out, and so many others done.
_EXCHANGES: Final = ((1, 1), (1, 1), (2, 1), (2, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 2), (4, 3))
_TRIES_MAX: Final = 8


class Wanderer:
    """Makes random short runs.

    Args:
        start: the trace that broke the promise first.
        layer: where.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.
    """

    def __init__(
        self, start: Trace, layer: Layer, parts: Parts, promises: Iterable[type[Checker]]
    ) -> None:
        self._layer, self._parts, self._promises = layer, parts, tuple(promises)
        self._chance = random.Random(0)  # noqa: S311 - reproducible choices, nothing secret
        self._first = start.setting

    def wander(self, near: Trace) -> tuple[Trace, str | None]:
        """One run's trace, of no more steps than this one has, and the promise that it broke."""
        kept, gaps = self._plan(near.steps)
        if self._chance.random() < _OTHERWISE:
            self._change(kept)
        setting = self._setting(near.setting)
        with Run(setting, self._layer, self._parts, promises=self._promises) as run:
            menu = Menu(run.world, self._off())
            knows(menu, kept)
            done = 0
            for gap in gaps:
                for step in kept[done:gap]:
                    run.do(step)
                done = gap
                self._choose(run, menu)
            for step in kept[done:]:
                run.do(step)
            run.finish()
            broken = None if run.violation is None else run.violation.promise
            return Trace(setting, tuple(run.steps)), broken

    def _plan(self, steps: Sequence[Command]) -> tuple[list[Command], list[int]]:
        """Which of the steps are done, and before which of those something else is."""
        chance, size = self._chance, len(steps)
        way = chance.random() if size <= _LONG else chance.random() * (_AFRESH + _BEGUN)
        if way < _AFRESH:
            return [], [0] * chance.randint(0, min(size, _AFRESH_MAX))
        if way < _AFRESH + _BEGUN:
            length = chance.randint(0, min(size, _AFRESH_MAX))
            begun = chance.randint(0, length)
            return list(steps[:begun]), [begun] * (length - begun)
        gone, put = chance.choice(_EXCHANGES)
        kept = sorted(chance.sample(range(size), max(0, size - gone)))
        gaps = sorted(chance.randint(0, len(kept)) for _ in range(min(put, size)))
        return [steps[at] for at in kept], gaps

    def _change(self, kept: list[Command]) -> None:
        """One or two of the steps have another argument."""
        chance = self._chance
        for at in chance.sample(range(len(kept)), min(len(kept), chance.randint(1, 2))):
            others = tuple(otherwise(kept[at]))
            if others:
                kept[at] = chance.choice(others)

    def _off(self) -> frozenset[str]:
        """What is never chosen: in three of ten runs, two of five commands and faults."""
        if self._chance.random() < 0.7:
            return frozenset()
        return frozenset(name for name in swarm.NAMES if self._chance.random() < 0.4)

    def _choose(self, run: Run, menu: Menu) -> None:
        chance = self._chance
        for _ in range(_TRIES_MAX):
            often = chance.random() < 0.4
            byte = chance.randrange(BYTES) if often else chance.choice(chance.choice(_KINDS))
            command = menu.choose(byte)
            if command is not None:
                run.do(command)
                return

    def _setting(self, near: Setting) -> Setting:
        chance = self._chance
        if chance.random() < _SAME_SETTING:
            return near
        base = chance.choice((near, near, _PLAIN, self._first))
        choices = [chance.choice(CHOICES) for _ in range(chance.choice((0, 1, 1, 2)))]
        return near_to(base, {key: one[key] for one in choices for key in one}) or base


def _kinds() -> tuple[tuple[int, ...], ...]:
    """The bytes of each kind of command: a rare kind is chosen as often as a frequent one."""
    kinds: dict[object, list[int]] = {}
    for byte, (dish, _) in enumerate(DISHES):
        kinds.setdefault(dish, []).append(byte)
    return tuple(tuple(those) for those in kinds.values())


_KINDS: Final = _kinds()
_PLAIN: Final = Setting()

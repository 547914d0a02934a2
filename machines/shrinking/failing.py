"""Long failing traces: random runs of a pool with a bug in it that break its promise late.

Most planted bugs show within twenty steps of a random run. So a walk that breaks the promise too
early goes back a few steps and goes on in some other way. What is too rare for a walk is padded: a
saved trace that shows the bug, with random commands put in between as long as it still does.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Final

import attrs
from attrs import frozen

from machines import trace
from machines.menu import BYTES, Menu, knows
from machines.run import Run, execute
from machines.trace import Trace
from machines.walker import left_out, setting
from model.promises import PROMISES

if TYPE_CHECKING:
    from machines.mutants import Mutant
    from machines.trace import Command, Setting
    from model.checker import Checker

STEPS_MIN: Final = 100
_STEPS_MORE: Final = 60
_BACK_MAX: Final = 60
_STEPS_BACK: Final = 12
_WALKS_MAX: Final = 150
_INSERTIONS_MAX: Final = 2_000


@frozen
class Failing:
    """A long trace that breaks a planted bug's promise.

    Attributes:
        trace: it ends where it breaks it.
        padded: whether it is a saved trace with random commands put in between.
    """

    trace: Trace
    padded: bool


def own(mutant: Mutant) -> tuple[type[Checker], ...]:
    """The checker of the promise that the bug breaks, and no other."""
    return tuple(kind for kind in PROMISES if kind.promise == mutant.promise)


def failing(mutant: Mutant, seed: int, known: Trace | None = None) -> Failing:
    """A random trace of at least 100 steps that breaks the bug's promise is returned.

    Args:
        mutant: the bug.
        seed: fixes every choice.
        known: a trace that shows the bug, for bugs too rare for a walk.

    Raises:
        LookupError: no walk showed it, and no trace that does is known.
    """
    for walk in range(_WALKS_MAX):
        chance = random.Random(f"{mutant.name} {seed} {walk}")  # noqa: S311 - a seed, no secret
        found = _Walk(mutant, chance).go()
        if found is not None:
            return Failing(found, padded=False)
    if known is None:
        raise LookupError(f"none of {_WALKS_MAX} walks shows {mutant.name}")
    chance = random.Random(f"{mutant.name} {seed}")  # noqa: S311 - as above
    return Failing(_padded(known, mutant, chance), padded=True)


class _Walk:
    """One random run that goes back when it breaks the promise too early."""

    def __init__(self, mutant: Mutant, chance: random.Random) -> None:
        self._mutant, self._chance = mutant, chance
        self._setting = setting(chance)
        self._off = left_out(chance)
        self._steps: list[Command] = []
        self._back = 0

    def go(self) -> Trace | None:
        """Its trace, if it breaks the promise late enough; else None."""
        steps_max = STEPS_MIN + self._chance.randint(0, _STEPS_MORE)
        while self._back <= _BACK_MAX:
            with _run(self._setting, self._mutant) as run:
                if self._walk_on(run, steps_max):
                    self._steps = run.steps
                    return Trace(run.setting, tuple(run.steps))
                if run.violation is None:
                    return None
                kept = len(run.steps) - 1 - self._chance.randint(0, _STEPS_BACK)
                self._steps = run.steps[: max(0, kept)]
                self._back += 1
        return None

    def _walk_on(self, run: Run, steps_max: int) -> bool:
        """Whether the promise is broken, late enough; if it is broken early, the run shows it."""
        menu = _menu(run, self._steps, self._off)
        for byte in iter(lambda: self._chance.randrange(BYTES), None):
            if run.violation is not None or len(run.steps) >= steps_max:
                break
            command = menu.choose(byte)
            if command is not None:
                run.do(command)
        if run.violation is None:
            run.finish()
        return run.violation is not None and len(run.steps) >= STEPS_MIN


def _run(chosen: Setting, mutant: Mutant) -> Run:
    return Run(chosen, mutant.layer, mutant.parts, promises=own(mutant))


def _menu(run: Run, steps: list[Command], off: frozenset[str] = frozenset()) -> Menu:
    """The steps are done; and what is on the menu then."""
    menu = Menu(run.world, off)
    knows(menu, steps)
    for step in steps:
        run.do(step)
    return menu


def _padded(known: Trace, mutant: Mutant, chance: random.Random) -> Trace:
    """Random commands stand between the steps, and it still breaks the promise at its end."""
    whole = known
    for _ in range(_INSERTIONS_MAX):
        if len(whole.steps) >= STEPS_MIN:
            return whole
        longer = _with_one_more(whole, mutant, chance)
        report = execute(longer, mutant.layer, mutant.parts, promises=own(mutant))
        if report.violation is None or report.step is None or report.impossible:
            continue
        if report.step >= len(longer.steps) - 1:
            whole = longer
    raise AssertionError(f"{mutant.name}: {len(whole.steps)} steps, and no more can be put in")


def _with_one_more(whole: Trace, mutant: Mutant, chance: random.Random) -> Trace:
    at = chance.randint(0, len(whole.steps) - 1)
    with _run(whole.setting, mutant) as run:
        menu = _menu(run, list(whole.steps[:at]))
        tasks = [step.task for step in whole.steps if isinstance(step, trace.Submit)]
        fresh = max(tasks, default=-1) + 1
        bytes_ = itertools.repeat(None)
        command = next(c for _ in bytes_ if (c := menu.choose(chance.randrange(BYTES))) is not None)
        if isinstance(command, trace.Submit):
            command = attrs.evolve(command, task=fresh)
    return Trace(whole.setting, (*whole.steps[:at], command, *whole.steps[at:]))

"""Neighbours: traces that differ from one in little and are no simpler, but may be cut further.

A trace of which nothing can be left out may be one that another argument, another setting or
another step makes shorter: a task that never ends needs no move of the clock before its deadline.
All such neighbours are tried, in a fixed order, before `wander.py` looks farther at random.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.menu import BYTES, Menu, knows
from machines.run import Run
from machines.trace import Trace
from machines.workload import NEVER, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum
    from typing import TypeAlias

    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.setting import Setting
    from machines.trace import Command

    Others: TypeAlias = dict[str, tuple[object, ...]]

# What a setting may be otherwise; what comes together makes little sense alone.
CHOICES: Final[tuple[dict[str, Any], ...]] = (
    *({"size": size} for size in (1, 2, 3)),
    *({"queue_limit": limit} for limit in (None, 0, 1)),
    *({"start_failures_max": failures} for failures in (1, 2, 3)),
    *({"openings_max": openings} for openings in (0, 1, 2)),
    {"openings_max": 1, "start_failures_max": 1},
    *({"prefetch": ahead} for ahead in (0, 1, 2, 3)),
    *({"tasks_max": tasks} for tasks in (None, 1, 2)),
    *({"age_max": age} for age in (None, 20.0)),
    *({"health_interval": interval} for interval in (None, 30.0)),
    {"health_interval": 30.0, "health_failures_max": 1},
    *({"health_failures_max": failures} for failures in (1, 2, 3)),
    *({"session_ttl": ttl} for ttl in (None, 10.0)),
    *({"max_overflow": workers} for workers in (0, 1, 2)),
    *({"lazy": lazy} for lazy in (False, True)),
    *({"strategy": strategy} for strategy in ("lifo", "fifo")),
    *({"probes_max": probes} for probes in (1, 2)),
    *({"lost": way} for way in ("immediate_retry", "backoff_retry", "failover", "abandon")),
    *({"backoff": shape} for shape in ("exponential", "linear")),
    *({"fallback": fallback} for fallback in (False, True)),
)
_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 35.0, 60.0)
_OTHERS: Final[Others] = {
    "operation": tuple(sorted(OPERATIONS)),
    "deadline": (None, 1.0, 5.0),
    "retries": (0, 1, 2),
    "cancel_waiting": (False, True),
    "grace": (None, 0.0, 1.0),
    "after": (0, 1, 2),
    "half": (False, True),
    "seconds": _SECONDS,
}
# So many steps at most, for what there is much of.
_TWICE_MAX, _TWO_GO_MAX, _ONE_GOES_MAX, _ENDS_MAX = 10, 6, 4, 2
_FEW_OTHERS: Final[Others] = {
    **_OTHERS,
    "operation": ("echo", "exhaust", "fail", "stick"),
    "deadline": (None, 1.0),
    "retries": (0, 1),
    "seconds": (1.0, 5.0, 35.0),
}
_LATE: Final = (trace.Shutdown(), trace.Shutdown(cancel_waiting=True), trace.Jump(60.0))


def near(setting: Setting, choice: dict[str, Any]) -> Setting | None:
    """The setting with this choice instead; None if that does not go together.

    Args:
        setting: the one that is near.
        choice: one of `CHOICES`.
    """
    try:
        return attrs.evolve(setting, **choice)
    except ValueError:
        return None


def neighbours(whole: Trace, layer: Layer, parts: Parts) -> Iterator[Trace]:
    """All neighbours of the trace, the nearest first; the shorter it is, the more of them.

    Args:
        whole: the trace.
        layer: where it runs.
        parts: the pool, perhaps with a bug planted in it.
    """
    size = len(whole.steps)
    for choice in CHOICES:
        setting = near(whole.setting, choice)
        if setting is not None and setting != whole.setting:
            yield Trace(setting, whole.steps)
    yield from (variant for variant, _ in _changed(whole, _OTHERS))
    if size <= _TWICE_MAX:
        for variant, at in _changed(whole, _FEW_OTHERS):
            yield from (twice for twice, _ in _changed(variant, _FEW_OTHERS, at))
    if 2 <= size <= _TWO_GO_MAX:
        yield from exchanged(whole, 2, layer, parts)
    if 2 <= size <= _ONE_GOES_MAX:
        yield from exchanged(whole, 1, layer, parts)
    if 1 <= size <= _ENDS_MAX:
        yield from _fewer(whole, layer, parts)


def _fewer(whole: Trace, layer: Layer, parts: Parts) -> Iterator[Trace]:
    """Whatever one step less can do under a near setting, of one worker or two."""
    settings = {whole.setting: None}
    for workers in (1, 2):
        base = near(whole.setting, {"size": workers})
        found = () if base is None else (near(base, choice) for choice in CHOICES)
        settings.update({one: None for one in found if one is not None})
    for setting in settings:
        yield from _all_of(Trace(setting, ()), len(whole.steps) - 1, layer, parts)


def _all_of(begun: Trace, size: int, layer: Layer, parts: Parts) -> Iterator[Trace]:
    """Every trace of so many steps, one at most."""
    if size == 0:
        yield begun
        return
    for step in _possible(begun, 0, layer, parts):
        yield Trace(begun.setting, (step,))


def _changed(whole: Trace, others: Others, begin: int = 0) -> Iterator[tuple[Trace, int]]:
    """One argument of one step is another; the step, from this one on, is told too."""
    for at in range(begin, len(whole.steps)):
        for other in otherwise(whole.steps[at], others):
            yield Trace(whole.setting, (*whole.steps[:at], other, *whole.steps[at + 1 :])), at


def otherwise(step: Command, others: Others = _OTHERS) -> Iterator[Command]:
    """The same command with one argument otherwise, whether simpler or not.

    Args:
        step: the command.
        others: what each argument may be.
    """
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        values = others.get(field.name, ())
        if field.name == "how":
            kind: type[StrEnum] = type(value)
            values = tuple(kind)
        for other in values:
            if other != value:
                arguments: Any = {field.name: other}
                if other in NEVER and isinstance(step, trace.Submit) and step.deadline is None:
                    arguments["deadline"] = 1.0  # or it would not end at all
                yield attrs.evolve(step, **arguments)


def exchanged(whole: Trace, gone: int, layer: Layer, parts: Parts) -> Iterator[Trace]:
    """So many steps are left out, and another one comes somewhere.

    Args:
        whole: the trace.
        gone: how many.
        layer: where it runs.
        parts: the pool, perhaps with a bug planted in it.
    """
    for kept in itertools.combinations(whole.steps, len(whole.steps) - gone):
        for at in range(len(kept), -1, -1):
            for other in _possible(Trace(whole.setting, kept), at, layer, parts):
                yield Trace(whole.setting, (*kept[:at], other, *kept[at:]))


def _possible(whole: Trace, at: int, layer: Layer, parts: Parts) -> list[Command]:
    """Every other command that is possible when so many steps have been done."""
    found: dict[Command, None] = {}
    with Run(whole.setting, layer, parts, promises=()) as run:
        for step in whole.steps[:at]:
            run.do(step)
        for byte in range(BYTES):
            menu = Menu(run.world)
            knows(menu, whole.steps)
            command = menu.choose(byte)
            if command is not None:
                found[command] = None
    return [*found, *_LATE]

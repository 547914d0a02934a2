"""Singles: each single removal and simplification of a trace, by what it is called.

A trace of which none of these still breaks the promise is minimal; the shrinker tries them all at
its end, and its certificate names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from machines import fifo
from machines.certificate import Certificate
from machines.counterexample import identity
from machines.parts import POOL, Parts
from machines.smaller import (
    session_of,
    simpler_command,
    simpler_settings,
    task_of,
    without,
    worker_of,
)
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machines.drivers import Layer
    from machines.trace import Command

_TRACE_LETTERS = 16


def singles(whole: Trace, parts: Parts = POOL) -> Iterator[tuple[str, str, Trace]]:
    """Each single removal and simplification: its kind, what is changed, and the trace.

    Steps are counted from 1, as in a story.

    Args:
        whole: the trace.
        parts: the pool, perhaps with a bug planted in it; which schedule is nearer hangs on it.
    """
    for at, step in enumerate(whole.steps):
        yield "removal", f"{at + 1} {step.do}", without(whole, {at})
    for name, of in (("task", task_of), ("worker", worker_of), ("session", session_of)):
        yield from _all_of_one(whole, name, of)
    for variant in simpler_settings(whole):
        yield "setting", _change(whole.setting, variant.setting), variant
    for at, step in enumerate(whole.steps):
        for simpler in simpler_command(step):
            steps = (*whole.steps[:at], simpler, *whole.steps[at + 1 :])
            yield "argument", f"{at + 1} {_change(step, simpler)}", Trace(whole.setting, steps)
    for at, variant in fifo.nearer(whole, parts):
        yield "schedule", f"{at + 2} before {at + 1}", variant


def certificate(
    whole: Trace, promise: str, layer: Layer, parts: Parts, breaks: Callable[[Trace], bool]
) -> Certificate:
    """What was tried in vain to make the trace smaller is returned.

    Args:
        whole: the trace.
        promise: the one that it breaks.
        layer: where the candidates run.
        parts: the pool, perhaps with a bug planted in it.
        breaks: whether a candidate still breaks the promise.

    Raises:
        ValueError: something of it was not in vain.
    """
    tried: dict[str, list[str]] = {}
    for kind, what, candidate in singles(whole, parts):
        if breaks(candidate):
            raise ValueError(f"the trace is not minimal: {kind} of {what} keeps the violation")
        tried.setdefault(kind, []).append(what)
    named = {kind: tuple(whats) for kind, whats in sorted(tried.items())}
    return Certificate(layer.value, promise, identity(whole)[:_TRACE_LETTERS], named)


def _all_of_one(
    whole: Trace, name: str, of: Callable[[Command], int | None]
) -> Iterator[tuple[str, str, Trace]]:
    """Everything about one task, worker or session is left out."""
    named = [of(step) for step in whole.steps]
    for one in sorted({number for number in named if number is not None}):
        own = {at for at, number in enumerate(named) if number == one}
        yield name, str(one), without(whole, own)


def _change(before: Any, after: Any) -> str:
    """The field in which the two differ, and what it is then."""
    for field in attrs.fields(type(before)):
        value = getattr(after, field.name)
        if value != getattr(before, field.name):
            return f"{field.name}={getattr(value, 'value', value)}"
    raise ValueError(f"nothing differs in {before}")

"""The trace shrinker: the smallest trace that still breaks the same promise.

Works on the trace itself, in a simulation, without Hypothesis: because commands name what they
mean, cutting one does not change the others. It goes on until no single removal and no single
simplification keeps the violation.

Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), for the
cutting by halves.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.drivers import Layer
from machines.gate import Start
from machines.parts import POOL, Parts
from machines.run import execute
from machines.trace import Setting, Trace
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from enum import StrEnum
    from typing import TypeAlias

    from machines.trace import Command
    from model.checker import Checker

    Attempt: TypeAlias = Callable[[Trace], Trace | None]

_ON_WORKER: Final = (
    trace.Receive,
    trace.Deliver,
    trace.Crash,
    trace.Stop,
    trace.Continue,
    trace.Mangle,
    trace.Garble,
    trace.Exit,
    trace.Swell,
)
_ON_TASK: Final = (trace.Submit, trace.Cancel, trace.Kill, trace.Open, trace.Divert)
# So many commands are few enough to try three at once; so many, two that are far apart.
_FEW: Final = 16
_SOME: Final = 40
_NEAR: Final = 6
_SIMPLER: Final[dict[str, tuple[object, ...]]] = {
    "operation": ("echo",),
    "deadline": (None, 1.0),
    "retries": (0, 1),
    "cancel_waiting": (False,),
    "grace": (None, 1.0),
    "after": (0, 1),
    "half": (False,),
    "seconds": (1.0, 2.0, 5.0),
}


def shrink(
    start: Trace,
    promise: str,
    layer: Layer = Layer.SIM,
    parts: Parts = POOL,
    *,
    promises: Iterable[type[Checker]] = PROMISES,
) -> tuple[Trace, int]:
    """A trace that breaks the same promise and of which nothing can be left out is returned.

    Args:
        start: a trace that breaks the promise.
        promise: its name, as S1.
        layer: `sim` or `wire`; never real processes.
        parts: the pool, perhaps with a bug planted in it.
        promises: what the runs are held against.

    Returns:
        The shrunk trace, and how many traces were tried for it.

    Raises:
        ValueError: the layer is `real`, or the trace does not break the promise.
    """
    if layer is Layer.REAL:
        raise ValueError("shrinking never happens on real processes; shrink on sim or wire")
    tried = 0

    def attempt(candidate: Trace) -> Trace | None:
        """What is left of the candidate without its impossible steps, if it still breaks it."""
        nonlocal tried
        tried += 1
        report = execute(candidate, layer, parts, promises=promises)
        if report.violation is None or report.violation.promise != promise:
            return None
        assert report.step is not None  # noqa: S101 - a violation has its step
        beyond = range(report.step + 1, len(candidate.steps))
        return _without(candidate, {*report.impossible, *beyond})

    best = attempt(start)
    if best is None:
        raise ValueError(f"the trace does not break {promise} on {layer}")
    while (smaller := _pass(best, attempt)) != best:
        best = smaller
    return attempt(_renumbered(best)) or best, tried


def _pass(best: Trace, attempt: Attempt) -> Trace:
    while (shorter := _cut(best, attempt)) != best:
        best = shorter
    for variants in _VARIANTS:
        best = _improve(best, attempt, variants)
    return best


def _cut(best: Trace, attempt: Attempt) -> Trace:
    """Ever smaller pieces are left out, down to single commands."""
    size = len(best.steps)
    while size >= 1:
        at = len(best.steps) - size
        while at >= 0:
            shorter = attempt(_without(best, set(range(at, at + size))))
            if shorter is not None:
                best = shorter
                at = min(at, len(best.steps))
            at -= size
        size //= 2
    return best


def _improve(best: Trace, attempt: Attempt, variants: Callable[[Trace], Iterator[Trace]]) -> Trace:
    """The first variant that still breaks the promise takes the trace's place, until none does."""
    while (better := next(filter(None, map(attempt, variants(best))), None)) is not None:
        best = better
    return best


def _without(whole: Trace, indexes: set[int]) -> Trace:
    left = tuple(step for at, step in enumerate(whole.steps) if at not in indexes)
    return Trace(whole.setting, left)


def _without_two(whole: Trace) -> Iterator[Trace]:
    """Two commands that only make sense together, such as stop and continue, are left out."""
    steps = range(len(whole.steps))
    apart = len(steps) if len(steps) <= _SOME else _NEAR
    for first in steps:
        for second in steps[first + 1 : first + apart]:
            yield _without(whole, {first, second})


def _with_one_advance_less(whole: Trace) -> Iterator[Trace]:
    """Two moves of the clock become one."""
    moves = [(at, step) for at, step in enumerate(whole.steps) if isinstance(step, trace.Advance)]
    for (first, one), (second, other) in itertools.combinations(moves, 2):
        both = trace.Advance(one.seconds + other.seconds)
        for kept, gone in ((first, second), (second, first)):
            steps = (*whole.steps[:kept], both, *whole.steps[kept + 1 :])
            yield _without(Trace(whole.setting, steps), {gone})


def _without_worker(whole: Trace) -> Iterator[Trace]:
    """A later worker does what an earlier one did: its replacement need not be made first."""
    workers = sorted({step.worker for step in whole.steps if isinstance(step, _ON_WORKER)})
    for kept, gone in itertools.permutations(workers, 2):
        if gone < kept:
            own = {at for at, step in enumerate(whole.steps) if _worker_of(step) == gone}
            yield _with_worker_renamed(_without(whole, own), kept, gone)
    for kept in workers:
        for free in range(kept):
            if free not in workers:
                yield _with_worker_renamed(whole, kept, free)


def _with_one_worker_less(whole: Trace) -> Iterator[Trace]:
    """The pool has one worker less; the others have their numbers from one less."""
    setting = whole.setting
    if setting.size == 1:
        return
    fewer = attrs.evolve(setting, size=setting.size - 1)
    for variant in _without_worker(whole):
        yield Trace(fewer, variant.steps)
    for gone in range(setting.size):
        own = {at for at, step in enumerate(whole.steps) if _worker_of(step) == gone}
        for left in (_without(whole, own), whole):
            yield Trace(fewer, _with_later_workers_earlier(left, gone).steps)


def _with_later_workers_earlier(whole: Trace, gone: int) -> Trace:
    for worker in sorted({_worker_of(step) or 0 for step in whole.steps}):
        if worker > gone:
            whole = _with_worker_renamed(whole, worker, worker - 1)
    return whole


def _begun_later(whole: Trace) -> Iterator[Trace]:
    """All before a step is left out, and its first workers stand in for the later ones."""
    for at in range(len(whole.steps) - 1, 0, -1):
        later = Trace(whole.setting, whole.steps[at:])
        workers = sorted({w for step in later.steps if (w := _worker_of(step)) is not None})
        for new, old in enumerate(workers):
            later = _with_worker_renamed(later, old, new)
        yield later


def _ended_early(whole: Trace) -> Iterator[Trace]:
    """The pool is shut down, and nothing else happens any more."""
    for at in range(len(whole.steps) - 1):
        yield Trace(whole.setting, (*whole.steps[:at], trace.Shutdown()))


def _without_task(whole: Trace) -> Iterator[Trace]:
    """A task is never submitted, or another stands in for it."""
    tasks = sorted({step.task for step in whole.steps if isinstance(step, _ON_TASK)})
    for gone in tasks:
        own = {at for at, step in enumerate(whole.steps) if _task_of(step) == gone}
        left = _without(whole, own)
        yield left
        for kept in tasks:
            if kept != gone:
                yield _with_tasks_renamed(left, {kept: gone})


def _without_three(whole: Trace) -> Iterator[Trace]:
    """Three commands that only make sense together are left out, where there are few."""
    if len(whole.steps) <= _FEW:
        for three in itertools.combinations(range(len(whole.steps)), 3):
            yield _without(whole, set(three))


def _task_of(step: Command) -> int | None:
    return step.task if isinstance(step, _ON_TASK) else None


def _with_tasks_renamed(whole: Trace, names: dict[int, int]) -> Trace:
    steps = tuple(
        attrs.evolve(step, task=names[step.task])
        if isinstance(step, _ON_TASK) and step.task in names
        else step
        for step in whole.steps
    )
    return Trace(whole.setting, steps)


def _worker_of(step: Command) -> int | None:
    return step.worker if isinstance(step, _ON_WORKER) else None


def _with_worker_renamed(whole: Trace, old: int, new: int) -> Trace:
    renamed: Any = {"worker": new}
    steps = tuple(
        attrs.evolve(step, **renamed) if _worker_of(step) == old else step for step in whole.steps
    )
    return Trace(whole.setting, steps)


def _simpler_settings(whole: Trace) -> Iterator[Trace]:
    """One part of the setting is as if nobody had chosen it, or there are fewer workers."""
    for part in attrs.fields(Setting):
        if part.name != "size" and getattr(whole.setting, part.name) != part.default:
            chosen: Any = {part.name: part.default}
            yield Trace(attrs.evolve(whole.setting, **chosen), whole.steps)
    for size in range(1, whole.setting.size):
        yield Trace(attrs.evolve(whole.setting, size=size), whole.steps)


def _simpler_commands(whole: Trace) -> Iterator[Trace]:
    for at, step in enumerate(whole.steps):
        for simpler in _simpler_command(step):
            yield Trace(whole.setting, (*whole.steps[:at], simpler, *whole.steps[at + 1 :]))


def _simpler_command(step: Command) -> Iterator[Command]:
    """The same command with one argument simpler; what comes first is simplest."""
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        for better in _better(field.name, value):
            changed: Any = {field.name: better}
            yield attrs.evolve(step, **changed)


def _better(name: str, value: Any) -> tuple[object, ...]:
    if name == "how":
        kind: type[StrEnum] = type(value)
        sorts = [sort for sort in kind if sort is not Start.NORMAL]
        return tuple(sorts[: sorts.index(value)])
    order = list(_SIMPLER.get(name, ()))
    return tuple(order[: order.index(value)] if value in order else order)


def _renumbered(whole: Trace) -> Trace:
    """Tasks are numbered in the order in which they are submitted."""
    names: dict[int, int] = {}
    for step in whole.steps:
        if isinstance(step, trace.Submit):
            names.setdefault(step.task, len(names))
    return _with_tasks_renamed(whole, names)


_VARIANTS: Final = (
    _begun_later,
    _ended_early,
    _without_task,
    _without_worker,
    _with_one_worker_less,
    _simpler_settings,
    _with_one_advance_less,
    _without_two,
    _simpler_commands,
    _without_three,
)

"""Smaller: all that is tried to make a trace smaller, each a variant of it with less in it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.gate import Start
from machines.trace import Setting, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

    from machines.trace import Command

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
_ON_SESSION: Final = (trace.OpenSession, trace.Reopen, trace.CloseSession, trace.Submit)
_ON_TASK: Final = (trace.Submit, trace.Cancel, trace.Kill, trace.Open, trace.Divert)
# So many commands are few enough to try three at once; so many, two that are far apart.
_FEW: Final = 16
_SOME: Final = 40
_NEAR: Final = 6
_SIMPLER: Final[dict[str, tuple[object, ...]]] = {
    "operation": ("echo",),
    "session": (None,),
    "deadline": (None, 1.0),
    "retries": (0, 1),
    "cancel_waiting": (False,),
    "grace": (None, 1.0),
    "after": (0, 1),
    "half": (False,),
    "seconds": (1.0, 2.0, 5.0),
}


def without(whole: Trace, indexes: set[int]) -> Trace:
    """The trace without the steps at these indexes."""
    left = tuple(step for at, step in enumerate(whole.steps) if at not in indexes)
    return Trace(whole.setting, left)


def _without_two(whole: Trace) -> Iterator[Trace]:
    """Two commands that only make sense together, such as stop and continue, are left out."""
    steps = range(len(whole.steps))
    apart = len(steps) if len(steps) <= _SOME else _NEAR
    for first in steps:
        for second in steps[first + 1 : first + apart]:
            yield without(whole, {first, second})


def _with_one_advance_less(whole: Trace) -> Iterator[Trace]:
    """Two moves of the clock become one."""
    moves = [(at, step) for at, step in enumerate(whole.steps) if isinstance(step, trace.Advance)]
    for (first, one), (second, other) in itertools.combinations(moves, 2):
        both = trace.Advance(one.seconds + other.seconds)
        for kept, gone in ((first, second), (second, first)):
            steps = (*whole.steps[:kept], both, *whole.steps[kept + 1 :])
            yield without(Trace(whole.setting, steps), {gone})


def _without_worker(whole: Trace) -> Iterator[Trace]:
    """A later worker does what an earlier one did: its replacement need not be made first."""
    workers = sorted({step.worker for step in whole.steps if isinstance(step, _ON_WORKER)})
    for kept, gone in itertools.permutations(workers, 2):
        if gone < kept:
            own = {at for at, step in enumerate(whole.steps) if worker_of(step) == gone}
            yield _with_worker_renamed(without(whole, own), kept, gone)
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
        own = {at for at, step in enumerate(whole.steps) if worker_of(step) == gone}
        for left in (without(whole, own), whole):
            yield Trace(fewer, _with_later_workers_earlier(left, gone).steps)


def _with_later_workers_earlier(whole: Trace, gone: int) -> Trace:
    for worker in sorted({worker_of(step) or 0 for step in whole.steps}):
        if worker > gone:
            whole = _with_worker_renamed(whole, worker, worker - 1)
    return whole


def _begun_later(whole: Trace) -> Iterator[Trace]:
    """All before a step is left out, and its first workers stand in for the later ones."""
    for at in range(len(whole.steps) - 1, 0, -1):
        later = Trace(whole.setting, whole.steps[at:])
        workers = sorted({w for step in later.steps if (w := worker_of(step)) is not None})
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
        own = {at for at, step in enumerate(whole.steps) if task_of(step) == gone}
        left = without(whole, own)
        yield left
        for kept in tasks:
            if kept != gone:
                yield _with_tasks_renamed(left, {kept: gone})


def _without_three(whole: Trace) -> Iterator[Trace]:
    """Three commands that only make sense together are left out, where there are few."""
    if len(whole.steps) <= _FEW:
        for three in itertools.combinations(range(len(whole.steps)), 3):
            yield without(whole, set(three))


def task_of(step: Command) -> int | None:
    """The task that the step is about, if it is about one."""
    return step.task if isinstance(step, _ON_TASK) else None


def session_of(step: Command) -> int | None:
    """The session that the step is about, if it is about one."""
    return step.session if isinstance(step, _ON_SESSION) else None


def _with_tasks_renamed(whole: Trace, names: dict[int, int]) -> Trace:
    steps = tuple(
        attrs.evolve(step, task=names[step.task])
        if isinstance(step, _ON_TASK) and step.task in names
        else step
        for step in whole.steps
    )
    return Trace(whole.setting, steps)


def worker_of(step: Command) -> int | None:
    """The worker that the step is about, if it is about one."""
    return step.worker if isinstance(step, _ON_WORKER) else None


def _with_worker_renamed(whole: Trace, old: int, new: int) -> Trace:
    renamed: Any = {"worker": new}
    steps = tuple(
        attrs.evolve(step, **renamed) if worker_of(step) == old else step for step in whole.steps
    )
    return Trace(whole.setting, steps)


def simpler_settings(whole: Trace) -> Iterator[Trace]:
    """One part of the setting is as if nobody had chosen it, or there are fewer workers."""
    for part in attrs.fields(Setting):
        if part.name != "size" and getattr(whole.setting, part.name) != part.default:
            chosen: Any = {part.name: part.default}
            yield Trace(attrs.evolve(whole.setting, **chosen), whole.steps)
    for size in range(1, whole.setting.size):
        yield Trace(attrs.evolve(whole.setting, size=size), whole.steps)


def simpler_commands(whole: Trace) -> Iterator[Trace]:
    """One argument of one command is simpler."""
    for at, step in enumerate(whole.steps):
        for simpler in simpler_command(step):
            yield Trace(whole.setting, (*whole.steps[:at], simpler, *whole.steps[at + 1 :]))


def simpler_command(step: Command) -> Iterator[Command]:
    """The same command with one argument simpler; what comes first is simplest."""
    for field in attrs.fields(type(step)):
        value = getattr(step, field.name)
        for better in _better(field.name, value):
            if better is None and field.default is attrs.NOTHING:
                continue  # of a session's own commands it is no option
            changed: Any = {field.name: better}
            yield attrs.evolve(step, **changed)


def _better(name: str, value: Any) -> tuple[object, ...]:
    if name == "how":
        kind: type[StrEnum] = type(value)
        sorts = [sort for sort in kind if sort is not Start.NORMAL]
        return tuple(sorts[: sorts.index(value)])
    order = list(_SIMPLER.get(name, ()))
    return tuple(order[: order.index(value)] if value in order else order)


def _without_session(whole: Trace) -> Iterator[Trace]:
    """A session is never asked for; or another stands in for it."""
    sessions = sorted({one for step in whole.steps if (one := session_of(step)) is not None})
    for gone in sessions:
        own = {at for at, step in enumerate(whole.steps) if session_of(step) == gone}
        yield without(whole, own)
        for kept in sessions:
            if kept < gone:
                yield _with_sessions_renamed(whole, {gone: kept})


def _with_sessions_renamed(whole: Trace, names: dict[int, int]) -> Trace:
    steps = tuple(
        attrs.evolve(step, session=names[step.session])
        if isinstance(step, _ON_SESSION) and step.session in names
        else step
        for step in whole.steps
    )
    return Trace(whole.setting, steps)


def renumbered(whole: Trace) -> Trace:
    """Tasks and sessions are numbered in the order in which the steps name them."""
    tasks: dict[int, int] = {}
    sessions: dict[int, int] = {}
    for step in whole.steps:
        if isinstance(step, trace.Submit):
            tasks.setdefault(step.task, len(tasks))
        session = session_of(step)
        if session is not None:
            sessions.setdefault(session, len(sessions))
    return _with_sessions_renamed(_with_tasks_renamed(whole, tasks), sessions)


VARIANTS: Final = (
    _begun_later,
    _ended_early,
    _without_task,
    _without_session,
    _without_worker,
    _with_one_worker_less,
    simpler_settings,
    _with_one_advance_less,
    _without_two,
    simpler_commands,
    _without_three,
)

"""Fitting: the tightest bounds of a complete search in which a given run has its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.explore.bounds import Bounds
from machines.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.trace import Command, Trace

# What the search cannot keep of a setting, by what it is without it.
UNKEPT: Final[dict[str, Any]] = {"prefetch": 0, "health_interval": None}
_ASKS: Final = (trace.Cancel, trace.Kill, trace.CloseSession, trace.Shutdown)
OVERTAKES_MAX: Final = 9
_AMOUNTS: Final = ("workers", "sessions", "tasks", "faults", "asks", "overtakes")


def unkept(run: Trace) -> list[str]:
    """What of its setting a search must leave out is returned, by its names."""
    return [name for name, without in UNKEPT.items() if getattr(run.setting, name) != without]


def bounds_of(run: Trace) -> Bounds:
    """The bounds that hold so much of everything as the run has are returned.

    Each of its advances may overtake two timers. What a search cannot keep of its setting is left
    out.

    Args:
        run: what is to be found again.
    """
    submits = [step for step in run.steps if isinstance(step, trace.Submit)]
    sessions, reopened = _opened(run.steps)
    advances = sum(isinstance(step, trace.Advance) for step in run.steps)
    return Bounds(
        workers=run.setting.size,
        sessions=sessions,
        tasks=len(submits),
        faults=sum(trace.fault_of(step) is not None for step in run.steps),
        asks=reopened + sum(isinstance(step, _ASKS) for step in run.steps),
        overtakes=min(OVERTAKES_MAX, 2 * advances),
        submits=_sorts(step for step in submits if step.session is None),
        session_submits=_sorts(step for step in submits if step.session is not None),
        shutdowns=_shutdowns(run.steps),
        setting=attrs.evolve(run.setting, **UNKEPT),
    )


def beyond(bounds: Bounds, usual: Bounds) -> list[str]:
    """What these bounds have that the usual ones have not is returned, in words."""
    found = [
        f"{name} {getattr(bounds, name)}"
        for name in _AMOUNTS
        if getattr(bounds, name) > getattr(usual, name)
    ]
    sorts = set(bounds.submits) - set(usual.submits)
    sorts |= set(bounds.session_submits) - set(usual.session_submits)
    found += sorted({_sort(submit) for submit in sorts})
    for attribute in attrs.fields(Setting):
        name = attribute.name
        asked = getattr(bounds.setting, name)
        if name != "size" and asked != getattr(usual.setting, name):
            found.append(f"{name}={asked}")
    return found


def _opened(steps: Sequence[Command]) -> tuple[int, int]:
    """How many sessions are opened, and how often one is opened again.

    In a search only what was opened is reopened, though a run may begin with that.
    """
    seen: set[int] = set()
    again = 0
    for step in steps:
        if isinstance(step, (trace.OpenSession, trace.Reopen)):
            again += step.session in seen or isinstance(step, trace.Reopen)
            seen.add(step.session)
    return len(seen), again


def _sorts(submits: Iterable[trace.Submit]) -> tuple[trace.Submit, ...]:
    """The submits, of those that differ in numbers alone one."""
    return tuple(dict.fromkeys(attrs.evolve(step, task=0, session=None) for step in submits))


def _shutdowns(steps: Sequence[Command]) -> tuple[trace.Shutdown, ...]:
    asked = [step for step in steps if isinstance(step, trace.Shutdown)]
    return tuple(dict.fromkeys([trace.Shutdown(), *asked]))


def _sort(submit: trace.Submit) -> str:
    words = [submit.operation] if submit.operation != "echo" else []
    words += [f"deadline {submit.deadline:g}"] if submit.deadline is not None else []
    words += [f"retries {submit.retries}"] if submit.retries else []
    return f"a task with {', '.join(words)}" if words else "a plain task"

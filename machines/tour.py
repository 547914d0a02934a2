"""The tour: a small set of traces that together fire everything that can fire.

The search knows, of each tuple, the fewest steps that fire it, in a pool of one worker mostly. Many
of these differ only in which fault strikes, so they are told in one pool: a party, each of its
guests on a worker of its own, step by step together. Guests who do not get along are noticed, for
then one of them does not fire what it came for. Of the parties, and of those who came alone, few
fire everything; these are taken, without the steps that nothing needs.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

import attrs

from machines import trace
from machines.run import execute
from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from machines.trace import Command

    Fired = dict[Trace, frozenset[str]]

GUESTS_MAX: Final = 8
REFUSED_MAX: Final = 40  # so many are tried in vain before a party is full enough
# Done to no worker, task or session in particular: all guests have it in common.
_COMMON: Final = (trace.Advance, trace.Jump, trace.NextStart, trace.Shutdown)
_NUMBERED: Final = ("worker", "task", "session")


def tour(traces: Mapping[str, Trace]) -> list[Trace]:
    """A few traces are returned that together fire all names; no step of them can be left out.

    Args:
        traces: by what each of them fires, a tuple or what must happen sometimes.

    Raises:
        ValueError: if a trace does not fire its own.
    """
    wanted = frozenset(traces)
    fired = {each: fires(each) & wanted for each in dict.fromkeys(traces.values())}
    for name, own in traces.items():
        if name not in fired[own]:
            raise ValueError(f"the trace of {name} does not fire it again")
    fired.update({each: fires(each) & wanted for each in _parties(traces)})
    return list(_trimmed(_cover(fired, wanted), wanted))


def fires(whole: Trace) -> frozenset[str]:
    """What the trace fires in simulation is returned; nothing if one of its steps is impossible."""
    report = execute(whole)
    if report.impossible or report.violation is not None:
        return frozenset()
    return frozenset((*report.coverage.fired, *report.coverage.happened))


def party(guests: Sequence[Trace]) -> Trace:
    """All that happens to the guests happens in one pool, to a worker of each one's own.

    Args:
        guests: traces of one setting with one worker, that have the same steps in common.
    """
    steps: list[Command] = []
    for stages in zip(*map(_stages, guests), strict=True):
        *_, common = stages[0]
        for together in zip_longest(*(stage[:-1] for stage in stages)):
            for number, step in enumerate(together):
                if step is not None:
                    steps.append(_of_guest(step, number, len(guests)))
        if common is not None:
            steps.append(common)
    return Trace(attrs.evolve(guests[0].setting, size=len(guests)), tuple(steps))


def _stages(guest: Trace) -> Iterator[list[Command | None]]:
    """Its steps are yielded up to each that guests have in common, which ends a stage."""
    stage: list[Command | None] = []
    for step in guest.steps:
        stage.append(step)
        if isinstance(step, _COMMON):
            yield stage
            stage = []
    yield [*stage, None]


def _of_guest(step: Command, guest: int, guests: int) -> Command:
    """The step, with the numbers that this guest's workers, tasks and sessions have there."""
    changes: dict[str, Any] = {}
    for name in _NUMBERED:
        number = getattr(step, name, None)
        if number is not None:
            changes[name] = number * guests + guest
    return attrs.evolve(step, **changes)


def _parties(traces: Mapping[str, Trace]) -> Iterator[Trace]:
    """Parties are yielded that together fire most of what traces with one worker fire."""
    circles: dict[object, list[str]] = {}
    for name in sorted(traces, key=lambda name: ([step.do for step in traces[name].steps], name)):
        one = traces[name]
        if one.setting.size == 1:
            common = tuple(step for step in one.steps if isinstance(step, _COMMON))
            circles.setdefault((one.setting, common), []).append(name)
    for circle in circles.values():
        left = circle
        while left:
            fired, whole = _invite(left, traces)
            left = [name for name in left if name not in fired]
            yield whole


def _invite(names: list[str], traces: Mapping[str, Trace]) -> tuple[frozenset[str], Trace]:
    """The party of the first and of those who get along is returned, with what it fires."""
    come: list[str] = []
    fired, whole = frozenset(names[:1]), traces[names[0]]
    refused = 0
    for name in names:
        if len(come) == GUESTS_MAX or refused == REFUSED_MAX:
            break
        if come and name in fired:
            continue
        larger = party([traces[guest] for guest in (*come, name)])
        fired_there = fires(larger)
        if fired_there.issuperset((*come, name)):
            come.append(name)
            fired, whole = fired_there, larger
        else:
            refused += 1
    return fired, whole


def _cover(fired: Fired, wanted: frozenset[str]) -> Fired:
    """Few of the traces: again and again the one that fires most of what is left."""
    chosen: Fired = {}
    left = wanted
    while left:
        best = max(fired, key=lambda one: (len(fired[one] & left), -len(one.steps)))
        chosen[best] = fired[best]
        left -= fired[best]
    return chosen


def _trimmed(chosen: Fired, wanted: frozenset[str]) -> Fired:
    """The traces without those, and without those steps, that fire nothing that is needed."""
    for whole in sorted(chosen, key=lambda one: -len(one.steps)):
        elsewhere = frozenset().union(*(chosen[one] for one in chosen if one is not whole))
        needed = wanted - elsewhere
        del chosen[whole]
        if needed:
            shorter = _trim(whole, needed)
            chosen[shorter] = fires(shorter) & wanted
    return chosen


def _trim(whole: Trace, needed: frozenset[str]) -> Trace:
    """The trace is returned without any step that it can do without."""
    shorter = whole
    for at in reversed(range(len(whole.steps))):
        without = Trace(whole.setting, (*shorter.steps[:at], *shorter.steps[at + 1 :]))
        if needed <= fires(without):
            shorter = without
    # What was needed before another step went may not be needed any more.
    return shorter if shorter == whole else _trim(shorter, needed)

"""Recorded: what a flight recorder has left becomes a trace, which every layer can carry out.

The record tells what the production loop told its core, and when. Here a simulated world is led, by
ordinary commands, to tell its core the same, event by event; the commands are the trace. If no
command makes it do so, then the loop told what no pool's world can show, and that is a finding.

What the simulation cannot know is left out of the comparison: payloads, words of detail, exit codes
other than that something killed the worker, and how late a timer was. In the world a timer fires
when it is due, so the clock waits for the timers: an event that came while one was late stands
just before it. If the order of two timers hung on how late they were, nothing is known.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import attrs
from attrs import frozen

from machines.led import Led, Told
from machines.parts import POOL, Parts
from machines.run import Run
from machines.setting import Setting
from machines.trace import Trace
from model.checker import Verdict
from pool import events as told
from pool.dispatch import QUICK_S
from pool.events import Reply
from pool.record import HEAD_BEGINS, read_record, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from machines.run import Report
    from pool.core import Core
    from pool.record import Entry, Head


# So much of a record's first line names its format and its run.
_BEGINNING: Final = 40


@frozen
class Retraced:
    """A record as a trace.

    Attributes:
        trace: carried out on any layer, it tells the core what the record says.
        verdict: `holds` if a simulated world told its core exactly that; `violated` if none can;
            `unknown` if it may hang on what no trace can choose.
        why: where they parted, in a sentence; empty if they did not.
        events: how many entries were retraced.
        extras: how many facts of workers that had been given up only one of the two told; the core
            does nothing about such.
        report: what the simulated run showed, held against every promise.
    """

    trace: Trace
    verdict: Verdict
    why: str
    events: int
    extras: int
    report: Report


def is_record(path: Path) -> bool:
    """Whether the file is what a flight recorder writes; what cannot be read is none.

    A counterexample may begin with its format, too, but tells of no run.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(_BEGINNING)
    except OSError:
        return False
    return begins.startswith(HEAD_BEGINS) and b'"run":' in begins


def load(path: Path, parts: Parts = POOL) -> Retraced:
    """The record in this file, and in the older one beside it, as a trace.

    Args:
        path: of a record.
        parts: the core, perhaps with a bug planted in it.

    Raises:
        ValueError: it is no record of a known format, or not one from its pool's beginning, or of
            a pool that no trace can choose.
    """
    record = read_record(path)
    if not record.complete:
        raise ValueError(f"{path}: the record does not go back to its pool's beginning")
    try:
        setting = setting_of(record.head)
        return retrace(setting, handled(record, setting, parts), parts=parts)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def setting_of(head: Head) -> Setting:
    """The setting of the pool that was recorded is returned.

    Args:
        head: of its record.

    Raises:
        ValueError: its configuration is none that a trace can choose.
    """
    kept = head.setting
    names = [field.name for field in attrs.fields(Setting) if field.name in kept]
    breaker, retry = kept["breaker"], kept["retry"]
    setting = Setting(
        **{name: kept[name] for name in names},
        start_failures_max=breaker["failures_max"],
        openings_max=breaker["openings_max"],
        probes_max=breaker["probes_max"],
        lost=retry["strategies"].get("connection", "immediate_retry"),
        backoff=retry["backoff"]["shape"],
    )
    ours = json.loads(json.dumps(settings_of(setting.config()), default=dict))
    differs = sorted(name for name in {*ours, *kept} if ours.get(name) != kept.get(name))
    if differs:
        here = ", ".join(f"{name}={kept.get(name)!r}" for name in differs)
        raise ValueError(
            f"no trace can choose {here}; its worlds have "
            + ", ".join(f"{name}={ours.get(name)!r}" for name in differs)
        )
    return setting


def handled(entries: Iterable[Entry], setting: Setting, parts: Parts = POOL) -> list[Told]:
    """What a core asks for that is told these entries.

    Args:
        entries: of a whole record.
        setting: of the pool that was recorded.
        parts: the core.
    """
    core, first, all_told = parts.core(setting.config()), None, []
    for entry in entries:
        first = entry.at if first is None else first
        quick = _is_quick(core, entry)
        asked = core.handle(entry.event, entry.at)
        all_told.append(Told(entry.at - first, entry.event, tuple(asked), quick))
    return all_told


def _is_quick(core: Core, entry: Entry) -> bool:
    event = entry.event
    worker = core.workers.get(event.worker) if isinstance(event, told.ResultReceived) else None
    return worker is not None and entry.at - worker.since <= QUICK_S


def retrace(
    setting: Setting,
    lines: Sequence[Told],
    operations: Mapping[int, str] | None = None,
    parts: Parts = POOL,
) -> Retraced:
    """The record as a trace, and whether a simulated world could tell the same.

    Args:
        setting: of the pool that was recorded.
        lines: as `handled` gave them.
        operations: what tasks did, where that is known; else it is guessed from their replies.
        parts: the core, perhaps with a bug planted in it.
    """
    with Run(setting, parts=parts) as run:
        led = Led(run, lines, {**_guessed(lines), **(operations or {})})
        why = led.follow()
        report = run.finish()
    verdict = Verdict.HOLDS
    if why:
        verdict = Verdict.UNKNOWN if led.unsure else Verdict.VIOLATED
    whole = Trace(setting, tuple(run.steps))
    return Retraced(whole, verdict, why, led.at, led.extras, report)


def _guessed(lines: Sequence[Told]) -> dict[int, str]:
    """An operation for each task that ends as its last reply says."""
    names = {Reply.RETURNED: "echo", Reply.RAISED: "fail", Reply.EXHAUSTED: "exhaust"}
    return {
        line.event.task: names[line.event.reply]
        for line in lines
        if isinstance(line.event, told.ResultReceived)
    }

"""The record: what the flight recorder writes, one line of JSON for each event the core was told.

The first line of a file is an object: the format, and what of the configuration the core goes by.
Each other line is a list: the name of the event, the driver's seconds, and the event's fields in
order. Of a payload only the number of bytes is kept. Effects are not kept: the core is pure, so
the events tell them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import frozen

from pool import events as told
from pool.events import Timer, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pool.config import PoolConfig
    from pool.events import Event

FORMAT: Final = 1
_KINDS: Final[dict[str, type]] = {
    kind.__name__: kind for kind in vars(told).values() if attrs.has(kind)
}
_FIELDS: Final = {kind: tuple(it.name for it in attrs.fields(kind)) for kind in _KINDS.values()}
# What the core goes by that is plain data; the rest belongs to the driver.
_SETTINGS: Final = (
    "size", "max_overflow", "overflow_idle", "lazy", "strategy", "queue_limit", "prefetch",
    "task_timeout", "init_timeout", "health_interval", "health_timeout", "health_failures_max",
    "session_ttl", "tasks_max", "age_max", "grace",
)  # fmt: skip


@frozen
class Entry:
    """One event of a record.

    Attributes:
        at: when the core was told, in driver seconds.
        kind: the event's name.
        fields: its fields by name; a payload is its number of bytes, a timer its kind and number.
    """

    at: float
    kind: str
    fields: dict[str, Any]


@frozen
class Record:
    """What a flight recorder has left.

    Attributes:
        setting: what of the configuration the core goes by, and the record's format.
        entries: the events, in order; the first are missing if the record was bounded.
        torn: whether the last line is not whole: its writer was killed while it wrote.
    """

    setting: dict[str, Any]
    entries: tuple[Entry, ...]
    torn: bool


def head_line(config: PoolConfig) -> bytes:
    """The first line of each of a record's files is returned."""
    setting = {name: getattr(config, name) for name in _SETTINGS}
    setting["breaker"] = attrs.asdict(config.breaker)
    return json.dumps({"format": FORMAT, "setting": setting}).encode() + b"\n"


def line_of(event: Event, now: float) -> str:
    """The event's line is returned.

    Args:
        event: what the core was told.
        now: driver seconds.
    """
    kind = type(event)
    # These two are told for every task: written out, they cost a third.
    if kind is told.TaskSubmitted:
        return (
            f'["TaskSubmitted",{now!r},{event.task},'  # type: ignore[union-attr]
            f"{_plain(event.deadline)},{event.retries},{_plain(event.session)}]\n"  # type: ignore[union-attr]
        )
    if kind is told.ResultReceived:
        return (
            f'["ResultReceived",{now!r},{event.worker},{event.task},'  # type: ignore[union-attr]
            f'{event.attempt},"{event.reply}",{len(event.payload)},'  # type: ignore[union-attr]
            f"{'true' if event.heavy else 'false'}]\n"  # type: ignore[union-attr]
        )
    row = [kind.__name__, now, *(_kept(getattr(event, name)) for name in _FIELDS[kind])]
    return json.dumps(row, separators=(",", ":")) + "\n"


def _plain(value: float | None) -> str:
    return "null" if value is None else repr(value)


def _kept(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, tuple):  # a timer, or numbers of tasks
        return [_kept(item) for item in value]
    try:
        return len(value)
    except TypeError:
        return 0  # an answer of the fallback executor's, which was never pickled


def read_record(path: str | Path) -> Record:
    """What the recorder has left in this file, and in the older one beside it, is returned.

    Args:
        path: what `Pool(record=…)` was given.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no record of a known format.
    """
    path = Path(path)
    older = older_of(path)
    setting, entries, torn = _read(path)
    if older.exists():
        _, before, __ = _read(older)
        entries = [*before, *entries]
    return Record(setting, tuple(entries), torn)


def older_of(path: Path) -> Path:
    """Where a full file goes when the recorder begins another."""
    return path.with_name(path.name + ".1")


def _read(path: Path) -> tuple[dict[str, Any], list[Entry], bool]:
    lines = path.read_bytes().replace(b"\0", b"").split(b"\n")
    torn = bool(lines.pop())
    try:
        head = json.loads(lines[0])
        if head["format"] != FORMAT:
            raise ValueError(f"{path}: format {head['format']!r}; this reads format {FORMAT}")
        return head["setting"], list(_entries(lines[1:])), torn
    except (IndexError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: no record of format {FORMAT}: {error}") from error


def _entries(lines: list[bytes]) -> Iterator[Entry]:
    for line in lines:
        kind, at, *values = json.loads(line)
        fields = dict(zip(_FIELDS[_KINDS[kind]], values, strict=True))
        if kind == "TimerFired":
            fields["timer"] = Timer(TimerKind(fields["timer"][0]), fields["timer"][1])
        yield Entry(at, kind, fields)

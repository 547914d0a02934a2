"""The record: what the flight recorder writes, one line of JSON for each event the core was told.

The first line of a file is an object, its head. Each other line is a list: the event's name, the
nanoseconds of the driver's clock, and the event's fields in order; those at the end that have their
defaults may be missing. Of a payload only the number of bytes is kept, of long words the beginning.
What the core asked for is not kept: it is a pure function, so the events and the setting tell it.

A record has up to two files, `path` and the older `path.1`. Behind the last line there may be null
bytes, and a line that is not whole: its writer was killed.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import frozen

from pool import events as told
from pool.events import Reply, Timer, TimerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pool.config import PoolConfig
    from pool.events import Event

FORMAT: Final = 1
HEAD_BEGINS: Final = b'{"format":'
TEXT_MAX: Final = 500
# A file's names of the events, which stay when a class gets a better one.
KINDS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "PoolStarted": told.PoolStarted,
        "TaskSubmitted": told.TaskSubmitted,
        "CancelRequested": told.CancelRequested,
        "KillRequested": told.KillRequested,
        "SessionOpened": told.SessionOpened,
        "SessionReopened": told.SessionReopened,
        "SessionCloseRequested": told.SessionCloseRequested,
        "FallbackEnded": told.FallbackEnded,
        "ShutdownRequested": told.ShutdownRequested,
        "WorkerReady": told.WorkerReady,
        "WorkerInitFailed": told.WorkerInitFailed,
        "SpawnFailed": told.SpawnFailed,
        "ResultReceived": told.ResultReceived,
        "TasksRecalled": told.TasksRecalled,
        "HealthReported": told.HealthReported,
        "FrameCorrupt": told.FrameCorrupt,
        "WorkerExited": told.WorkerExited,
        "WorkerReaped": told.WorkerReaped,
        "TimerFired": told.TimerFired,
    }
)
_NAMES: Final[Mapping[type, str]] = MappingProxyType({kind: name for name, kind in KINDS.items()})
_FIELDS: Final = {kind: tuple(it.name for it in attrs.fields(kind)) for kind in KINDS.values()}
# What the core goes by; the rest of the configuration is the driver's.
_SETTINGS: Final = (
    "size", "max_overflow", "overflow_idle", "lazy", "strategy", "queue_limit", "prefetch",
    "task_timeout", "init_timeout", "health_interval", "health_timeout", "health_failures_max",
    "session_ttl", "tasks_max", "age_max", "grace", "retry", "breaker",
)  # fmt: skip

# What the recorder fills in by itself for each task, as `line_of` would, without their defaults.
SUBMITTED: Final = b'["TaskSubmitted",%d,%d]\n'
RETURNED: Final = b'["ResultReceived",%d,%d,%d,%d,"returned",%d]\n'


@frozen
class Head:
    """The first line of each file of a record.

    Attributes:
        run: stands for one pool, and for no other.
        segment: how many files of the same run came before.
        began: when the pool was made, in seconds since 1970.
        clock: the driver's seconds at that moment.
        setting: what of the pool's configuration the core goes by.
        format: how the lines are to be read.
    """

    run: str
    segment: int
    began: float
    clock: float
    setting: Mapping[str, Any]
    format: int = FORMAT


@frozen
class Entry:
    """One event of a record.

    Attributes:
        at: when the core was told, in driver seconds.
        event: what it was told; a payload in it is the number of its bytes.
    """

    at: float
    event: Event


@frozen
class Record:
    """What a flight recorder has left; iterating over it yields each `Entry`, in order.

    Attributes:
        head: of the pool that was recorded.
        complete: whether the record goes back to the pool's start; if not, it was bounded.
        torn: whether the last line was not whole: its writer was killed while it wrote.
    """

    head: Head
    complete: bool
    torn: bool
    _lines: tuple[bytes, ...] = attrs.field(repr=False)

    def __iter__(self) -> Iterator[Entry]:
        """Each event that is whole is yielded, in order.

        Raises:
            ValueError: a line is none of this format.
        """
        for lines in self._lines:
            for line in lines.splitlines():
                yield entry_of(line)


def settings_of(config: PoolConfig) -> dict[str, Any]:
    """What the core goes by, as plain data; of a fallback executor only that there is one.

    Args:
        config: the pool's configuration.
    """
    values = {name: getattr(config, name) for name in _SETTINGS}
    for name, value in values.items():
        if attrs.has(type(value)):
            values[name] = attrs.asdict(value)
    values["fallback"] = config.fallback is not None
    return values


def head_line(head: Head) -> bytes:
    """The head's line is returned; it begins with `HEAD_BEGINS`."""
    values = {"format": head.format, **attrs.asdict(head)}
    return json.dumps(values, separators=(",", ":"), default=dict).encode() + b"\n"


def line_of(event: Event, now: float) -> bytes:
    """The event's line is returned.

    Args:
        event: what the core was told.
        now: driver seconds.
    """
    kind: type = type(event)
    values = [_kept(name, getattr(event, name)) for name in _FIELDS[kind]]
    row = [_NAMES[kind], int(now * 1e9), *values]
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def head_of(line: bytes) -> Head:
    """The head that `head_line` wrote is returned.

    Raises:
        ValueError: it is none, or of another format.
    """
    try:
        head = Head(**json.loads(line))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no record: {error}") from error
    if head.format != FORMAT:
        raise ValueError(f"its format is {head.format}; this reads format {FORMAT}")
    return head


def entry_of(line: bytes) -> Entry:
    """The event that `line_of` wrote is returned.

    Raises:
        ValueError: it is no line of a record.
    """
    try:
        return _entry(json.loads(line))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"no line of a record: {line[:80]!r}: {error}") from error


def read_record(path: str | os.PathLike[str]) -> Record:
    """What the recorder has left in this file, and in the older one beside it, is returned.

    The older file belongs to it only if the same pool wrote it; a former pool's last file, which
    the recorder keeps, is read by its own name, `path.1`.

    Args:
        path: what `Pool(record=…)` was given.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no record of a known format.
    """
    path = Path(path)
    # In this order: the recorder may begin another file meanwhile.
    latest, before = _read(path), _read(older_of(path))
    if latest is None:  # it was killed as it began another file
        latest, before = before, None
    if latest is None:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        raise ValueError(f"{path}: there is no record")
    head, lines, torn = latest
    if before is not None and _follows(before[0], head):
        return Record(head, before[0].segment == 0, torn, (before[1], lines))
    return Record(head, head.segment == 0, torn, (lines,))


def older_of(path: Path) -> Path:
    """Where a full file goes when the recorder begins another."""
    return path.with_name(path.name + ".1")


_Segment = tuple[Head, bytes, bool]


def _read(path: Path) -> _Segment | None:
    """The file's head, its other whole lines, and whether there is a torn one; None if no head."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    null = data.find(b"\0")
    written = len(data) if null < 0 else null
    end = data.rfind(b"\n", 0, written) + 1
    if end == 0 and (written == 0 or data.startswith(HEAD_BEGINS)):
        return None
    begin = data.find(b"\n") + 1
    try:
        head = head_of(data[:begin])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return head, data[begin:end], end < written


def _follows(before: Head, after: Head) -> bool:
    return (before.run, before.segment + 1) == (after.run, after.segment)


def _kept(name: str, value: Any) -> Any:
    if name == "payload":
        return len(value) if hasattr(value, "__len__") else None
    return value[:TEXT_MAX] if isinstance(value, str) else value


def _entry(row: list[Any]) -> Entry:
    name, at, *values = row
    kind = KINDS[name]
    names = _FIELDS[kind]
    if len(values) > len(names):
        raise ValueError(f"{name} has {len(names)} fields at most")
    fields = {
        name: _CONVERTERS[name](value) if name in _CONVERTERS and value is not None else value
        for name, value in zip(names, values, strict=False)
    }
    return Entry(at / 1e9, kind(**fields))


_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "reply": Reply,
        "timer": lambda pair: Timer(TimerKind(pair[0]), pair[1]),
        "tasks": tuple,
    }
)

"""The pool's configuration: one frozen value, checked when it is made."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import Attribute, converters, field, frozen, validators

from pool.breaker import BreakerPolicy
from pool.recovery import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pool.telemetry_events import TelemetryEvent

FRAME_BYTES_MAX = 1 << 30
RECORD_BYTES_MAX = 1 << 26
STRATEGIES = ("lifo", "fifo")


def _whole(low: int) -> Any:
    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{attribute.name} must be a whole number, not {value!r}")
        if value < low:
            raise ValueError(f"{attribute.name} must be at least {low}, not {value}")

    return check


def _check_seconds(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be a number of seconds, not {value!r}")
    if not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0 seconds, not {value}")


def _is_a(kind: type) -> Any:
    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"{attribute.name} must be a {kind.__name__}, not {value!r}")

    return check


def _flag(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be True or False, not {value!r}")


def _strategy(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if value not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise ValueError(f"{attribute.name} must be one of {known}, not {value!r}")


def _initializer(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{attribute.name} must be callable, not {value!r}")


def _arguments(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple):
        raise TypeError(f"{attribute.name} must be a tuple, not {value!r}")


def _names(value: Iterable[str]) -> tuple[str, ...]:
    if not isinstance(value, (tuple, list)) or not all(isinstance(name, str) for name in value):
        raise TypeError(f"preload must be names of modules, as a tuple of strings, not {value!r}")
    return tuple(value)


def _path(value: str | os.PathLike[str]) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"record must be the path of a file, not {value!r}")
    return Path(value)


def _callbacks(value: Any) -> tuple[Callable[[TelemetryEvent], object], ...]:
    callbacks = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"telemetry must be callable, or a tuple of those, not {callback!r}")
    return callbacks


def _start_method(_: Any, attribute: Attribute[Any], value: str) -> None:
    known = multiprocessing.get_all_start_methods()
    if value not in known:
        raise ValueError(f"{attribute.name} must be one of {', '.join(known)}, not {value!r}")


_seconds: Any = _check_seconds
_maybe_seconds: Any = validators.optional(_check_seconds)


@frozen(kw_only=True)
class PoolConfig:
    """How a pool behaves; immutable and valid once made.

    Attributes:
        size: how many workers the pool keeps.
        max_overflow: how many more may start while tasks wait.
        overflow_idle: seconds without work after which a worker beyond `size` is retired.
        lazy: whether workers start only when tasks wait for them.
        strategy: which idle worker gets the next task: the last to become idle (`lifo`), or the
            first (`fifo`).
        queue_limit: how many tasks may wait for a worker; None for no bound.
        prefetch: how many tasks may be sent ahead to a worker that answers quickly, while many
            wait; they are taken back if it stalls.
        task_timeout: seconds; the deadline of tasks that name none; None for no bound.
        init_timeout: seconds a worker may take to start; None for no bound.
        health_interval: seconds between health checks of idle workers; None for no checks.
        health_timeout: seconds a worker may take to answer one.
        health_failures_max: so many unanswered checks in a row, and the worker is removed.
        session_ttl: seconds without a task after which a session is closed; None for never.
        tasks_max: so many tasks, and a worker is recycled; None for never.
        age_max: seconds after which a worker is recycled; None for never.
        memory_limit: bytes of resident memory above which a worker is recycled; None for never.
        retry: what is done about a lost task that may run again.
        breaker: when failed starts of workers stop further starts, and when they break the pool.
        fallback: an executor that gets tasks when no worker can start; None for none.
        grace: seconds that workers get to end by themselves when they are told to.
        start_method: `forkserver`, `fork` or `spawn`, as in `multiprocessing`.
        initializer: called in each worker before its first task; must be importable there.
        initargs: its arguments.
        preload: names of modules which the forkserver imports once for all workers.
        frame_bytes_max: bytes; the largest pickled task or result.
        telemetry: a callback that is told what happens, or several; see `pool/telemetry.py`.
        record: path of the flight recorder's file; None for none.
        record_bytes_max: bytes; the largest that file may become.

    Raises:
        ValueError: a value is out of its range.
        TypeError: a value is of a wrong type.
    """

    size: int = field(factory=lambda: os.cpu_count() or 1, validator=_whole(1))
    max_overflow: int = field(default=0, validator=_whole(0))
    overflow_idle: float = field(default=5.0, validator=_seconds)
    lazy: bool = field(default=False, validator=_flag)
    strategy: str = field(default="lifo", validator=_strategy)
    queue_limit: int | None = field(default=None, validator=validators.optional(_whole(0)))
    prefetch: int = field(default=16, validator=_whole(0))
    task_timeout: float | None = field(default=None, validator=_maybe_seconds)
    init_timeout: float | None = field(default=60.0, validator=_maybe_seconds)
    health_interval: float | None = field(default=30.0, validator=_maybe_seconds)
    health_timeout: float = field(default=5.0, validator=_seconds)
    health_failures_max: int = field(default=3, validator=_whole(1))
    session_ttl: float | None = field(default=300.0, validator=_maybe_seconds)
    tasks_max: int | None = field(default=None, validator=validators.optional(_whole(1)))
    age_max: float | None = field(default=None, validator=_maybe_seconds)
    memory_limit: int | None = field(default=None, validator=validators.optional(_whole(1)))
    retry: RetryPolicy = field(default=RetryPolicy(), validator=_is_a(RetryPolicy))
    breaker: BreakerPolicy = field(default=BreakerPolicy(), validator=_is_a(BreakerPolicy))
    fallback: concurrent.futures.Executor | None = field(
        default=None, validator=validators.optional(_is_a(concurrent.futures.Executor))
    )
    grace: float = field(default=5.0, validator=_seconds)
    start_method: str = field(default="forkserver", validator=_start_method)
    initializer: Callable[..., object] | None = field(default=None, validator=_initializer)
    initargs: tuple[Any, ...] = field(default=(), validator=_arguments)
    preload: tuple[str, ...] = field(default=(), converter=_names)
    frame_bytes_max: int = field(default=FRAME_BYTES_MAX, validator=_whole(1024))
    telemetry: tuple[Callable[[TelemetryEvent], object], ...] = field(
        default=(), converter=_callbacks
    )
    record: Path | None = field(default=None, converter=converters.optional(_path))
    record_bytes_max: int = field(default=RECORD_BYTES_MAX, validator=_whole(1 << 16))

    def __attrs_post_init__(self) -> None:
        if self.queue_limit == 0 and (self.lazy or self.max_overflow):
            raise ValueError(
                "queue_limit must be at least 1 with lazy or max_overflow, not 0: "
                "a task waits while a worker starts for it"
            )

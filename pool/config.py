"""The pool's configuration: one frozen value, checked when it is made."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen, validators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FRAME_BYTES_MAX = 1 << 30


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
        queue_limit: how many tasks may wait for a worker; None for no bound.
        task_timeout: seconds; the deadline of tasks that name none; None for no bound.
        init_timeout: seconds a worker may take to start; None for no bound.
        grace: seconds that workers get to end by themselves when the pool shuts down.
        start_failures_max: so many failed starts in a row, and the pool is broken.
        start_method: `forkserver`, `fork` or `spawn`, as in `multiprocessing`.
        initializer: called in each worker before its first task; must be importable there.
        initargs: its arguments.
        preload: names of modules which the forkserver imports once for all workers.
        frame_bytes_max: bytes; the largest pickled task or result.

    Raises:
        ValueError: a value is out of its range.
        TypeError: a value is of a wrong type.
    """

    size: int = field(factory=lambda: os.cpu_count() or 1, validator=_whole(1))
    queue_limit: int | None = field(default=None, validator=validators.optional(_whole(0)))
    task_timeout: float | None = field(default=None, validator=_maybe_seconds)
    init_timeout: float | None = field(default=60.0, validator=_maybe_seconds)
    grace: float = field(default=5.0, validator=_seconds)
    start_failures_max: int = field(default=3, validator=_whole(1))
    start_method: str = field(default="forkserver", validator=_start_method)
    initializer: Callable[..., object] | None = field(default=None, validator=_initializer)
    initargs: tuple[Any, ...] = field(default=(), validator=_arguments)
    preload: tuple[str, ...] = field(default=(), converter=_names)
    frame_bytes_max: int = field(default=FRAME_BYTES_MAX, validator=_whole(1024))

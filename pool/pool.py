"""The pool's public face: an executor whose workers are processes."""

from __future__ import annotations

import concurrent.futures
import weakref
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from attrs import frozen

from pool.config import PoolConfig
from pool.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.futures import TaskFuture

P = ParamSpec("P")
T = TypeVar("T")


class Pool(concurrent.futures.Executor):
    """Runs functions in worker processes and tells the truth about each.

    Either `Pool(size=4, …)` with the fields of `PoolConfig`, or `Pool(config=…)`.

    Args:
        config: the whole configuration; no other argument may be given with it.
        **settings: fields of `PoolConfig`.

    Raises:
        ValueError: a setting is out of its range.
        TypeError: a setting is unknown, of a wrong type, or given besides `config`.
    """

    def __init__(self, *, config: PoolConfig | None = None, **settings: Any) -> None:
        if config is not None and settings:
            raise TypeError(f"give config or {', '.join(sorted(settings))}, not both")
        self.config = config if config is not None else PoolConfig(**settings)
        self._loop = Loop(self.config)
        # A pool that is dropped runs what it accepted and then ends, like the standard one.
        weakref.finalize(self, self._loop.let_go).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """The call is accepted, and its future returned.

        Args:
            fn: what a worker calls; importable there.
            *args: its positional arguments.
            **kwargs: its keyword arguments; no option of the pool ever takes one of them.

        Raises:
            PoolSaturated: `queue_limit` tasks are waiting.
            PoolShutdown: the pool was shut down.
            PoolBroken: its workers do not start any more.
            PayloadError: the call cannot be pickled.
        """
        return self._loop.submit((fn, args, kwargs))

    def options(
        self, *, deadline: float | None = None, idempotent: bool = False, retries: int | None = None
    ) -> Submitter:
        """A view of this pool is returned whose `submit` applies these options.

        Args:
            deadline: seconds from the submit until the task must have resolved.
            idempotent: whether the function may be started again after its worker was lost.
            retries: how many times; 1 unless given. Needs `idempotent`.

        Raises:
            ValueError: a value is out of its range, or `retries` is given without `idempotent`.
        """
        if retries is not None and not idempotent:
            raise ValueError("retries needs idempotent=True: only such a function may start twice")
        if deadline is not None and not deadline > 0:
            raise ValueError(f"deadline must be more than 0 seconds, not {deadline!r}")
        if retries is not None and retries < 0:
            raise ValueError(f"retries must be at least 0, not {retries!r}")
        if retries is None:
            retries = 1 if idempotent else 0
        return Submitter(self._loop, deadline, retries)

    def shutdown(
        self, wait: bool = True, *, cancel_futures: bool = False, grace: float | None = None
    ) -> None:
        """The pool accepts nothing more, and ends; when `wait` is true, it has ended.

        Args:
            wait: whether to return only when nothing of the pool is left.
            cancel_futures: whether waiting tasks are cancelled instead of run.
            grace: seconds after which what still runs is killed and resolves with `PoolShutdown`;
                None lets the accepted tasks finish.
        """
        if grace is not None and not grace >= 0:
            raise ValueError(f"grace must be at least 0 seconds, not {grace!r}")
        self._loop.shutdown(cancel_waiting=cancel_futures, grace=grace)
        if wait:
            self._loop.join()

    def pids(self) -> dict[int, int]:
        """The process identifier of each live worker, by the worker's number."""
        return self._loop.pids()


@frozen
class Submitter:
    """A pool's `submit` with options applied; made by `Pool.options`."""

    _loop: Loop
    _deadline: float | None
    _retries: int

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]:
        """As `Pool.submit`, with the options that this view was made with."""
        call = (fn, args, kwargs)
        return self._loop.submit(call, deadline=self._deadline, retries=self._retries)

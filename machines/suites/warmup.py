"""Warming up: what is done once is done before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.bench.adapter import Futures
from machines.bench.trial import WINDOW, rate
from machines.bench.work import noop
from machines.harness import ensure_pool_ready

if TYPE_CHECKING:
    from concurrent.futures import Executor

CALLS: Final = 1_000
LIMIT_S: Final = 60.0


def warmup_pool(pool: Executor, workers: int, calls: int = CALLS) -> None:
    """So many workers can take work, and so many calls have been run, many of them at once.

    Args:
        pool: any executor whose workers are known; see `machines.harness.ensure_pool_ready`.
        workers: how many it has.
        calls: how many no-ops.

    Raises:
        WaitedTooLong: so many workers were not ready in time.
    """
    ensure_pool_ready(pool, workers, LIMIT_S)
    rate(adapted_of(pool), noop, (), calls, WINDOW)


def adapted_of(pool: Executor) -> Any:
    """The pool behind the bench's small face.

    Args:
        pool: any executor.
    """
    return Futures(pool.submit, pool.shutdown)

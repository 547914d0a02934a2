"""Warming up: what is done once is done before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.bench.adapter import Futures
from machines.bench.meeting import all_answer
from machines.bench.trial import WINDOW, rate
from machines.bench.work import noop

if TYPE_CHECKING:
    from concurrent.futures import Executor

CALLS: Final = 1_000
LIMIT_S: Final = 60.0


def warmup_pool(pool: Executor, workers: int, calls: int = CALLS) -> None:
    """Every worker has met the others and answered, and so many calls have been run.

    Args:
        pool: any executor.
        workers: how many it has.
        calls: how many no-ops.

    Raises:
        TimeoutError: so many workers did not answer in time.
    """
    adapted = adapted_of(pool)
    all_answer(adapted, workers, LIMIT_S)
    rate(adapted, noop, (), calls, WINDOW)


def adapted_of(pool: Executor) -> Any:
    """The pool behind the bench's small face.

    Args:
        pool: any executor.
    """
    return Futures(pool.submit, pool.shutdown)

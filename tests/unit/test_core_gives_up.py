"""What becomes of running tasks when the pool has given up starting workers."""

from __future__ import annotations

import pytest

from pool.config import PoolConfig
from pool.core import Core
from pool.effects import Ending, ResolveTask
from pool.events import (
    PoolStarted,
    ShutdownRequested,
    SpawnFailed,
    TaskSubmitted,
    WorkerExited,
    WorkerReady,
)


def broken_while_busy(*, closing: bool) -> Core:
    """A core whose worker 0 holds an idempotent task, and whose other worker never starts."""
    core = Core(PoolConfig(size=2, start_failures_max=1, init_timeout=None))
    core.handle(PoolStarted(), 0.0)
    core.handle(WorkerReady(0), 0.0)
    core.handle(TaskSubmitted(0, retries=5), 0.0)
    if closing:
        core.handle(TaskSubmitted(1), 0.0)
        core.handle(ShutdownRequested(), 0.0)
    core.handle(SpawnFailed(1), 0.0)
    return core


@pytest.mark.parametrize("closing", [False, True])
def test_an_idempotent_task_is_lost_because_no_worker_would_come_for_it(closing: bool) -> None:
    core = broken_while_busy(closing=closing)
    asked = core.handle(WorkerExited(0, -9, 0), 1.0)
    (outcome,) = [effect.outcome for effect in asked if isinstance(effect, ResolveTask)]
    assert (outcome.ending, outcome.started) == (Ending.LOST, True)
    assert core.tasks == {}

"""A process pool that tells the truth about every task: `from pool import Pool`."""

from pool.config import PoolConfig
from pool.errors import (
    FrameError,
    LifecycleError,
    PayloadError,
    PoolBroken,
    PoolError,
    PoolSaturated,
    PoolShutdown,
    TaskCancelled,
    TaskTimeout,
    WorkerLost,
)
from pool.futures import TaskFuture
from pool.pool import Pool

__all__ = [
    "FrameError",
    "LifecycleError",
    "PayloadError",
    "Pool",
    "PoolBroken",
    "PoolConfig",
    "PoolError",
    "PoolSaturated",
    "PoolShutdown",
    "TaskCancelled",
    "TaskFuture",
    "TaskTimeout",
    "WorkerLost",
]

"""A process pool that tells the truth about every task: `from pool import Pool`."""

from pool.breaker import BreakerPolicy
from pool.config import PoolConfig
from pool.errors import (
    FrameError,
    LifecycleError,
    PayloadError,
    PoolBroken,
    PoolError,
    PoolForked,
    PoolSaturated,
    PoolShutdown,
    SessionLost,
    TaskCancelled,
    TaskTimeout,
    WorkerLost,
)
from pool.futures import TaskFuture
from pool.pool import Pool
from pool.record import Record, read_record
from pool.recovery import Backoff, Category, RetryPolicy, Severity, Shape, Strategy
from pool.session import Session
from pool.stats import PoolStats, WorkerStats
from pool.telemetry import TaskDone, TasksResolved, TelemetryEvent

__all__ = [
    "Backoff",
    "BreakerPolicy",
    "Category",
    "FrameError",
    "LifecycleError",
    "PayloadError",
    "Pool",
    "PoolBroken",
    "PoolConfig",
    "PoolError",
    "PoolForked",
    "PoolSaturated",
    "PoolShutdown",
    "PoolStats",
    "Record",
    "RetryPolicy",
    "Session",
    "SessionLost",
    "Severity",
    "Shape",
    "Strategy",
    "TaskCancelled",
    "TaskDone",
    "TaskFuture",
    "TaskTimeout",
    "TasksResolved",
    "TelemetryEvent",
    "WorkerLost",
    "WorkerStats",
    "read_record",
]

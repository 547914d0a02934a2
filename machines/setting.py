"""The setting: the part of the pool's configuration that a trace chooses."""

from __future__ import annotations

import concurrent.futures
import functools
from typing import Final

from attrs import field, frozen, validators

from machines.checks import interval, one_of, whole
from pool.breaker import BreakerPolicy
from pool.config import STRATEGIES, PoolConfig
from pool.recovery import Backoff, Category, RetryPolicy, Shape, Strategy

COUNT_MAX: Final = 9_999
SIZE_MAX: Final = 16


@frozen
class Setting:
    """The part of the pool's configuration that a trace chooses.

    Attributes:
        size: workers.
        queue_limit: tasks that may wait; None for no bound.
        start_failures_max: failed starts in a row until the breaker opens.
        openings_max: how often in a row it may open without the pool's being broken.
        prefetch: tasks that may be sent ahead to a worker.
        tasks_max: tasks after which a worker is recycled; None for never.
        age_max: seconds after which a worker is recycled; None for never.
        health_interval: seconds between health checks; None for none.
        session_ttl: seconds without a task after which a session is closed; None for never.
        max_overflow: how many more workers may live while tasks wait.
        lazy: whether workers start only when tasks wait for them.
        strategy: which idle worker gets the next task, `lifo` or `fifo`.
        health_failures_max: unanswered health checks in a row until a worker is removed.
        probes_max: how many starts a half-open breaker lets through at once.
        lost: what is done about an idempotent task whose worker was lost.
        backoff: how waits grow where that is `backoff_retry`.
        fallback: whether there is an executor for tasks that no worker can serve.
    """

    size: int = field(default=2, validator=whole(1, SIZE_MAX))
    queue_limit: int | None = field(
        default=None, validator=validators.optional(whole(0, COUNT_MAX))
    )
    start_failures_max: int = field(default=3, validator=whole(1, 100))
    openings_max: int = field(default=0, validator=whole(0, 100))
    prefetch: int = field(default=0, validator=whole(0, 100))
    tasks_max: int | None = field(default=None, validator=validators.optional(whole(1, 100)))
    age_max: float | None = field(default=None, validator=validators.optional(interval))
    health_interval: float | None = field(default=None, validator=validators.optional(interval))
    session_ttl: float | None = field(default=None, validator=validators.optional(interval))
    max_overflow: int = field(default=0, validator=whole(0, SIZE_MAX))
    lazy: bool = False
    strategy: str = field(default="lifo", validator=one_of(STRATEGIES))
    health_failures_max: int = field(default=3, validator=whole(1, 100))
    probes_max: int = field(default=1, validator=whole(1, 100))
    lost: str = field(default=Strategy.IMMEDIATE_RETRY.value, validator=one_of(Strategy))
    backoff: str = field(default=Shape.EXPONENTIAL.value, validator=one_of(Shape))

    fallback: bool = False

    def __attrs_post_init__(self) -> None:
        if self.queue_limit == 0 and (self.lazy or self.max_overflow):
            raise ValueError("queue_limit must be 1 or more with lazy or max_overflow, not 0")

    def config(self) -> PoolConfig:
        """The pool's whole configuration, with virtual seconds that the machines know."""
        return _config_of(self)


# Nobody ever calls it: the world itself does what the pool would ask of it.
ELSEWHERE: Final = concurrent.futures.Executor()
_OF_LOST_WORKERS: Final = (Category.CONNECTION, Category.COMMUNICATION)
INIT_TIMEOUT_S: Final = 60.0
GRACE_S: Final = 5.0
FRAME_BYTES_MAX: Final = 1 << 22


@functools.lru_cache(maxsize=1024)
def _config_of(setting: Setting) -> PoolConfig:
    return PoolConfig(
        size=setting.size,
        max_overflow=setting.max_overflow,
        lazy=setting.lazy,
        strategy=setting.strategy,
        queue_limit=setting.queue_limit,
        prefetch=setting.prefetch,
        tasks_max=setting.tasks_max,
        age_max=setting.age_max,
        health_interval=setting.health_interval,
        health_failures_max=setting.health_failures_max,
        session_ttl=setting.session_ttl,
        fallback=ELSEWHERE if setting.fallback else None,
        retry=RetryPolicy(
            backoff=Backoff(shape=Shape(setting.backoff)),
            strategies=dict.fromkeys(_OF_LOST_WORKERS, Strategy(setting.lost)),
        ),
        breaker=BreakerPolicy(
            failures_max=setting.start_failures_max,
            probes_max=setting.probes_max,
            openings_max=setting.openings_max,
            killings_max=setting.openings_max,
        ),
        init_timeout=INIT_TIMEOUT_S,
        grace=GRACE_S,
        frame_bytes_max=FRAME_BYTES_MAX,
    )

"""What of a pool's configuration its promises speak of: the first record of a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from model.recovery import Waits


@frozen
class Configured:
    """What else of the pool's configuration its promises speak of; times are in seconds.

    Attributes:
        waits: how lost tasks are tried again.
        falls_back: whether there is a fallback executor.
        init_timeout: how long a start may take; None for no bound.
        health_interval: between health checks; None for none.
        health_timeout: how long the answer to one may take.
        health_failures_max: so many unanswered in a row, and the worker is removed.
        session_ttl: without a task, after which a session is closed; None for never.
        tasks_max: so many tasks, and a worker is recycled; None for never.
        age_max: after which a worker is recycled; None for never.
        overflow_idle: without work, after which a worker beyond the pool's size is retired.
        cooldown: for which the breaker stays open the first time.
        cooldown_max: never longer than this.
        openings_max: so often in a row it may open, and the next time the pool is broken.
        killings_max: the same, where those starts were killed.
        last_first: whether the last worker to become idle gets the next task.
    """

    waits: Waits
    falls_back: bool
    init_timeout: float | None
    health_interval: float | None
    health_timeout: float
    health_failures_max: int
    session_ttl: float | None
    tasks_max: int | None
    age_max: float | None
    overflow_idle: float
    cooldown: float
    cooldown_max: float
    openings_max: int
    killings_max: int
    last_first: bool = True

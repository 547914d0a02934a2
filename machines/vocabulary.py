"""The one map between the pool's words and the model's.

Written out word by word, so that a word which changes its meaning in one of the two has to be
changed here by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from model import history as saw
from model.recovery import Waits
from pool import effects as do
from pool.breaker import BreakerBecause, BreakerState
from pool.effects import Ending, Refusal
from pool.lifecycle import Because, WorkerState
from pool.recovery import Category, Severity, Shape, Strategy, Treatment
from pool.sessions import SessionBecause, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig
    from pool.recovery import RetryPolicy

STATES: Final = {
    WorkerState.INITIALIZING: "initializing",
    WorkerState.READY: "ready",
    WorkerState.BUSY: "busy",
    WorkerState.DEGRADED: "degraded",
    WorkerState.TERMINATING: "terminating",
    WorkerState.TERMINATED: "terminated",
}

REASONS: Final = {
    Because.INIT_COMPLETE: "init_complete",
    Because.INIT_FAILED: "init_failed",
    Because.INIT_TIMEOUT: "init_timeout",
    Because.SPAWN_FAILED: "spawn_failed",
    Because.CHECKOUT: "checkout",
    Because.CHECKIN_SUCCESS: "checkin_success",
    Because.CHECKIN_ERROR: "checkin_error",
    Because.HEALTH_CHECK_FAILED: "health_check_failed",
    Because.HEALTH_CHECK_LIMIT: "health_check_limit",
    Because.HEALTH_RESTORED: "health_restored",
    Because.RECOVERY_DEGRADE: "recovery_degrade",
    Because.RECYCLE: "recycle",
    Because.TIMEOUT: "timeout",
    Because.CANCELLED: "cancelled",
    Because.EXITED: "exited",
    Because.CORRUPT: "corrupt",
    Because.SHUTDOWN: "shutdown",
    Because.REAPED: "reaped",
}

SESSION_STATES: Final = {
    SessionState.OPENED: "opened",
    SessionState.PLACED: "placed",
    SessionState.LOST: "lost",
    SessionState.CLOSING: "closing",
    SessionState.CLOSED: "closed",
}

SESSION_REASONS: Final = {
    SessionBecause.FIRST_TASK: "first_task",
    SessionBecause.WORKER_LOST: "worker_lost",
    SessionBecause.REOPENED: "reopened",
    SessionBecause.CLOSE_REQUESTED: "close_requested",
    SessionBecause.DRAINED: "drained",
    SessionBecause.EXPIRED: "expired",
    SessionBecause.SHUTDOWN: "shutdown",
}

BREAKER_STATES: Final = {
    BreakerState.CLOSED: "closed",
    BreakerState.OPEN: "open",
    BreakerState.HALF_OPEN: "half_open",
}

BREAKER_REASONS: Final = {
    BreakerBecause.TRIPPED: "tripped",
    BreakerBecause.COOLED: "cooled",
    BreakerBecause.PROBE_FAILED: "probe_failed",
    BreakerBecause.PROBE_SUCCEEDED: "probe_succeeded",
}

ENDINGS: Final = {
    Ending.RETURNED: "returned",
    Ending.RAISED: "raised",
    Ending.CANCELLED: "cancelled",
    Ending.KILLED: "killed",
    Ending.TIMEOUT: "timeout",
    Ending.LOST: "lost",
    Ending.SESSION_LOST: "session_lost",
    Ending.SHUTDOWN: "shutdown",
    Ending.BROKEN: "broken",
}

REFUSALS: Final = {
    Refusal.SATURATED: "saturated",
    Refusal.SHUTDOWN: "shutdown",
    Refusal.BROKEN: "broken",
    Refusal.SESSION_LOST: "session_lost",
}


CATEGORIES: Final = {
    Category.INITIALIZATION: "initialization",
    Category.CONNECTION: "connection",
    Category.COMMUNICATION: "communication",
    Category.TIMEOUT: "timeout",
    Category.RESOURCE: "resource",
    Category.HEALTH_CHECK: "health_check",
    Category.SESSION: "session",
    Category.TASK: "task",
    Category.SYSTEM: "system",
}

SEVERITIES: Final = {
    Severity.WARNING: "warning",
    Severity.MINOR: "minor",
    Severity.MAJOR: "major",
    Severity.CRITICAL: "critical",
}

STRATEGIES: Final = {
    Strategy.IMMEDIATE_RETRY: "immediate_retry",
    Strategy.BACKOFF_RETRY: "backoff_retry",
    Strategy.CIRCUIT_BREAK: "circuit_break",
    Strategy.FAILOVER: "failover",
    Strategy.ABANDON: "abandon",
}

TREATMENTS: Final = {
    Treatment.RETRY: "retry",
    Treatment.DEGRADE: "degrade",
    Treatment.REMOVE: "remove",
    Treatment.REPLACE: "replace",
}

SHAPES: Final = {
    Shape.LINEAR: "linear",
    Shape.EXPONENTIAL: "exponential",
    Shape.FIBONACCI: "fibonacci",
    Shape.DECORRELATED: "decorrelated",
}


def waits_of(policy: RetryPolicy) -> Waits:
    """A retry policy, as the model reads it."""
    backoff = policy.backoff
    strategies = {CATEGORIES[kind]: STRATEGIES[way] for kind, way in policy.strategies.items()}
    shape = SHAPES[backoff.shape]
    return Waits(
        policy.immediate, shape, backoff.base, backoff.cap, backoff.attempts_max, strategies
    )


def opened(config: PoolConfig) -> saw.Opened:
    """How a pool's history begins."""
    return saw.Opened(
        config.size,
        config.queue_limit,
        config.grace,
        config.max_overflow,
        config.lazy,
        config.breaker.failures_max,
        config.breaker.probes_max,
    )


def configured(config: PoolConfig) -> saw.Configured:
    """What of a pool's configuration its promises speak of."""
    return saw.Configured(
        waits=waits_of(config.retry),
        falls_back=config.fallback is not None,
        init_timeout=config.init_timeout,
        health_interval=config.health_interval,
        health_timeout=config.health_timeout,
        health_failures_max=config.health_failures_max,
        session_ttl=config.session_ttl,
        tasks_max=config.tasks_max,
        age_max=config.age_max,
        overflow_idle=config.overflow_idle,
        cooldown=config.breaker.cooldown,
        cooldown_max=config.breaker.cooldown_max,
        openings_max=config.breaker.openings_max,
        killings_max=config.breaker.killings_max,
        last_first=config.strategy == "lifo",
    )


def _moved(effect: do.WorkerMoved) -> saw.Moved:
    before, after = STATES[effect.before], STATES[effect.after]
    return saw.Moved(effect.worker, before, REASONS[effect.because], after)


def _session_moved(effect: do.SessionMoved) -> saw.SessionMoved:
    before, after = SESSION_STATES[effect.before], SESSION_STATES[effect.after]
    return saw.SessionMoved(effect.session, before, SESSION_REASONS[effect.because], after)


def _breaker_moved(effect: do.BreakerMoved) -> saw.BreakerMoved:
    before, after = BREAKER_STATES[effect.before], BREAKER_STATES[effect.after]
    return saw.BreakerMoved(before, BREAKER_REASONS[effect.because], after)


def _retry_planned(effect: do.RetryPlanned) -> saw.RetryPlanned:
    strategy = STRATEGIES[effect.strategy]
    return saw.RetryPlanned(effect.task, effect.attempt, effect.delay, strategy)


def _troubled(effect: do.Trouble) -> saw.Troubled:
    category, severity = CATEGORIES[effect.category], SEVERITIES[effect.severity]
    treatment = TREATMENTS[effect.treatment]
    return saw.Troubled(effect.worker, category, severity, treatment, effect.detail)


# Resolutions are not here: only the driver can tell what value they carry. Neither are refused
# tasks: only the driver knows which session they were for.
RECORDS: Final[dict[type, Callable[[Any], saw.Record]]] = {
    do.SpawnWorker: lambda e: saw.StartAsked(e.worker),
    do.SendTask: lambda e: saw.Assigned(e.task, e.worker, e.ahead),
    do.FailOver: lambda e: saw.Diverted(e.task),
    do.RefuseSession: lambda e: saw.SessionRefused(e.session, REFUSALS[e.why]),
    do.WorkerMoved: _moved,
    do.SessionMoved: _session_moved,
    do.BreakerMoved: _breaker_moved,
    do.RetryPlanned: _retry_planned,
    do.Trouble: _troubled,
    do.CheckWorker: lambda e: saw.CheckAsked(e.worker, e.check),
    do.PoolBroke: lambda _: saw.Broke(),
    do.PoolClosed: lambda _: saw.Closed(),
}


def record_of(effect: do.Effect) -> saw.Record | None:
    """What an effect says to whoever watches the pool; None if it says nothing by itself."""
    make = RECORDS.get(type(effect))
    return None if make is None else make(effect)


def answered(effect: do.ResolveTask) -> saw.Answered:
    """What a resolution says of its task's history."""
    it = effect.outcome
    return saw.Answered(
        effect.task,
        None if it.category is None else CATEGORIES[it.category],
        None if it.severity is None else SEVERITIES[it.severity],
        None if it.strategy is None else STRATEGIES[it.strategy],
        it.attempt,
        it.worker,
        it.session,
        it.detail,
    )


def refused(effect: do.RefuseTask, session: int | None) -> saw.Refused:
    """A refusal, with the session that the task was for."""
    return saw.Refused(effect.task, REFUSALS[effect.why], session)


def resolved(effect: do.ResolveTask, value: Any) -> saw.Resolved:
    """A resolution, with the value that the driver found in its payload."""
    outcome = effect.outcome
    return saw.Resolved(effect.task, ENDINGS[outcome.ending], value, outcome.started)

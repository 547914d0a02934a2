"""Recovery: what kind an error is, how bad, and what is done about it.

Everything here is a pure function of the error and the policy; the one random choice (the
jittered back-off) comes from a generator that the caller seeds, so that a replay repeats it.

Source: design, "Errors and recovery".
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, field, frozen

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping


class Category(StrEnum):
    """What kind an error is."""

    INITIALIZATION = "initialization"
    CONNECTION = "connection"
    COMMUNICATION = "communication"
    TIMEOUT = "timeout"
    RESOURCE = "resource"
    HEALTH_CHECK = "health_check"
    SESSION = "session"
    TASK = "task"
    SYSTEM = "system"


class Severity(IntEnum):
    """How bad an error is; a larger one is worse."""

    WARNING = 1
    MINOR = 2
    MAJOR = 3
    CRITICAL = 4


class Strategy(StrEnum):
    """What is done about an error."""

    IMMEDIATE_RETRY = "immediate_retry"
    BACKOFF_RETRY = "backoff_retry"
    CIRCUIT_BREAK = "circuit_break"
    FAILOVER = "failover"
    ABANDON = "abandon"


class Treatment(StrEnum):
    """What becomes of the worker that failed."""

    RETRY = "retry"
    DEGRADE = "degrade"
    REMOVE = "remove"
    REPLACE = "replace"


class Shape(StrEnum):
    """How waits grow from one attempt to the next."""

    LINEAR = "linear"
    EXPONENTIAL = "exponential"
    FIBONACCI = "fibonacci"
    DECORRELATED = "decorrelated"


ESCALATES_AFTER: Final = 3
CRITICAL_ATTEMPTS_MAX: Final = 2

BASE_SEVERITY: Final[Mapping[Category, Severity]] = MappingProxyType(
    {
        Category.INITIALIZATION: Severity.CRITICAL,
        Category.CONNECTION: Severity.MAJOR,
        Category.COMMUNICATION: Severity.MAJOR,
        Category.TIMEOUT: Severity.MAJOR,
        Category.RESOURCE: Severity.CRITICAL,
        Category.HEALTH_CHECK: Severity.MINOR,
        Category.SESSION: Severity.MINOR,
        Category.TASK: Severity.MAJOR,
        Category.SYSTEM: Severity.CRITICAL,
    }
)

STRATEGIES: Final[Mapping[Category, Strategy]] = MappingProxyType(
    {
        Category.INITIALIZATION: Strategy.CIRCUIT_BREAK,
        Category.CONNECTION: Strategy.IMMEDIATE_RETRY,
        Category.COMMUNICATION: Strategy.IMMEDIATE_RETRY,
        Category.TIMEOUT: Strategy.ABANDON,
        Category.RESOURCE: Strategy.BACKOFF_RETRY,
        Category.HEALTH_CHECK: Strategy.BACKOFF_RETRY,
        Category.SESSION: Strategy.ABANDON,
        Category.TASK: Strategy.ABANDON,
        Category.SYSTEM: Strategy.ABANDON,
    }
)


def _positive(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be a number of seconds, not {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{attribute.name} must be more than 0 seconds, not {value}")


def _count(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{attribute.name} must be a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{attribute.name} must be at least 0, not {value}")


@frozen
class Backoff:
    """How long to wait before each further attempt.

    Attributes:
        shape: how waits grow.
        base: seconds; the first wait, and the least.
        cap: seconds; the longest wait.
        attempts_max: how many further attempts there are.

    Raises:
        ValueError: a value is out of its range.
        TypeError: a value is of a wrong type.
    """

    shape: Shape = field(default=Shape.EXPONENTIAL, converter=Shape)
    base: float = field(default=1.0, validator=_positive)
    cap: float = field(default=16.0, validator=_positive)
    attempts_max: int = field(default=5, validator=_count)

    def delay(self, attempt: int, rng: random.Random, previous: float = 0.0) -> float | None:
        """The seconds to wait are returned; None if there are no more attempts.

        Args:
            attempt: which further attempt it is, counted from 1.
            rng: for the `decorrelated` shape alone.
            previous: seconds; the wait before, for the `decorrelated` shape alone.
        """
        if attempt > self.attempts_max:
            return None
        return min(self.cap, self._grown(attempt, rng, previous))

    def _grown(self, attempt: int, rng: random.Random, previous: float) -> float:
        if self.shape is Shape.LINEAR:
            return self.base * attempt
        if self.shape is Shape.EXPONENTIAL:
            return self.base * 2.0 ** min(attempt - 1, 64)
        if self.shape is Shape.FIBONACCI:
            return self.base * _fibonacci(attempt)
        # M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015
        highest = max(self.base, 3.0 * previous)
        return self.base + (highest - self.base) * rng.random()


def _fibonacci(number: int) -> int:
    last, this = 0, 1
    for _ in range(min(number, 90) - 1):
        last, this = this, last + this
    return this


def _is_backoff(_: Any, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, Backoff):
        raise TypeError(f"{attribute.name} must be a Backoff, not {value!r}")


def _waits(value: Any) -> tuple[float, ...]:
    waits = tuple(value)
    if not all(isinstance(wait, (int, float)) and 0 <= wait < float("inf") for wait in waits):
        raise ValueError(f"immediate must be seconds of at least 0, not {value!r}")
    return waits


def _strategies(
    value: Mapping[Category, Strategy] | Mapping[str, str],
) -> Mapping[Category, Strategy]:
    chosen = {Category(category): Strategy(strategy) for category, strategy in value.items()}
    return MappingProxyType({**STRATEGIES, **chosen})


@frozen
class RetryPolicy:
    """What is done about a lost task that may run again.

    Attributes:
        immediate: seconds before each retry of the strategy `immediate_retry`.
        backoff: the waits of the strategy `backoff_retry`.
        strategies: the strategy for an error's category; those not named keep their default.
        seed: of the generator that the `decorrelated` shape draws from.

    Raises:
        ValueError: a value is out of its range, or no such category or strategy exists.
        TypeError: a value is of a wrong type.
    """

    immediate: tuple[float, ...] = field(default=(0.0, 0.1, 0.2), converter=_waits)
    backoff: Backoff = field(factory=Backoff, validator=_is_backoff)
    strategies: Mapping[Category, Strategy] = field(
        factory=lambda: STRATEGIES, converter=_strategies, hash=False
    )
    seed: int = field(default=0, validator=_count)

    def __reduce__(self) -> tuple[Any, ...]:  # a mapping proxy cannot be pickled
        return type(self), (self.immediate, self.backoff, dict(self.strategies), self.seed)


@frozen
class Decision:
    """What is done about one error.

    Attributes:
        delay: seconds until the next attempt; None if there is none.
    """

    strategy: Strategy
    severity: Severity
    delay: float | None = None


def severity_of(category: Category, attempts: int, *, touches_all: bool = False) -> Severity:
    """How bad an error is.

    Args:
        category: its kind.
        attempts: how many attempts have failed with it.
        touches_all: whether no worker is left that it does not touch.
    """
    base = BASE_SEVERITY[category]
    if touches_all:
        return Severity.CRITICAL
    if attempts > ESCALATES_AFTER:
        return Severity(min(base + 1, Severity.CRITICAL))
    return base


def decide(
    policy: RetryPolicy,
    category: Category,
    attempts: int,
    rng: random.Random,
    *,
    touches_all: bool = False,
    previous: float = 0.0,
) -> Decision:
    """What is done about an error of a task that may run again.

    Args:
        policy: the strategies and their waits.
        category: the error's kind.
        attempts: how many attempts have failed, this one counted.
        rng: for jitter.
        touches_all: whether no worker is left that the error does not touch.
        previous: seconds; the wait before this attempt.
    """
    severity = severity_of(category, attempts, touches_all=touches_all)
    strategy = policy.strategies[category]
    if severity is Severity.CRITICAL and attempts >= CRITICAL_ATTEMPTS_MAX:
        return Decision(Strategy.ABANDON, severity)
    if strategy is Strategy.IMMEDIATE_RETRY and attempts <= len(policy.immediate):
        return Decision(strategy, severity, policy.immediate[attempts - 1])
    if strategy is Strategy.BACKOFF_RETRY:
        delay = policy.backoff.delay(attempts, rng, previous)
        if delay is not None:
            return Decision(strategy, severity, delay)
    if strategy in (Strategy.CIRCUIT_BREAK, Strategy.FAILOVER):
        return Decision(strategy, severity)
    return Decision(Strategy.ABANDON, severity)

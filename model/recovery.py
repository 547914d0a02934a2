"""Errors and recovery as specified: how bad an error is, and what is done about it.

Written from the design, "Errors and recovery", apart from the pool: words are plain strings, waits
are worked out by other means, and what the pool may choose freely is given as bounds.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

SEVERITIES: Final = ("warning", "minor", "major", "critical")

BASE: Final = {
    "initialization": "critical",
    "resource": "critical",
    "system": "critical",
    "connection": "major",
    "communication": "major",
    "timeout": "major",
    "task": "major",
    "health_check": "minor",
    "session": "minor",
}

# Why a worker failed: which kind of error that is, and what becomes of the worker.
FAILURES: Final = {
    "init_failed": ("initialization", "retry"),
    "init_timeout": ("initialization", "retry"),
    "spawn_failed": ("resource", "retry"),
    "exited": ("connection", "replace"),
    "corrupt": ("communication", "replace"),
    "timeout": ("timeout", "replace"),
    "recovery_degrade": ("resource", "degrade"),
    "health_check_failed": ("health_check", "degrade"),
    "health_check_limit": ("health_check", "remove"),
}

# How a task was answered: which kinds of error that may be, and what was done about it at last.
ANSWERS: Final = {
    "raised": ({"task", "resource"}, {"abandon"}),
    "killed": ({"task"}, {"abandon"}),
    "timeout": ({"timeout"}, {"abandon"}),
    "lost": (
        {"initialization", "connection", "communication", "timeout", "resource", "health_check"},
        {"abandon"},
    ),
    "session_lost": ({"session"}, {"abandon"}),
    "shutdown": ({"system"}, {"abandon"}),
    "broken": ({"initialization", "system"}, {"circuit_break", "failover"}),
}

RAISED_AFTER: Final = 3
CRITICAL_ATTEMPTS: Final = 2


@frozen
class Waits:
    """What of the configuration says how a lost task is tried again.

    Attributes:
        immediate: seconds before each retry of `immediate_retry`.
        shape: how the waits of `backoff_retry` grow.
        base: seconds; the first of them.
        cap: seconds; the longest of them.
        attempts_max: how many of them there are.
        strategies: by an error's category.
    """

    immediate: tuple[float, ...]
    shape: str
    base: float
    cap: float
    attempts_max: int
    strategies: dict[str, str]


def severity(category: str, attempts: int, *, touches_all: bool = False) -> str:
    """How bad an error of this kind is, after so many attempts that failed with it.

    Args:
        category: its kind.
        attempts: how many have failed.
        touches_all: whether it touches all workers.
    """
    if touches_all:
        return "critical"
    step = SEVERITIES.index(BASE[category])
    if attempts > RAISED_AFTER:
        step = min(step + 1, len(SEVERITIES) - 1)
    return SEVERITIES[step]


def waits(policy: Waits, attempt: int, before: float) -> tuple[float, float] | None:
    """The least and the most seconds of this further attempt's back-off; None if there is none.

    Args:
        policy: the configuration.
        attempt: which further attempt it is, counted from 1.
        before: seconds; the wait before this one.
    """
    if attempt > policy.attempts_max:
        return None
    if policy.shape == "decorrelated":
        most = max(policy.base, 3 * before)
        return min(policy.base, policy.cap), min(most, policy.cap)
    exact = min(policy.base * _growth(policy.shape, attempt), policy.cap)
    return exact, exact


def _growth(shape: str, attempt: int) -> int:
    if shape == "linear":
        return attempt
    return pow(2, attempt - 1) if shape == "exponential" else _fibonacci(attempt)


def _fibonacci(number: int) -> int:
    return number if number < 2 else _fibonacci(number - 1) + _fibonacci(number - 2)


@frozen
class Answer:
    """What is to be done about an error of a task that may run again.

    Attributes:
        strategy: the strategy.
        least: seconds; the task waits no less; None if it is not tried again.
        most: seconds; and no more.
    """

    strategy: str
    least: float | None = None
    most: float | None = None

    def allows(self, delay: float) -> bool:
        """Whether the task may be tried again after so many seconds."""
        return self.least is not None and self.most is not None and self.least <= delay <= self.most

    def __str__(self) -> str:
        if self.least is None or self.most is None:
            return f"{self.strategy}, never"
        return f"{self.strategy} in {self.least:g} to {self.most:g} s"


def answer(
    policy: Waits, category: str, attempts: int, before: float, *, touches_all: bool = False
) -> Answer:
    """What is to be done about this error.

    Args:
        policy: the configuration.
        category: the error's kind.
        attempts: how many attempts have failed, this one counted.
        before: seconds; the wait before this attempt.
        touches_all: whether the error touches all workers.
    """
    worst = severity(category, attempts, touches_all=touches_all) == "critical"
    strategy = policy.strategies[category]
    if worst and attempts >= CRITICAL_ATTEMPTS:
        return Answer("abandon")
    if strategy == "immediate_retry" and attempts <= len(policy.immediate):
        wait = policy.immediate[attempts - 1]
        return Answer(strategy, wait, wait)
    if strategy == "backoff_retry":
        bounds = waits(policy, attempts, before)
        if bounds is not None:
            return Answer(strategy, *bounds)
    if strategy in ("circuit_break", "failover"):
        return Answer(strategy)
    return Answer("abandon")

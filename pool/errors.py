"""Every error that the pool raises, one sentence each; all survive pickling."""

from __future__ import annotations

import concurrent.futures
import pickle
import queue
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pool.recovery import Category, Severity, Strategy

_FACTS = (
    "task",
    "session",
    "worker",
    "attempt",
    "started",
    "category",
    "severity",
    "strategy",
    "cause",
)


class PoolError(Exception):
    """Something went wrong in the pool, not in the user's function.

    Args:
        message: who, what, where, and what was legal.
        task: the task's number, if one is meant.
        session: the session's name as the client gave it, if one is meant.
        worker: the worker's number, if one is meant.
        attempt: which delivery of the task it was, counted from 1.
        started: False only where the function certainly did not start in any attempt.
        category: what kind of error it is.
        severity: how bad it is.
        strategy: what the pool did about it.
        cause: what led to it, in a few words.
    """

    def __init__(  # noqa: PLR0913 - every error carries each of these facts
        self,
        message: str,
        *,
        task: int | None = None,
        session: Any = None,
        worker: int | None = None,
        attempt: int | None = None,
        started: bool = False,
        category: Category | None = None,
        severity: Severity | None = None,
        strategy: Strategy | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.task = task
        self.session = session
        self.worker = worker
        self.attempt = attempt
        self.started = started
        self.category = category
        self.severity = severity
        self.strategy = strategy
        self.cause = cause

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {name: getattr(self, name) for name in _FACTS}
        return _rebuild, (type(self), self.message, facts)


def _rebuild(kind: type[PoolError], message: str, facts: dict[str, Any]) -> PoolError:
    return kind(message, **facts)


class PoolSaturated(PoolError, queue.Full):
    """The submit was refused, because `queue_limit` tasks are waiting already."""


class PoolShutdown(PoolError, RuntimeError):
    """The pool was shut down before the task could finish, or before it was submitted."""


class PoolBroken(PoolError, concurrent.futures.BrokenExecutor):
    """The pool gave up, because its workers would not start several times in a row."""


class PoolForked(PoolError, RuntimeError):
    """The pool belongs to the process that made it, not to this child of it."""


class TaskTimeout(PoolError, TimeoutError):
    """The task's deadline passed before its result came."""


class TaskCancelled(PoolError, concurrent.futures.CancelledError):
    """The task was running and its client had it killed, with its worker."""


class WorkerLost(PoolError, ChildProcessError):
    """The worker that held the task ended before it answered."""


class SessionLost(PoolError, LookupError):
    """The session's state is gone, with its worker or its time; it must be opened again."""


class PayloadError(PoolError, pickle.PicklingError):
    """A function, an argument, a result or an exception could not cross the process boundary."""


class LifecycleError(PoolError, RuntimeError):
    """An event reached a worker whose state has no row for it: a bug in the pool."""


class FrameError(PoolError, ValueError):
    """A frame was cut, oversized, unknown or of a wrong checksum.

    Args:
        reason: one of `magic`, `kind`, `length`, `checksum`, `cut`.
        detail: what was found and what would have been right.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"bad frame ({reason}): {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.reason, self.detail)


class WorkerTraceback(Exception):
    """The traceback that a task's exception had in its worker, as text.

    Args:
        text: the formatted traceback.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @property
    def tb(self) -> str:
        """The same text, under the name that the standard library's executors give it."""
        return self.text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'

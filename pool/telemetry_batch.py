"""Tasks that have resolved, as telemetry tells them: one by one, but put together late.

To note a task costs every task; to look at it, only whoever looks. So what is noted is what the
desk has at hand anyway, and the rest is worked out when a callback asks for it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from pool.effects import Ending, Outcome
    from pool.futures import TaskFuture

Pair = tuple["TaskFuture[Any]", "Outcome"]


class TaskDone(NamedTuple):
    """One task that has resolved.

    Attributes:
        task: its number.
        function: the function's name.
        session: the name of the session that it belonged to; None for an anonymous task.
        worker: the number of the worker that held it last; None if none ever did.
        ending: how it resolved.
        attempt: how many times it was handed to a worker and not taken back.
        submitted_at: when the client submitted it, in driver seconds.
        started_at: when that worker came to it, as far as the pool could see; None if its function
            certainly never started, or was started by the fallback executor.
        ended_at: when it resolved, in driver seconds.
    """

    task: int
    function: str
    session: Hashable
    worker: int | None
    ending: Ending
    attempt: int
    submitted_at: float
    started_at: float | None
    ended_at: float

    @property
    def waited(self) -> float:
        """Seconds from its submit until it was started, or ended without."""
        return (self.ended_at if self.started_at is None else self.started_at) - self.submitted_at

    @property
    def ran(self) -> float | None:
        """Seconds from when it was started until it ended; None if it is not known to have."""
        return None if self.started_at is None else self.ended_at - self.started_at


class Batch:
    """Some tasks that have resolved, in that order; without futures once `tasks` was looked at.

    Args:
        pairs: each task's future and outcome.
        answered: when each worker had last ended a task before these.
    """

    def __init__(self, pairs: tuple[Pair, ...], answered: Mapping[int | None, float]) -> None:
        self._count = len(pairs)
        self._pairs = pairs
        self._answered = answered
        self._tasks: tuple[TaskDone, ...] = ()

    def __len__(self) -> int:
        return self._count

    @property
    def tasks(self) -> tuple[TaskDone, ...]:
        """What is to be known of each."""
        pairs = self._pairs  # another thread may look at the same time, and forget them
        if pairs:
            answered = dict(self._answered)
            self._tasks = tuple([_task_done(future, it, answered) for future, it in pairs])
            self._pairs = ()
        return self._tasks

    @property
    def endings(self) -> Mapping[Ending, int]:
        """How many of them ended in which way."""
        pairs = self._pairs
        if pairs:
            return Counter([outcome.ending for _, outcome in pairs])
        return Counter([done.ending for done in self._tasks])


def _task_done(
    future: TaskFuture[Any], outcome: Outcome, answered: dict[int | None, float]
) -> TaskDone:
    worker, function, sent_at = outcome.worker, future.function, future.sent_at
    started_at: float | None = None
    if worker is not None:
        # It came to the task when it had it, and had answered the one before.
        before = answered.get(worker, sent_at)
        answered[worker] = future.ended_at
        if outcome.started:
            started_at = sent_at if sent_at > before else before
    done = (
        future.task,
        getattr(function, "__qualname__", None) or type(function).__name__,
        future.session,
        worker,
        outcome.ending,
        outcome.attempt,
        future.submitted_at,
        started_at,
        future.ended_at,
    )
    return _make(TaskDone, done)


_make: Final[Callable[[type[TaskDone], tuple[Any, ...]], TaskDone]] = tuple.__new__  # half the cost

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
Answered = dict[int | None, float]


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
        pairs: each task's future and outcome; the batch's own from now on.
        answered: when each worker had last ended a task before these; never changed.
    """

    def __init__(self, pairs: list[Pair], answered: Answered) -> None:
        self._count = len(pairs)
        self._pairs: list[Pair] | None = pairs
        self._answered = self._answered_after = answered
        self._tasks: tuple[TaskDone, ...] = ()

    def __len__(self) -> int:
        return self._count

    @property
    def tasks(self) -> tuple[TaskDone, ...]:
        """What is to be known of each."""
        pairs = self._pairs  # another thread may look at the same time, and forget them
        if pairs is not None:
            answered = self._answered.copy()
            self._tasks = _tasks_done(pairs, answered)
            self._answered_after = answered
            self._pairs = None
        return self._tasks

    @property
    def answered_after(self) -> Answered:
        """When each worker had last ended a task after these."""
        pairs = self._pairs
        if pairs is None:
            return self._answered_after
        return self._answered | {outcome.worker: future.ended_at for future, outcome in pairs}

    @property
    def endings(self) -> Mapping[Ending, int]:
        """How many of them ended in which way."""
        pairs = self._pairs
        if pairs is not None:
            return Counter([outcome.ending for _, outcome in pairs])
        return Counter([done.ending for done in self._tasks])


def _tasks_done(pairs: list[Pair], answered: Answered) -> tuple[TaskDone, ...]:
    # One loop in one function: whoever looks at each task pays for it with each task.
    tasks = []
    for future, outcome in pairs:
        worker, sent_at, ended_at = outcome.worker, future.sent_at, future.ended_at
        started_at: float | None = None
        if worker is not None:
            # It came to the task when it had it, and had answered the one before.
            before = answered.get(worker, sent_at)
            answered[worker] = ended_at
            if outcome.started:
                started_at = sent_at if sent_at > before else before
        function: Any = future.function
        try:
            name: str = function.__qualname__
        except AttributeError:
            name = type(function).__name__
        done = (
            future.task,
            name,
            future.session,
            worker,
            outcome.ending,
            outcome.attempt,
            future.submitted_at,
            started_at,
            ended_at,
        )
        tasks.append(_make(TaskDone, done))
    return tuple(tasks)


# What makes a named tuple of its fields would look at each of them; this costs half.
_make: Final[Callable[[type[TaskDone], tuple[Any, ...]], TaskDone]] = tuple.__new__

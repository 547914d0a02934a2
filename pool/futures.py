"""The future of one task: the standard one, whose cancel and kill go through the core."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pool.effects import Ending, Outcome
from pool.errors import PayloadError
from pool.payloads import unpack_exception, unpack_result
from pool.protocol import error_of

if TYPE_CHECKING:
    from pool.config import PoolConfig

T = TypeVar("T")


class TaskOwner(Protocol):
    """Whoever can ask the core about a task: the production loop."""

    def cancel(self, task: int) -> bool:
        """The task is cancelled if it still waits; whether this call did it is returned."""

    def kill(self, task: int) -> bool:
        """The task is ended, with its worker if it runs; whether this call did it is returned."""


class TaskFuture(concurrent.futures.Future[T]):
    """The answer to one accepted task.

    Args:
        task: the task's number.
        owner: the loop that runs it.
    """

    def __init__(self, task: int, owner: TaskOwner) -> None:
        super().__init__()
        self.task = task
        self._owner = owner

    def cancel(self) -> bool:
        """The task is cancelled if it was still waiting; whether it is cancelled is returned."""
        return self._owner.cancel(self.task) or self.cancelled()

    def kill(self) -> bool:
        """The task is ended now, with its worker if it is running.

        Returns:
            Whether this call ended it: as cancelled if it waited, as `TaskCancelled` if it ran.
        """
        return self._owner.kill(self.task)

    def conclude(self, outcome: Outcome, config: PoolConfig) -> None:
        """Whoever waits for this future has its answer. For the loop alone."""
        if outcome.ending is Ending.CANCELLED:
            super().cancel()
            self.set_running_or_notify_cancel()
        elif outcome.ending is Ending.RETURNED:
            self._return(outcome.payload)
        elif outcome.ending is Ending.RAISED:
            self.set_exception(unpack_exception(outcome.payload))
        else:
            self.set_exception(error_of(self.task, outcome, config))

    def _return(self, payload: Any) -> None:
        try:
            value = unpack_result(payload)
        except PayloadError as error:
            error.task, error.started = self.task, True
            self.set_exception(error)
        else:
            self.set_result(value)

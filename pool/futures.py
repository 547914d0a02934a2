"""The future of one task: the standard one, whose cancel and kill go through the core."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attrs import frozen

from pool.effects import Ending, Outcome
from pool.errors import PayloadError, PoolError
from pool.payloads import unpack_exception, unpack_result
from pool.protocol import error_of
from pool.recovery import BASE_SEVERITY, Category, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig
    from pool.frames import Payload

T = TypeVar("T")


class TaskOwner(Protocol):
    """Whoever can ask the core about a task: the desk."""

    def cancel(self, task: int) -> bool:
        """The task is cancelled if it still waits; whether this call did it is returned."""

    def kill(self, task: int) -> bool:
        """The task is ended, with its worker if it runs; whether this call did it is returned."""

    def runs(self, task: int) -> bool:
        """Whether a worker holds the task and is not busy with another."""

    def listen(self, future: TaskFuture[Any], timeout: float | None) -> None:
        """This thread has listened to the workers itself, as long as that was of use."""


@frozen
class Answer:
    """A payload that needs no unpickling: what the fallback executor answered.

    Attributes:
        value: what the function returned or raised.
    """

    value: Any


class TaskFuture(concurrent.futures.Future[T]):
    """The answer to one accepted task.

    Attributes:
        task: the task's number.
        session: the name of the session that it belongs to; None for an anonymous task.
        payload: the pickled call; empty once the task has resolved.
        outcome: how the core resolved it; None until then.
        follows: whether a client waits for it while another listens.
        function: what it calls, if telemetry wants to know.
        submitted_at: when it was submitted, in driver seconds, if telemetry wants to know.
        sent_at: when it was last sent to a worker.

    Args:
        task: the task's number.
        owner: the desk that it was submitted at.
        payload: the pickled call.
        session: the name of its session.
    """

    def __init__(self, task: int, owner: TaskOwner, payload: Payload, session: Any = None) -> None:
        super().__init__()
        self.task = task
        self.session = session
        self.payload = payload
        self.outcome: Outcome | None = None
        self.follows = False
        self.function: Callable[..., object] | None = None
        self.submitted_at = self.sent_at = self.ended_at = 0.0
        self._owner = owner

    def cancel(self) -> bool:
        """The task is cancelled if it was still waiting; whether it is cancelled is returned."""
        if self._owner.cancel(self.task):
            return True
        outcome = self.outcome  # another thread may have cancelled it and not told everyone yet
        return outcome is not None and outcome.ending is Ending.CANCELLED

    def kill(self) -> bool:
        """The task is ended now, with its worker if it is running.

        Returns:
            Whether this call ended it: as cancelled if it waited, as `TaskCancelled` if it ran.
        """
        return self._owner.kill(self.task)

    def running(self) -> bool:
        """Whether a worker is at work on the task."""
        return self.outcome is None and self._owner.runs(self.task)

    def result(self, timeout: float | None = None) -> T:
        """The function's result is returned, or its exception raised, once it has come.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: it has not come by then.
            CancelledError: the task was cancelled.
            PoolError: the pool could not run it to its end.
        """
        return super().result(self._listened(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `result`, but what would be raised is returned, and None in place of a result."""
        return super().exception(self._listened(timeout))

    def conclude(self, outcome: Outcome, config: PoolConfig) -> None:
        """Whoever waits for this future has its answer. For the loop alone."""
        self.payload = b""
        ending = outcome.ending
        if ending is Ending.RETURNED:
            self._return(outcome)
        elif ending is Ending.RAISED:
            self.set_exception(self._raised(outcome))
        elif ending is Ending.CANCELLED:
            super().cancel()
            self.set_running_or_notify_cancel()
        else:
            self.set_exception(error_of(self.task, outcome, config, self.session))

    def orphan(self, error: PoolError) -> None:
        """In a child of the pool's process: nobody will answer, and whoever asks is told so."""
        self._condition = threading.Condition()  # the parent's may have been held at the fork
        self._done_callbacks: list[Any] = []  # they are the parent's, too
        self._waiters: list[Any] = []
        self.outcome = Outcome(Ending.BROKEN)
        self.set_exception(error)

    def _listened(self, timeout: float | None) -> float | None:
        """The seconds that are left to wait after this thread has listened itself."""
        if self.outcome is not None:
            return timeout
        if timeout is None:
            self._owner.listen(self, None)
            return None
        until = time.monotonic() + timeout
        self._owner.listen(self, timeout)
        return max(0.0, until - time.monotonic())

    def _return(self, outcome: Outcome) -> None:
        payload = outcome.payload
        if type(payload) is Answer:
            self.set_result(payload.value)
            return
        try:
            value = unpack_result(payload)
        except PayloadError as error:
            if isinstance(error.__cause__, KeyboardInterrupt):
                self._return_again(error.__cause__, outcome)
            self.set_exception(self._told(error, outcome))
        else:
            self.set_result(value)

    def _return_again(self, interrupt: KeyboardInterrupt, outcome: Outcome) -> None:
        """If the interrupt was the user's, and not the result's own, it is raised."""
        with contextlib.suppress(PayloadError):
            self.set_result(unpack_result(outcome.payload))
            raise interrupt

    def _raised(self, outcome: Outcome) -> BaseException:
        payload = outcome.payload
        if type(payload) is Answer:
            answer: BaseException = payload.value
            return answer
        error = unpack_exception(payload)
        return self._told(error, outcome) if isinstance(error, PayloadError) else error

    def _told(self, error: PayloadError, outcome: Outcome) -> PayloadError:
        """The error says which task's it is, if it does not yet."""
        if error.task is None:
            error.task, error.session = self.task, self.session
            error.worker, error.attempt = outcome.worker, outcome.attempt
            error.category = Category.COMMUNICATION
            error.severity = BASE_SEVERITY[Category.COMMUNICATION]
            error.strategy = Strategy.ABANDON
        return error

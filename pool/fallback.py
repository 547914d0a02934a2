"""The fallback: another executor, which gets tasks when no worker can start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pool.events import FallbackEnded, Reply
from pool.futures import Answer
from pool.payloads import unpack_call

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from pool.frames import Payload


class Fallback:
    """Runs tasks in another executor and tells how each ended.

    Args:
        executor: the client's, and the client's to shut down; None if there is none.
        tell: is told how a task ended, from whatever thread.
    """

    def __init__(
        self,
        executor: concurrent.futures.Executor | None,
        tell: Callable[[FallbackEnded], Any],
    ) -> None:
        self._executor = executor
        self._tell = tell

    def run(self, task: int, payload: Payload) -> None:
        """The task is given to the executor, or it is told why not.

        Args:
            task: its number.
            payload: the pickled call.
        """
        assert self._executor is not None  # noqa: S101 - the core asks only where there is one
        call = payload if isinstance(payload, bytes) else b"".join(payload)
        try:
            future = self._executor.submit(perform, call)
        except Exception as error:  # it is shut down or broken, or whatever else it may be
            words = f"the fallback executor refused it: {type(error).__name__}: {error}"
            self._tell(FallbackEnded(task, None, detail=words))
            return
        future.add_done_callback(lambda ended: self._ended(task, ended))

    def _ended(self, task: int, future: concurrent.futures.Future[Any]) -> None:
        if future.cancelled():
            self._tell(FallbackEnded(task, None, detail="the fallback executor cancelled it"))
            return
        error = future.exception()
        if error is not None:
            self._tell(FallbackEnded(task, Reply.RAISED, Answer(error)))
        else:
            self._tell(FallbackEnded(task, Reply.RETURNED, Answer(future.result())))


def perform(call: bytes) -> Any:
    """The pickled call has run here, and what it returned is returned.

    Args:
        call: what `pack_call` made.
    """
    function, args, kwargs = unpack_call(call)
    return function(*args, **kwargs)

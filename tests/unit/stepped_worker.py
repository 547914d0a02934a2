"""A worker's loop that a test steps by hand, and what it is given to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pool.frames import FROM_WORKER, Frame, FrameDecoder, Kind, encode
from pool.payloads import pack_call, unpack_exception, unpack_result
from pool.worker import RUN, Begun, Ended, Read, Send, Take, WorkerSetup, serve

if TYPE_CHECKING:
    from collections.abc import Generator

BYTES_MAX = 1 << 20
CALLS: list[Any] = []


class Steps:
    """A worker's loop between two of its requests.

    Attributes:
        ended: why it returned; None while it has not.
    """

    def __init__(self, setup: WorkerSetup | None = None) -> None:
        self.ended: Ended | None = None
        self._loop: Generator[Any, bytes | None, Ended] = serve(
            setup or WorkerSetup(bytes_max=BYTES_MAX)
        )

    def next(self, answer: bytes | None = None) -> Any:
        """The next request, with the last one answered; None once the loop has returned."""
        try:
            return self._loop.send(answer)
        except StopIteration as stop:
            self.ended = stop.value
            return None

    def asked(self, data: bytes) -> list[Any]:
        """Everything that is asked for until the loop wants to read again or has returned."""
        requests = []
        request = self.next(data)
        while request is not None and type(request) is not Read:
            requests.append(request)
            request = self.next(RUN if type(request) is Take else None)
        return requests


def started(setup: WorkerSetup) -> Steps:
    steps = Steps(setup)
    assert sent(steps.next()).kind is Kind.READY
    assert steps.next() == Read()
    return steps


def task(
    number: int, function: Any, *args: Any, attempt: int = 1, session: int = 0, flags: int = 0
) -> bytes:
    payload = pack_call((function, args, {}), 1 << 30)
    return encode(Kind.TASK, number, attempt, payload, session=session, flags=flags)


def sent(request: Any) -> Frame:
    """The one frame that the loop wants sent."""
    assert isinstance(request, Send)
    (frame,) = FrameDecoder(FROM_WORKER, BYTES_MAX).feed(request.data)
    return frame


def answer(worker: Steps, function: Any, *args: Any, session: int = 0, flags: int = 0) -> Frame:
    """The reply to a task 7 with this call, after which the worker reads again."""
    begun = worker.next(task(7, function, *args, session=session, flags=flags))
    assert begun == Begun(7, 1)
    frame = sent(worker.next())
    assert worker.next() == Read()
    return frame


def result(frame: Frame) -> Any:
    assert frame.kind is Kind.RETURNED, told(frame)
    return unpack_result(frame.payload)


def told(frame: Frame) -> BaseException:
    return unpack_exception(frame.payload)


def note(value: Any) -> Any:
    CALLS.append(value)
    return value


def fail(error: BaseException) -> None:
    raise error

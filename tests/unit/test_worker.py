"""The worker's loop, stepped by hand: what it asks for, and how it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from pool import PayloadError
from pool.frames import FROM_WORKER, Frame, FrameDecoder, Kind, encode
from pool.payloads import pack_call, unpack_exception, unpack_result
from pool.worker import EXIT_BAD_FRAME, Begun, Ended, Read, Send, WorkerSetup, serve

if TYPE_CHECKING:
    from collections.abc import Generator

BYTES_MAX = 1 << 20
STOP = encode(Kind.STOP)
READY = Send(encode(Kind.READY))

CALLS: list[Any] = []


class Steps:
    """A worker's loop between two of its requests.

    Attributes:
        ended: why it returned; None while it has not.
    """

    def __init__(self, setup: WorkerSetup | None = None) -> None:
        self.ended: Ended | None = None
        self._loop: Generator[Any, bytes, Ended] = serve(setup or WorkerSetup(bytes_max=BYTES_MAX))

    def next(self, data: bytes | None = None) -> Any:
        """The next request, with the last one answered; None once the loop has returned."""
        try:
            return next(self._loop) if data is None else self._loop.send(data)
        except StopIteration as stop:
            self.ended = stop.value
            return None


@pytest.fixture(autouse=True)
def calls() -> list[Any]:
    CALLS.clear()
    return CALLS


@pytest.fixture
def worker() -> Steps:
    """A worker that is ready and wants to read."""
    steps = Steps()
    assert (READY, Read()) == (steps.next(), steps.next())
    return steps


def task(number: int, function: Any, *args: Any, attempt: int = 1) -> bytes:
    return encode(Kind.TASK, number, attempt, pack_call((function, args, {}), BYTES_MAX))


def sent(request: Any) -> Frame:
    """The one frame that the loop wants sent."""
    assert isinstance(request, Send)
    (frame,) = FrameDecoder(FROM_WORKER, BYTES_MAX).feed(request.data)
    return frame


def answer(worker: Steps, function: Any, *args: Any) -> Frame:
    """The reply to a task 7 with this call, after which the worker reads again."""
    assert worker.next(task(7, function, *args)) == Begun(7, 1)
    frame = sent(worker.next())
    assert worker.next() == Read()
    return frame


def note(value: Any) -> Any:
    CALLS.append(value)
    return value


def fail(error: BaseException) -> None:
    raise error


# Starting.


def test_worker_says_that_it_is_ready_before_it_reads() -> None:
    steps = Steps()
    assert steps.next() == READY
    assert steps.next() == Read()


def test_initializer_runs_before_the_worker_says_that_it_is_ready() -> None:
    steps = Steps(WorkerSetup(note, ("started",)))
    assert CALLS == []
    assert steps.next() == READY
    assert CALLS == ["started"]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_initializer_that_raises_is_told_and_the_worker_ends(error: BaseException) -> None:
    steps = Steps(WorkerSetup(fail, (error,)))
    frame = sent(steps.next())
    assert frame.kind is Kind.INIT_FAILED
    told = unpack_exception(frame.payload)
    assert (type(error), error.args) == (type(told), told.args)
    assert steps.next() is None
    assert steps.ended is Ended.INIT_FAILED


# Tasks.


def test_task_is_begun_before_its_function_is_called(worker: Steps) -> None:
    assert worker.next(task(7, note, "called", attempt=3)) == Begun(7, 3)
    assert CALLS == []
    frame = sent(worker.next())
    assert CALLS == ["called"]
    assert (frame.kind, frame.task, frame.attempt) == (Kind.RETURNED, 7, 3)
    assert unpack_result(frame.payload) == "called"


def test_keyword_arguments_reach_the_function(worker: Steps) -> None:
    payload = pack_call((dict, (), {"self": 1, "task": 2}), BYTES_MAX)
    worker.next(encode(Kind.TASK, 7, 1, payload))
    assert unpack_result(sent(worker.next()).payload) == {"self": 1, "task": 2}


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
def test_task_that_raises_is_answered_and_the_worker_reads_on(
    worker: Steps, error: BaseException
) -> None:
    frame = answer(worker, fail, error)
    assert (frame.kind, frame.task, frame.attempt) == (Kind.RAISED, 7, 1)
    told = unpack_exception(frame.payload)
    assert (type(error), error.args) == (type(told), told.args)
    assert "in fail\n    raise error" in str(told.__cause__)
    assert answer(worker, note, 1).kind is Kind.RETURNED


def test_result_that_cannot_be_pickled_is_told_as_of_a_task_that_ran(worker: Steps) -> None:
    frame = answer(worker, threading.Lock)
    assert frame.kind is Kind.RAISED
    told = unpack_exception(frame.payload)
    assert type(told) is PayloadError
    assert str(told).startswith("the result of type lock cannot be pickled")
    assert told.started is True


def test_result_that_is_too_large_is_told_as_of_a_task_that_ran(worker: Steps) -> None:
    frame = answer(worker, bytes, BYTES_MAX)
    told = unpack_exception(frame.payload)
    assert type(told) is PayloadError
    assert "1048576 is the most" in str(told)
    assert told.started is True


def test_exception_that_is_too_large_is_answered_within_the_bound(worker: Steps) -> None:
    frame = answer(worker, fail, ValueError("x" * (BYTES_MAX - 200)))
    assert type(unpack_exception(frame.payload)) is PayloadError


class Unknown:
    """Pickles, but does not rebuild."""

    def __reduce__(self) -> tuple[Any, ...]:
        return fail, (LookupError("it is not here"),)


def test_call_that_cannot_be_rebuilt_is_told_as_of_a_task_that_never_ran(worker: Steps) -> None:
    frame = answer(worker, note, Unknown())
    assert frame.kind is Kind.RAISED
    told = unpack_exception(frame.payload)
    assert type(told) is PayloadError
    assert "it is not here" in str(told)
    assert told.started is False
    assert CALLS == []


def test_two_tasks_in_one_read_run_one_after_the_other(worker: Steps) -> None:
    assert worker.next(task(7, note, "first") + task(8, note, "second")) == Begun(7, 1)
    assert unpack_result(sent(worker.next()).payload) == "first"
    assert CALLS == ["first"]
    assert worker.next() == Begun(8, 1)
    assert unpack_result(sent(worker.next()).payload) == "second"
    assert worker.next() == Read()


def test_task_cut_into_two_reads_is_begun_with_its_last_byte(worker: Steps) -> None:
    whole = task(7, note, "called")
    assert worker.next(whole[:-1]) == Read()
    assert worker.next(whole[-1:]) == Begun(7, 1)


# Ending.


def test_stop_ends_the_worker(worker: Steps) -> None:
    assert worker.next(STOP) is None
    assert worker.ended is Ended.STOPPED
    assert worker.ended.value == 0


def test_task_before_the_stop_in_one_read_is_answered_and_one_behind_it_never_begun(
    worker: Steps,
) -> None:
    assert worker.next(task(7, note, "before") + STOP + task(8, note, "behind")) == Begun(7, 1)
    assert sent(worker.next()).task == 7
    assert worker.next() is None
    assert (worker.ended, CALLS) == (Ended.STOPPED, ["before"])


def test_hang_up_ends_the_worker(worker: Steps) -> None:
    assert worker.next(b"") is None
    assert worker.ended is Ended.HUNG_UP


def test_hang_up_within_a_task_frame_ends_the_worker_and_nothing_is_called(worker: Steps) -> None:
    worker.next(task(7, note, "called")[:-1])
    assert worker.next(b"") is None
    assert (worker.ended, CALLS) == (Ended.HUNG_UP, [])


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"x" * 32, id="no frame"),
        pytest.param(encode(Kind.READY), id="kind of the other direction"),
        pytest.param(encode(99), id="unknown kind"),
        pytest.param(task(7, note, "called")[:-1] + b"x", id="payload changed"),
        pytest.param(encode(Kind.TASK, 7, 1, b"x" * (BYTES_MAX + 1)), id="too long"),
        pytest.param(task(7, note, "called") + b"x" * 32, id="behind a good one"),
    ],
)
def test_bad_frame_ends_the_worker_and_nothing_is_called(worker: Steps, bad: bytes) -> None:
    assert worker.next(bad) is None
    assert (worker.ended, CALLS) == (Ended.BAD_FRAME, [])
    assert worker.ended.value == EXIT_BAD_FRAME

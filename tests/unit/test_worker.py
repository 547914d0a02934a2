"""The worker's loop, stepped by hand: how it starts, runs tasks, and ends."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from stepped_worker import (
    BYTES_MAX,
    CALLS,
    Steps,
    answer,
    fail,
    note,
    sent,
    started,
    task,
    told,
)

from pool import PayloadError, exits
from pool.frames import HEADER_BYTES, Frame, Kind, encode
from pool.payloads import pack_call, unpack_result
from pool.worker import Begun, Ended, Read, WorkerSetup

STOP = encode(Kind.STOP)


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@pytest.fixture
def worker() -> Steps:
    """A worker that is ready and wants to read."""
    return started(WorkerSetup(bytes_max=BYTES_MAX))


# Starting.


def test_worker_says_that_it_is_ready_before_it_reads() -> None:
    steps = Steps()
    assert sent(steps.next()) == Frame(Kind.READY)
    assert steps.next() == Read()


def test_initializer_runs_before_the_worker_says_that_it_is_ready() -> None:
    steps = Steps(WorkerSetup(note, ("started",)))
    assert CALLS == []
    assert sent(steps.next()).kind is Kind.READY
    assert CALLS == ["started"]


class SpeechlessError(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (SpeechlessError(), "SpeechlessError"),
        (ValueError("\ud800"), "ValueError: ?"),
        (ValueError("x" * 9999), f"ValueError: {'x' * 488}"),
    ],
)
def test_initializer_that_raises_is_told_in_a_few_words_and_the_worker_ends(
    error: BaseException, words: str
) -> None:
    steps = Steps(WorkerSetup(fail, (error,)))
    frame = sent(steps.next())
    assert (frame.kind, bytes(frame.payload).decode()) == (Kind.INIT_FAILED, words)
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
    "error",
    [
        ValueError("no"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        StopIteration(4),
        RecursionError("deep"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_task_that_raises_is_answered_and_the_worker_reads_on(
    worker: Steps, error: BaseException
) -> None:
    frame = answer(worker, fail, error)
    assert (frame.kind, frame.task, frame.attempt) == (Kind.RAISED, 7, 1)
    arrived = told(frame)
    assert (type(error), error.args) == (type(arrived), arrived.args)
    assert "in fail\n    raise error" in str(arrived.__cause__)
    assert answer(worker, note, 1).kind is Kind.RETURNED


def test_result_that_cannot_be_pickled_is_told_as_of_a_task_that_ran(worker: Steps) -> None:
    frame = answer(worker, threading.Lock)
    assert frame.kind is Kind.RAISED
    error = told(frame)
    assert type(error) is PayloadError
    assert str(error).startswith("the result of type lock cannot be pickled")
    assert error.started is True


def test_result_that_is_too_large_is_told_as_of_a_task_that_ran(worker: Steps) -> None:
    frame = answer(worker, bytes, BYTES_MAX)
    error = told(frame)
    assert type(error) is PayloadError
    assert "1048576 is the most" in str(error)
    assert error.started is True


def test_exception_that_is_too_large_is_answered_within_the_bound(worker: Steps) -> None:
    frame = answer(worker, fail, ValueError("x" * (BYTES_MAX - 200)))
    assert type(told(frame)) is PayloadError


class Unknown:
    """Pickles, but does not rebuild."""

    def __reduce__(self) -> tuple[Any, ...]:
        return fail, (LookupError("it is not here"),)


def test_call_that_cannot_be_rebuilt_is_told_as_of_a_task_that_never_ran(worker: Steps) -> None:
    frame = answer(worker, note, Unknown())
    assert frame.kind is Kind.RAISED
    error = told(frame)
    assert type(error) is PayloadError
    assert "it is not here" in str(error)
    assert error.started is False
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


# Output.


class Output:
    """A standard output that a task has left behind."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def flush(self) -> None:
        note("flushed")
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, ValueError("closed file"), OSError(9, ""), SystemExit(3)])
def test_output_is_flushed_before_the_answer_whatever_it_is(
    worker: Steps, monkeypatch: pytest.MonkeyPatch, error: BaseException | None
) -> None:
    monkeypatch.setattr(sys, "stdout", Output(error))
    worker.next(task(7, note, 1))
    assert sent(worker.next()).kind is Kind.RETURNED
    assert CALLS == [1, "flushed"]
    assert worker.next() == Read()


def test_worker_without_output_answers(worker: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert answer(worker, note, 1).kind is Kind.RETURNED


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
        pytest.param(b"x" * HEADER_BYTES, id="no frame"),
        pytest.param(encode(Kind.READY), id="kind of the other direction"),
        pytest.param(encode(99), id="unknown kind"),
        pytest.param(task(7, note, "called")[:-1] + b"x", id="payload changed"),
        pytest.param(encode(Kind.TASK, 7, 1, b"x" * (BYTES_MAX + 1)), id="too long"),
        pytest.param(task(7, note, "called") + b"x" * HEADER_BYTES, id="behind a good one"),
    ],
)
def test_bad_frame_ends_the_worker_and_nothing_is_called(worker: Steps, bad: bytes) -> None:
    assert worker.next(bad) is None
    assert (worker.ended, CALLS) == (Ended.BAD_FRAME, [])
    assert worker.ended.value == exits.BAD_FRAME

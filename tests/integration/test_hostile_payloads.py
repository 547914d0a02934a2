"""Arguments, results and exceptions that cannot cross, or hardly: each client is told clearly."""

from __future__ import annotations

import array
import os
import pickle
import threading
from concurrent.futures import FIRST_COMPLETED, wait
from typing import Any, NoReturn

import pytest
from hostile import LIMIT, among_others, lost, not_sent, two_workers

from pool import Category, PayloadError, Pool, Severity, Strategy

__all__ = ["two_workers"]  # the fixture `pool`

pytestmark = pytest.mark.integration

MIB = 1 << 20


# What is sent: it is harmless where it is made.


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.lock = threading.Lock()


class TwoWordsError(Exception):
    """Pickles, but does not rebuild: its `args` do not fit its `__init__`."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class Homesick:
    """Rebuilds in the process that it was made in, and nowhere else."""

    def __init__(self, abroad: BaseException) -> None:
        self.abroad = abroad

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild_at_home, (type(self), os.getpid(), self.abroad)


class HomesickError(Homesick, Exception):
    """The same, as an exception."""


class Deadly:
    """Ends the process that rebuilds it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (4,)


class Buffered:
    """Nothing but a buffer, offered out of band as numpy's arrays offer theirs."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        return Buffered, (pickle.PickleBuffer(self.buffer),)


def rebuild_at_home(kind: type[Homesick], home: int, abroad: BaseException) -> Homesick:
    if os.getpid() != home:
        raise abroad
    return kind(abroad)


def fail_with(kind: type[BaseException], *args: Any) -> NoReturn:
    raise kind(*args)


def make(kind: Any, *args: Any) -> Any:
    return kind(*args)


def echo(value: Any) -> Any:
    return value


ABROAD = pytest.mark.parametrize(
    "abroad",
    [LookupError("not here"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()],
    ids=lambda error: type(error).__name__,
)


# Exceptions.


def test_exception_that_cannot_be_pickled_is_told_in_words(pool: Pool) -> None:
    future = among_others(pool, fail_with, LockedError, "hello")
    not_sent(future, "the task raised LockedError: hello, which cannot be sent: ", "lock")


def test_exception_that_cannot_be_rebuilt_anywhere_is_told_in_words(pool: Pool) -> None:
    future = among_others(pool, fail_with, TwoWordsError, "hello", "you")
    not_sent(future, "the task raised TwoWordsError: hello you, which cannot be sent: TypeError")


@ABROAD
def test_exception_whose_rebuilding_raises_in_the_client_is_told(
    pool: Pool, abroad: BaseException
) -> None:
    future = among_others(pool, fail_with, HomesickError, abroad)
    not_sent(future, f"the task's exception cannot be rebuilt here: {type(abroad).__name__}")


# Results.


def test_result_that_cannot_be_pickled_is_told_by_its_type(pool: Pool) -> None:
    not_sent(among_others(pool, threading.Lock), "the result of type lock cannot be pickled")


@ABROAD
def test_result_whose_rebuilding_raises_in_the_client_is_told(
    pool: Pool, abroad: BaseException
) -> None:
    future = among_others(pool, make, Homesick, abroad)
    not_sent(future, f"the result cannot be rebuilt here: {type(abroad).__name__}")


def test_result_beyond_the_bound_is_told_with_its_size() -> None:
    with Pool(size=2, frame_bytes_max=MIB) as pool:
        future = among_others(pool, make, bytes, MIB)
        not_sent(future, "the result of type bytes takes 1048", "bytes, 1048576 is the most")


# Arguments.


def refused(pool: Pool, *call: Any) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        pool.submit(*call)
    error = caught.value
    assert error.started is False
    kind = (error.category, error.severity, error.strategy)
    assert kind == (Category.COMMUNICATION, Severity.MAJOR, Strategy.ABANDON)
    assert among_others(pool, abs, -1).result() == 1
    return error


def test_argument_that_cannot_be_pickled_is_refused_at_the_submit(pool: Pool) -> None:
    error = refused(pool, echo, threading.Lock())
    assert str(error).startswith("the call of echo cannot be pickled: TypeError: cannot pickle")


def test_function_that_cannot_be_found_by_its_name_is_refused_at_the_submit(pool: Pool) -> None:
    error = refused(pool, lambda: None)
    assert "<lambda> cannot be pickled" in str(error)


def test_arguments_beyond_the_bound_are_refused_at_the_submit_with_their_size() -> None:
    with Pool(size=2, frame_bytes_max=MIB) as pool:
        error = refused(pool, echo, bytes(MIB))
        assert "the call of echo takes 1048" in str(error)
        assert "1048576 is the most" in str(error)


@ABROAD
def test_argument_whose_rebuilding_raises_in_the_worker_is_told_and_the_worker_stays(
    pool: Pool, abroad: BaseException
) -> None:
    workers = set(among_others(pool, abs, -1) and pool.pids())
    error = among_others(pool, echo, Homesick(abroad)).exception(LIMIT)
    assert type(error) is PayloadError
    expected = f"the call cannot be rebuilt in the worker: {type(abroad).__name__}"
    assert str(error).startswith(expected)
    assert error.started is False  # the function never ran
    assert set(pool.pids()) == workers


def test_argument_that_ends_the_worker_which_rebuilds_it_is_told_as_a_loss(pool: Pool) -> None:
    lost(among_others(pool, echo, Deadly()), "it exited with code 4")


# Large objects.


def test_large_objects_cross_in_both_directions_at_once_on_both_workers(pool: Pool) -> None:
    large = bytes(range(256)) * (MIB // 4)
    small = [pool.submit(abs, -number) for number in range(100)]
    waiting = {pool.submit(echo, large) for _ in range(8)}
    small += [pool.submit(abs, -number) for number in range(100)]
    while waiting:
        done, waiting = wait(waiting, LIMIT, return_when=FIRST_COMPLETED)
        assert done, "the large objects block each other"
        assert all(future.result() == large for future in done)
    assert [future.result(LIMIT) for future in small] == 2 * list(range(100))


@pytest.mark.parametrize("length", [3, 64 * MIB])
def test_buffers_cross_out_of_band_and_may_be_changed_where_they_arrive(
    pool: Pool, length: int
) -> None:
    mine = Buffered(bytearray(b"a") * length)
    future = pool.submit(echo, [mine, mine])
    mine.buffer[0] = 0  # what was submitted is sent
    first, second = future.result(LIMIT)
    assert first is second
    assert len(first.buffer) == length
    assert first.buffer == bytearray(b"a") * length
    first.buffer[0] = 1
    assert second.buffer[0] == 1


def test_large_arrays_arrive_whole(pool: Pool) -> None:
    numbers = array.array("d", range(MIB))
    plain = bytearray(b"x") * MIB
    assert pool.submit(echo, (numbers, plain)).result(LIMIT) == (numbers, plain)


def test_arrays_of_numpy_arrive_whole_and_writable(pool: Pool) -> None:
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    sent = [numpy.arange(MIB, dtype="d"), numpy.arange(7, dtype="h"), numpy.ones((3, 4), order="F")]
    got = pool.submit(echo, sent).result(LIMIT)
    assert all(numpy.array_equal(mine, theirs) for mine, theirs in zip(sent, got, strict=True))
    assert all(theirs.flags["WRITEABLE"] and theirs.flags["ALIGNED"] for theirs in got)


def test_thousands_of_small_buffers_in_one_result_arrive(pool: Pool) -> None:
    sent = [Buffered(bytearray([number % 256])) for number in range(5000)]
    got = pool.submit(echo, sent).result(LIMIT)
    assert [each.buffer[0] for each in got] == [number % 256 for number in range(5000)]

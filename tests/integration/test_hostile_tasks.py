"""Tasks that harm their worker: their own client is told clearly, and nobody else is harmed."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import os
import signal
import sys
from typing import Any, NoReturn

import pytest
from hostile import LIMIT, among_others, lost, not_sent, two_workers

from pool import PayloadError, Pool
from pool.errors import WorkerTraceback

__all__ = ["two_workers"]  # the fixture `pool`

pytestmark = pytest.mark.integration


# Exceptions that end programs.


def fail(error: BaseException | type[BaseException]) -> NoReturn:
    raise error


def recurse(depth: int = 0) -> int:
    return recurse(depth + 1)


def exit_by_module() -> NoReturn:
    sys.exit(7)


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        StopIteration(4),
        MemoryError(),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exception_that_would_end_a_program_arrives_and_the_worker_stays(
    pool: Pool, error: BaseException
) -> None:
    among_others(pool, abs, -1)
    workers = pool.pids()
    arrived = among_others(pool, fail, error).exception(LIMIT)
    assert (type(arrived), arrived.args) == (type(error), error.args)
    assert isinstance(arrived.__cause__, WorkerTraceback)
    assert "in fail\n    raise error" in str(arrived.__cause__)
    assert pool.pids() == workers


def test_exit_arrives_as_system_exit_with_its_code(pool: Pool) -> None:
    error = among_others(pool, exit_by_module).exception(LIMIT)
    assert isinstance(error, SystemExit)
    assert error.code == 7


def test_endless_recursion_arrives_as_recursion_error(pool: Pool) -> None:
    workers = set(among_others(pool, abs, -1) and pool.pids())
    error = among_others(pool, recurse).exception(LIMIT)
    assert type(error) is RecursionError
    assert set(pool.pids()) == workers


def nested(depth: int) -> list[Any]:
    result: list[Any] = []
    for _ in range(depth):
        result = [result]
    return result


def test_result_too_deep_to_pickle_is_refused(pool: Pool) -> None:
    not_sent(among_others(pool, nested, 100_000), "the result of type list", "RecursionError")


def test_argument_too_deep_to_pickle_is_refused_at_the_submit(pool: Pool) -> None:
    with pytest.raises(PayloadError, match=r"^the call of len cannot be pickled: RecursionError"):
        pool.submit(len, nested(100_000))
    assert among_others(pool, abs, -1).result() == 1


# Ends without a word.


@pytest.mark.parametrize("code", [0, 3, 70])
def test_process_that_ends_itself_is_told_with_its_exit_code(pool: Pool, code: int) -> None:
    error = lost(
        among_others(pool, os._exit, code),
        f"it exited with code {code}" + (": it got a damaged frame" if code == 70 else ""),
    )
    while error.worker in pool.pids():  # it is reaped a moment after its end is told
        assert among_others(pool, abs, -1).result() == 1


def end_by_signal(number: signal.Signals) -> None:
    faulthandler.disable()  # pytest's would write into this run's output
    signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM])
def test_process_that_a_signal_ends_is_told_with_its_number(
    pool: Pool, number: signal.Signals
) -> None:
    lost(among_others(pool, end_by_signal, number), f"it exited with code -{number}")


def crash() -> None:
    faulthandler.disable()  # pytest's would write into this run's output
    ctypes.string_at(0)


def test_crash_of_native_code_is_told_as_a_loss(pool: Pool) -> None:
    lost(among_others(pool, crash), f"it exited with code -{signal.SIGSEGV}")


# Descriptors and output.


def test_task_that_closes_every_descriptor_is_told_so(pool: Pool) -> None:
    lost(
        among_others(pool, os.closerange, 3, 256),
        "its pipe was closed, perhaps by the task",
    )


def close_and_die() -> None:
    os.closerange(0, 256)
    os._exit(3)


def test_task_that_closes_every_descriptor_and_exits_is_told_so(pool: Pool) -> None:
    lost(among_others(pool, close_and_die), "it exited with code 3")


def close_the_output(streams: str) -> int:
    if streams == "descriptors":
        os.close(1)
        os.close(2)
    elif streams == "files":
        sys.stdout.close()
        sys.stderr.close()
    else:
        sys.stdout = sys.stderr = None
    return os.getpid()


@pytest.mark.parametrize("streams", ["descriptors", "files", "names"])
def test_task_that_closes_its_output_is_answered_and_so_is_the_next_one_there(
    pool: Pool, streams: str
) -> None:
    worker = among_others(pool, close_the_output, streams).result()
    said = among_others(pool, print, "heard by nobody").exception()
    assert isinstance(said, (OSError, ValueError)) or said is None  # as in any program
    assert worker in pool.pids().values()


class Grumpy:
    """A standard output that ends whoever flushes it."""

    def write(self, _: str) -> None:
        raise SystemExit(4)

    def flush(self) -> None:
        raise SystemExit(5)


def replace_the_output() -> int:
    sys.stdout = Grumpy()  # type: ignore[assignment]
    return 1


def test_task_that_replaces_its_output_is_answered(pool: Pool) -> None:
    workers = set(among_others(pool, abs, -1) and pool.pids())
    assert among_others(pool, replace_the_output).result() == 1
    assert set(pool.pids()) == workers


def speak() -> None:
    print("by print")  # noqa: T201 - it is what this test is about
    sys.__stdout__.write("by the first stdout\n")
    os.write(1, b"by descriptor 1\n")
    os.write(2, b"by descriptor 2\n")


def test_what_a_task_prints_goes_where_the_program_prints_and_not_into_the_pipe(
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Only a forked worker shares the output of this very process at this moment.
    with pytest.MonkeyPatch.context() as patch, Pool(size=1, start_method="fork") as pool:
        patch.setattr(sys, "stdout", sys.__stdout__)
        assert pool.submit(speak).result(LIMIT) is None
        assert pool.submit(abs, -1).result(LIMIT) == 1
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()) == ["by descriptor 1", "by print", "by the first stdout"]
    assert err == "by descriptor 2\n"

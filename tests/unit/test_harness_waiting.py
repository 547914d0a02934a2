"""Waiting and starting together: what is waited for wakes the waiter, and what fails says why."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from machines.harness import Missing, WaitedTooLong, synchronize, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_condition_that_holds_is_returned_at_once() -> None:
    assert wait_for(lambda: "seen", timeout=0) == "seen"


def test_a_condition_that_comes_to_hold_is_returned() -> None:
    times = iter(range(5))
    assert wait_for(lambda: next(times) == 3, poll=0.0)
    assert next(times) == 4


def test_a_condition_that_never_holds_says_what_it_last_saw() -> None:
    def how_many() -> list[int]:
        return []

    with pytest.raises(WaitedTooLong) as failure:
        wait_for(how_many, timeout=0.01, poll=0.001)
    assert "how_many did not hold within 0.01 s: it last was []" in str(failure.value)
    assert failure.value.seen == []


def test_a_condition_that_raises_says_what() -> None:
    with pytest.raises(WaitedTooLong, match=r"it last raised KeyError\('none'\)") as failure:
        wait_for(lambda: {}["none"], timeout=0.0)
    assert "the lambda at test_harness_waiting.py:" in str(failure.value)
    assert isinstance(failure.value.__cause__, KeyError)


def test_what_cannot_be_waited_for_is_refused() -> None:
    with pytest.raises(TypeError, match="3 cannot be waited for"):
        wait_for(3)


def event() -> tuple[Any, Callable[[], object]]:
    made = threading.Event()
    return made, made.set


def future() -> tuple[Any, Callable[[], object]]:
    made: Future[int] = Future()
    return made, lambda: made.set_result(1)


def thread() -> tuple[Any, Callable[[], object]]:
    stop = threading.Event()
    made = threading.Thread(target=stop.wait)
    made.start()
    return made, stop.set


def program() -> tuple[Any, Callable[[], object]]:
    made = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert made.stdin is not None
    return made, made.stdin.close


def process() -> tuple[Any, Callable[[], object]]:
    made: Any = get_context("fork").Process(target=threading.Event().wait)
    made.start()
    return made, made.kill


class Pipe:
    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def fileno(self) -> int:
        return self.read_end

    def write(self) -> None:
        os.write(self.write_end, b"x")
        os.close(self.write_end)


def pipe() -> tuple[Any, Callable[[], object]]:
    made = Pipe()
    return made, made.write


@pytest.mark.parametrize(
    "make", [event, future, thread, program, process, pipe], ids=lambda make: make.__name__
)
def test_what_can_wake_is_waited_for(make: Callable[[], Any]) -> None:
    source, come = make()
    with pytest.raises(WaitedTooLong, match=r"was not there within 0\.01 s"):
        wait_for(source, timeout=0.01)
    come()
    assert wait_for(source, timeout=20.0, poll=1e9) is source
    if isinstance(source, Pipe):
        os.close(source.read_end)


def test_operations_start_together_and_their_results_have_the_order_given() -> None:
    here = threading.Barrier(3)
    names = ["c", "a", "b"]
    together = synchronize({name: lambda name=name: (here.wait(20), name)[1] for name in names})
    assert list(together) == names
    assert together.results() == names
    assert together.spread >= 0.0


def test_what_an_operation_raises_is_kept() -> None:
    def leaves() -> None:
        raise SystemExit(3)

    together = synchronize([leaves, lambda: 7])
    assert together["1"].result() == 7
    assert list(together.errors) == ["0"]
    with pytest.raises(SystemExit):
        together["0"].result()
    with pytest.raises(BaseExceptionGroup, match="0 failed"):
        together.results()


def test_operations_that_do_not_end_are_named_and_the_others_kept() -> None:
    stop = threading.Event()
    with pytest.raises(
        Missing, match=r"slow, slower did not end within 0\.1 s; 1 others"
    ) as failure:
        synchronize({"slow": stop.wait, "quick": lambda: 1, "slower": stop.wait}, timeout=0.1)
    stop.set()
    assert failure.value.names == ("slow", "slower")
    assert failure.value.ended.results() == [1]


@pytest.mark.parametrize("nothing", [[], {}])
def test_no_operations_are_refused(nothing: Any) -> None:
    with pytest.raises(ValueError, match="at least one operation"):
        synchronize(nothing)


def test_what_cannot_be_called_is_refused_by_its_name() -> None:
    with pytest.raises(TypeError, match="operation bad cannot be called: 3"):
        synchronize({"bad": 3})  # type: ignore[dict-item]


def test_64_operations_again_and_again_lose_nothing_and_keep_their_order() -> None:
    names = [f"{number:02}" for number in reversed(range(64))]
    began = time.monotonic()
    for _ in range(20):
        together = synchronize({name: (lambda name=name: name) for name in names})
        assert together.results() == list(together) == names
    assert together.spread < time.monotonic() - began

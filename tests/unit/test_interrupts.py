"""Interrupts from the keyboard: blocked while processes start, ignored in workers."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
from multiprocessing import spawn
from typing import TYPE_CHECKING, Any

import pytest

from pool import interrupts, preloaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    """Afterwards interrupts are what they were."""
    handler, hook = signal.getsignal(signal.SIGINT), sys.excepthook
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    sys.excepthook = hook
    signal.signal(signal.SIGINT, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.fixture
def heard() -> list[int]:
    """The interrupts that this process has heard."""
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    return heard


def blocked() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_interrupt_that_comes_while_they_are_blocked_is_heard_afterwards(heard: list[int]) -> None:
    with interrupts.blocked():
        assert blocked()
        signal.raise_signal(signal.SIGINT)
        assert heard == []
    assert not blocked()
    assert heard == [signal.SIGINT]


def test_who_had_them_blocked_before_has_them_blocked_afterwards() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGUSR1])
    with interrupts.blocked():
        assert blocked()
    assert blocked()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])


def test_who_ignores_them_hears_neither_the_one_that_came_nor_the_next(heard: list[int]) -> None:
    with interrupts.blocked():
        signal.raise_signal(signal.SIGINT)
        interrupts.ignore()
        assert not blocked()
        signal.raise_signal(signal.SIGINT)
    assert heard == []


def test_who_forgets_them_hears_only_the_next(heard: list[int]) -> None:
    with interrupts.blocked():
        signal.raise_signal(signal.SIGINT)
        interrupts.forget()
        assert heard == []
        signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGINT]


def test_who_unpickles_that_they_are_ignored_ignores_them(heard: list[int]) -> None:
    again: Any = pickle.loads(pickle.dumps(interrupts.Ignored()))
    assert type(again) is interrupts.Ignored
    signal.raise_signal(signal.SIGINT)
    assert heard == []


def test_last_preloaded_module_forgets_them_only_where_they_are_blocked(heard: list[int]) -> None:
    with interrupts.blocked():
        signal.raise_signal(signal.SIGINT)
        importlib.reload(preloaded)
        assert not blocked()
    assert heard == []
    importlib.reload(preloaded)
    signal.raise_signal(signal.SIGINT)
    assert heard == [signal.SIGINT]


def raised(work: Callable[[], Any]) -> BaseException:
    with pytest.raises((EOFError, ZeroDivisionError)) as caught:
        work()
    return caught.value


def read_what_to_run() -> None:
    """As the forkserver's child reads it, from a starter that has gone."""
    read_end, write_end = os.pipe()
    os.close(write_end)
    main: Any = spawn._main  # type: ignore[attr-defined]
    main(read_end, None)


def read_something_else() -> None:
    raise EOFError("a task's own")


@pytest.mark.parametrize(
    ("work", "told"),
    [(read_what_to_run, False), (read_something_else, True), (lambda: 1 // 0, True)],
)
def test_process_whose_starter_was_interrupted_has_nothing_to_tell(
    capsys: pytest.CaptureFixture[str], work: Callable[[], Any], told: bool
) -> None:
    error = raised(work)
    preloaded.tell(type(error), error, error.__traceback__)
    assert (type(error).__name__ in capsys.readouterr().err) is told


def test_hook_for_errors_is_set_only_in_a_forkserver_that_was_started_so() -> None:
    usual = sys.excepthook
    importlib.reload(preloaded)
    assert sys.excepthook is usual
    with interrupts.blocked():
        importlib.reload(preloaded)
    assert sys.excepthook is preloaded.tell

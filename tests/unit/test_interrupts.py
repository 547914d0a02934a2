"""Interrupts from the keyboard: blocked while processes start, ignored in workers."""

from __future__ import annotations

import importlib
import pickle
import signal
from typing import TYPE_CHECKING, Any

import pytest

from pool import interrupts, preloaded

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    """Afterwards interrupts are what they were."""
    handler = signal.getsignal(signal.SIGINT)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
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

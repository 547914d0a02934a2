"""Interrupts from the keyboard: what the pool starts is not hit by them, not even while it starts.

A terminal interrupts every process in its foreground. The pool's process answers that, and ends its
workers if it wants to; a worker that was interrupted as well would only add its traceback. So a
process is started with the signal blocked, and lets it through when it has begun to ignore it.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """What this thread starts meanwhile has interrupts blocked until it lets them through."""
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def ignore() -> None:
    """This process ignores interrupts, also one that has come while they were blocked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def forget() -> None:
    """Interrupts that came while they were blocked are forgotten; the next one is heard again."""
    usual = signal.getsignal(signal.SIGINT)
    ignore()
    signal.signal(signal.SIGINT, usual)


class Ignored:
    """Whoever unpickles this ignores interrupts from then on."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _ignored, ()


def _ignored() -> Ignored:
    ignore()
    return Ignored()

"""Interrupts from the keyboard: what the pool starts is not hit by them, not even while it starts.

A terminal interrupts every process in its foreground. The pool's process answers that, and ends its
workers if it wants to; a worker that was interrupted as well would only add its traceback. So a
process is started with the signal blocked, and lets it through when it has begun to ignore it.
"""

from __future__ import annotations

import inspect
import signal
from typing import Any, Final

# What Python's own functions wrap. The wrappers make members of enumerations of what comes back;
# and right after a fork the kernel copies every page that is touched, be it to read a function.
_set_handler: Final = inspect.unwrap(signal.signal)
_set_mask: Final = inspect.unwrap(signal.pthread_sigmask)
_INTERRUPT: Final = (signal.SIGINT,)


class blocked:  # noqa: N801 - reads as what it does
    """What this thread starts meanwhile has interrupts blocked until it lets them through."""

    def __enter__(self) -> None:
        self._usual = _set_mask(signal.SIG_BLOCK, _INTERRUPT)

    def __exit__(self, *_: object) -> None:
        _set_mask(signal.SIG_SETMASK, self._usual)


def ignore() -> None:
    """This process ignores interrupts, also one that has come while they were blocked."""
    _set_handler(signal.SIGINT, signal.SIG_IGN)
    _set_mask(signal.SIG_UNBLOCK, _INTERRUPT)


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

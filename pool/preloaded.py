"""The last module that the forkserver preloads: from here on it hears interrupts as it would.

It is started with interrupts blocked, because what it imports first may take long, and an interrupt
from the keyboard would end it with a traceback. What it forks for others must not inherit that. The
program's main module is imported here, when all of the pool is there for it.
"""

from __future__ import annotations

import signal
import sys
import traceback
from multiprocessing import spawn
from typing import TYPE_CHECKING, Final

from pool import interrupts, main_module

if TYPE_CHECKING:
    from types import TracebackType

_STARTED: Final = spawn.__file__


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The error is told as usual, unless it says that nobody told this process what to run.

    So it is when its starter was interrupted, or died, at that very moment; others tell of that.
    """
    frames = traceback.extract_tb(trace)
    if kind is EOFError and frames and frames[-1].filename == _STARTED:
        return
    sys.__excepthook__(kind, error, trace)


main_module.preload()
if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []):
    interrupts.forget()
    sys.excepthook = tell

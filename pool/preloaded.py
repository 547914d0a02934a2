"""The last module that the forkserver preloads: from here on it hears interrupts as it would.

It is started with interrupts blocked, because what it imports first may take long, and an interrupt
from the keyboard would end it with a traceback. What it forks for others must not inherit that.
"""

from __future__ import annotations

import signal

from pool import interrupts

if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []):
    interrupts.forget()

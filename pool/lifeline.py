"""A lifeline: a worker does not outlive the pool's process, however that process dies.

The pool keeps the write end of a pipe and each worker the read end of its own. When the pool's
process is gone, the kernel closes the write end. On Linux the kernel is asked to send SIGKILL at
that moment, which also ends a worker that is stopped, or that is deep in native code with the
interpreter's lock held. Elsewhere a thread waits for the hang-up.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading


def hold(read_end: int) -> None:
    """From now on this process dies with the holder of the pipe's write end.

    Args:
        read_end: descriptor; must be an open file description of this process alone.
    """
    if hasattr(fcntl, "F_SETSIG"):
        _die_by_kernel(read_end)
    else:
        _die_by_thread(read_end)
    if hung_up(read_end):  # it was gone before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def hung_up(read_end: int) -> bool:
    """Whether nobody holds the write end any more."""
    return readable(read_end, 0.0)


def readable(fd: int, timeout: float | None) -> bool:
    """Whether the descriptor has something to say, or has hung up, within so many seconds.

    Args:
        fd: of any size; `select` would refuse one beyond 1023.
        timeout: seconds to wait; None waits for ever.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000.0))


def _die_by_kernel(read_end: int) -> None:
    fcntl.fcntl(read_end, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(read_end, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(read_end, fcntl.F_GETFL)
    fcntl.fcntl(read_end, fcntl.F_SETFL, flags | os.O_ASYNC)


def _die_by_thread(read_end: int) -> None:
    def wait() -> None:
        readable(read_end, None)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()

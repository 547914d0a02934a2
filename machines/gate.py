"""The gate at which a task's function waits until the schedule opens it.

In a worker process of the `real` layer the gate is a socket to the driver. Where none was
installed (the `wire` layer calls the function only when its gate opens) it stands open.
"""

from __future__ import annotations

import os
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket

EXIT_CODE: Final = 7
ARRIVED: Final = b"a"
OPEN: Final = b"o"


class Start(StrEnum):
    """How a worker's start goes; all but the first are faults."""

    NORMAL = "normal"
    REFUSED = "refused"
    RAISES = "raises"
    HANGS = "hangs"
    EXITS = "exits"


class StartFault(RuntimeError):
    """The initializer raised, because the nemesis chose so."""


_WORDS: Final = "the initializer raises"
FAULT: Final = f"{StartFault.__name__}: {_WORDS}"  # as the worker tells the pool

# The worker process's own gate: a task's function has no other way to find it.
_installed: list[socket.socket] = []


def install(channel: socket.socket | None, start: Start) -> None:
    """This process's tasks wait at this gate; or its start goes wrong, as chosen.

    Args:
        channel: the worker's end; None leaves the gate open.
        start: how the start goes.
    """
    if start is Start.RAISES:
        if channel is not None:  # the process lingers, as one does that has a thread left
            threading.Thread(target=never_arrive).start()
        raise StartFault(_WORDS)
    if start is Start.EXITS:
        os._exit(EXIT_CODE)
    if channel is not None:
        _installed.append(channel)
        if start is Start.HANGS:
            channel.recv(1)  # nobody ever sends anything before the first task


def never_arrive(*_: Any) -> int:
    """A worker process's body that never says or hears anything; only a kill ends it."""
    threading.Event().wait()
    return EXIT_CODE


def wait() -> None:
    """The gate was opened; the driver knows that the function had come to it."""
    for channel in _installed:
        channel.send(ARRIVED)
        channel.recv(1)

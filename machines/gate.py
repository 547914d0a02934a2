"""The gate at which a task's function waits until the schedule opens it.

In a worker process of the `real` layer the gate is a socket to the driver. Where none was
installed (the `wire` layer calls the function only when its gate opens) it stands open.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import tempfile
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.worker import WorkerSetup

EXIT_CODE: Final = 7
ARRIVED: Final = b"a"
OPEN: Final = b"o"
EXIT: Final = b"x"
HOLD: Final = b"h"
SWELL: Final = b"s"
# Far above what a worker process occupies by itself.
MEMORY_LIMIT: Final = 1 << 29
_SWOLLEN_BYTES: Final = 1 << 24


class Start(StrEnum):
    """How a worker's start goes; all but the first are faults."""

    NORMAL = "normal"
    REFUSED = "refused"
    RAISES = "raises"
    HANGS = "hangs"
    EXITS = "exits"


_WORDS: Final = "the initializer raises"
FAULT: Final = f"RuntimeError: {_WORDS}"  # as the worker tells the pool

# The worker process's own gate: a task's function has no other way to find it.
_installed: list[socket.socket] = []
# Its end of its pipe.
_pipes: list[socket.socket] = []
# What this process took beyond its limit, and keeps.
_taken: list[mmap.mmap] = []


def install(channel: socket.socket | None, start: Start) -> None:
    """This process's tasks wait at this gate; or its start goes wrong, as chosen.

    Args:
        channel: the worker's end; None leaves the gate open.
        start: how the start goes.
    """
    if start is Start.RAISES:
        if channel is not None:  # the process lingers, as one does that has a thread left
            threading.Thread(target=never_arrive).start()
        raise RuntimeError(_WORDS)
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
        while (told := channel.recv(1)) == SWELL:
            _swell()
            channel.send(ARRIVED)
        if told == EXIT:
            os._exit(EXIT_CODE)


def held(
    body: Callable[..., int],
    channel: socket.socket,
    lifeline_fd: int,
    mark: mmap.mmap,
    token_fd: int,
    setup: WorkerSetup,
) -> int:
    """The body ran on a channel on which it can be held when it has read; its code is returned."""
    inner = _Held(fileno=channel.fileno())
    _pipes.append(inner)
    try:
        return body(inner, lifeline_fd, mark, token_fd, setup)
    finally:
        inner.detach()  # whoever gave it closes it


class _Held(socket.socket):
    """A worker's end of its pipe; its reader goes no further if it was told to be held."""

    def recv(self, *args: Any) -> bytes:
        """What was read is returned, unless the gate says that this is the worker's last act."""
        data = super().recv(*args)
        for channel in _installed:
            try:
                told = channel.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            if told == HOLD:
                channel.send(ARRIVED)
                never_arrive()
        return data


def leave_child() -> None:
    """A child of this process holds its pipe open, and outlives it until the gate is taken down."""
    for channel in _installed:
        kept = [os.dup(pipe.fileno()) for pipe in _pipes]  # which no hook closes in the child
        if os.fork() == 0:
            poller = select.poll()
            poller.register(channel, 0)
            poller.poll()  # until the driver's end is closed
            os._exit(0)
        for descriptor in kept:
            os.close(descriptor)


def _swell() -> None:
    """This process occupies more than its limit: the same memory, many times over."""
    with tempfile.TemporaryFile() as file:
        file.truncate(_SWOLLEN_BYTES)
        for _ in range(MEMORY_LIMIT // _SWOLLEN_BYTES):
            view = mmap.mmap(file.fileno(), _SWOLLEN_BYTES)
            _taken.append(view)
            for at in range(0, _SWOLLEN_BYTES, mmap.PAGESIZE):
                view[at]

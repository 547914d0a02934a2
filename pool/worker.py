"""The worker's loop: what a worker process does between its start and its end.

`serve` is a coroutine without input or output of its own: it yields what it wants done (`Send`
these bytes, `Read` some, a task `Begun`) and is resumed by whoever runs it. A worker process
runs it on its socket (`run`); the `wire` layer of the machines runs the same coroutine in
memory, one step at a time.
"""

from __future__ import annotations

import os
import signal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pool import lifeline
from pool.errors import FrameError, PayloadError
from pool.frames import TO_WORKER, Frame, FrameDecoder, Kind, encode
from pool.payloads import pack_exception, pack_result, unpack_call

if TYPE_CHECKING:
    import mmap
    import socket
    from collections.abc import Callable, Generator

READ_BYTES: Final = 1 << 18
EXIT_BAD_FRAME: Final = 70


@frozen
class Read:
    """Resume me with the next bytes; empty bytes say that no more will come."""


@frozen
class Begun:
    """The task's function is called when I am resumed; note that it may have started."""

    task: int
    attempt: int


@frozen
class Send:
    """Write these bytes and resume me."""

    data: bytes


class Ended(Enum):
    """Why the loop returned."""

    STOPPED = 0
    HUNG_UP = 1
    INIT_FAILED = 2
    BAD_FRAME = EXIT_BAD_FRAME


Request = Read | Begun | Send


@frozen
class WorkerSetup:
    """What a worker needs to know before its first task.

    Attributes:
        initializer: called once before anything else; None for nothing.
        initargs: its arguments.
        bytes_max: the longest payload in either direction.
    """

    initializer: Callable[..., object] | None = None
    initargs: tuple[Any, ...] = field(default=())
    bytes_max: int = 1 << 30


def serve(setup: WorkerSetup) -> Generator[Request, bytes, Ended]:
    """Each task that arrives is run once, in order, and answered, until told to stop."""
    try:
        if setup.initializer is not None:
            setup.initializer(*setup.initargs)
    except BaseException as error:
        yield Send(encode(Kind.INIT_FAILED, payload=pack_exception(error, setup.bytes_max)))
        return Ended.INIT_FAILED
    yield Send(encode(Kind.READY))
    decoder = FrameDecoder(TO_WORKER, setup.bytes_max)
    while True:
        data = yield Read()
        if not data:
            return Ended.HUNG_UP
        try:
            frames = decoder.feed(data)
        except FrameError:
            return Ended.BAD_FRAME
        for frame in frames:
            if frame.kind is Kind.STOP:
                return Ended.STOPPED
            yield Begun(frame.task, frame.attempt)
            yield Send(_answer(frame, setup.bytes_max))


def _answer(frame: Frame, bytes_max: int) -> bytes:
    try:
        function, args, kwargs = unpack_call(frame.payload)
    except PayloadError as error:
        return _reply(Kind.RAISED, frame, pack_exception(error, bytes_max))
    try:
        payload = pack_result(function(*args, **kwargs), bytes_max)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are answers too
        return _reply(Kind.RAISED, frame, pack_exception(error, bytes_max))
    return _reply(Kind.RETURNED, frame, payload)


def _reply(kind: Kind, frame: Frame, payload: bytes) -> bytes:
    return encode(kind, frame.task, frame.attempt, payload)


def run(channel: socket.socket, lifeline_fd: int, mark: mmap.mmap, setup: WorkerSetup) -> int:
    """The loop ran on this process's socket to its end; its exit code is returned.

    Args:
        channel: the worker's end of its pipe.
        lifeline_fd: the read end of a pipe that hangs up when the pool's process is gone.
        mark: one shared byte: how many tasks were begun, modulo 256.
        setup: the initializer and the bounds.
    """
    # An interrupt from the keyboard reaches the whole process group; the pool's process answers
    # it, and ends its workers if it wants to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline.hold(lifeline_fd)
    loop = serve(setup)
    answer = b""
    while True:
        try:
            request = loop.send(answer) if answer else next(loop)
        except StopIteration as stop:
            ended: Ended = stop.value
            return ended.value
        answer = b""
        if isinstance(request, Read):
            answer = _receive(channel)
            if not answer:
                return Ended.HUNG_UP.value
        elif isinstance(request, Begun):
            mark[0] = (mark[0] + 1) & 0xFF
        else:
            _send_all(channel, request.data)


def _receive(channel: socket.socket) -> bytes:
    try:
        return channel.recv(READ_BYTES)
    except OSError:  # the pool's end is gone, or the task closed this one
        return b""


def _send_all(channel: socket.socket, data: bytes) -> None:
    try:
        channel.sendall(data)
    except OSError:
        # The pool's end is gone, or the task closed this one: nobody can be told anything.
        os._exit(Ended.HUNG_UP.value)

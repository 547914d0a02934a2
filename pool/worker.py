"""The worker's loop: what a worker process does between its start and its end.

`serve` is a coroutine without input or output of its own: it yields what it wants done (`Send`
these bytes, `Read` some, `Take` a token, a task `Begun`) and is resumed by whoever runs it. A
worker process runs it on its socket (`run`); the `wire` layer of the machines runs the same
coroutine in memory, one step at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from pool import exits, forks, interrupts, lifeline
from pool.errors import FrameError, PayloadError
from pool.frames import TO_WORKER, Flag, Frame, FrameDecoder, Kind, encode, encode_parts
from pool.payloads import pack_exception, pack_result, unpack_call

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Generator

    from pool.frames import Buffer, Payload

READ_BYTES: Final = 1 << 16
RUN: Final = b"\x01"
SKIP: Final = b"\x00"
_DETAIL_MAX: Final = 500
# As plain numbers: an operation of the enum's costs ten times as much.
_OPENS, _AHEAD, _HEAVY = (int(flag) for flag in (Flag.OPENS, Flag.AHEAD, Flag.HEAVY))
_PARTS_MAX: Final = 512  # the kernel takes 1024 at once
# What an exception says when the machine, and not the function, is at fault.
_SCARCE: Final = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN})


@define
class Read:
    """Resume me with the next bytes; empty bytes say that no more will come.

    Attributes:
        room: where they may be read to instead, all that fits; then resume me with None.
    """

    room: memoryview | None = None


@define
class Take:
    """Take a token and resume me with it: `RUN` or `SKIP`; empty bytes: there will be none."""


@define
class Begun:
    """The task's function is called when I am resumed; note that it may have started."""

    task: int
    attempt: int


@define
class Send:
    """Write these parts, one after another, and resume me."""

    parts: tuple[Buffer, ...]

    @property
    def data(self) -> bytes:
        """All that is to be written."""
        return b"".join(self.parts)


class Ended(Enum):
    """Why the loop returned."""

    STOPPED = 0
    HUNG_UP = 1
    INIT_FAILED = 2
    BAD_FRAME = exits.BAD_FRAME


Request = Read | Take | Begun | Send
_READ: Final = Read()
_TAKE: Final = Take()


@frozen
class WorkerSetup:
    """What a worker needs to know before its first task.

    Attributes:
        initializer: called once before anything else; None for nothing.
        initargs: its arguments.
        bytes_max: the longest payload in either direction.
        memory_limit: bytes of resident memory above which it says that it is heavy; None for never.
    """

    initializer: Callable[..., object] | None = None
    initargs: tuple[Any, ...] = field(default=())
    bytes_max: int = 1 << 30
    memory_limit: int | None = None


def serve(
    setup: WorkerSetup, server: type[Server] | None = None
) -> Generator[Request, bytes | None, Ended]:
    """Each task that arrives is run once, in order, and answered, until told to stop.

    Args:
        setup: the initializer and the bounds.
        server: what serves once the worker has started; the `Server` unless given.
    """
    try:
        if setup.initializer is not None:
            setup.initializer(*setup.initargs)
    except BaseException as error:
        yield Send((encode(Kind.INIT_FAILED, payload=_words(error)),))
        return Ended.INIT_FAILED
    yield Send((encode(Kind.READY),))
    return (yield from (server or Server)(setup).loop())


class Server:
    """A worker that has started.

    Args:
        setup: the bounds.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self._bytes_max = setup.bytes_max
        self._memory_limit = setup.memory_limit
        self._decoder = FrameDecoder(TO_WORKER, setup.bytes_max)
        self._states: dict[int, dict[Any, Any]] = {}

    def loop(self) -> Generator[Request, bytes | None, Ended]:
        """What it wants done is yielded, until it is told to stop or hears no more."""
        while True:
            try:
                frames = yield from self._frames()
            except FrameError:
                return Ended.BAD_FRAME
            if frames is None:
                return Ended.HUNG_UP
            for frame in frames:
                kind = frame.kind
                if kind is Kind.TASK:
                    token = (yield _TAKE) if frame.flags & _AHEAD else RUN
                    if token == SKIP:
                        continue
                    if token != RUN:  # nobody gives any more, and it may have been taken back (S3)
                        return Ended.HUNG_UP
                    yield Begun(frame.task, frame.attempt)
                    yield Send(self._answer(frame))
                elif kind is Kind.CHECK:
                    report = encode(Kind.HEALTH, frame.task, flags=self._weight())
                    yield Send((report,))
                elif kind is Kind.DROP:
                    self._states.pop(frame.session, None)
                else:
                    return Ended.STOPPED

    def _frames(self) -> Generator[Request, bytes | None, list[Frame] | None]:
        """The next frames; None if no more will come."""
        room = self._decoder.room
        data = yield (_READ if room is None else Read(room))
        if data is None:
            assert room is not None  # noqa: S101 - whoever runs this has filled it
            return self._decoder.filled(len(room))
        return self._decoder.feed(data) if data else None

    def _answer(self, frame: Frame) -> tuple[Buffer, ...]:
        """The task has run, and its reply is returned."""
        kind, payload = self._outcome(frame)
        _flush_output()
        flags = self._weight()
        if isinstance(payload, bytes):
            return (encode(kind, frame.task, frame.attempt, payload, flags=flags),)
        return tuple(encode_parts(kind, frame.task, frame.attempt, payload, session=0, flags=flags))

    def _outcome(self, frame: Frame) -> tuple[Kind, Payload]:
        try:
            function, args, kwargs = unpack_call(frame.payload)
        except PayloadError as error:
            return Kind.RAISED, pack_exception(error, self._bytes_max)
        try:
            if frame.session:
                args = (self._state(frame), *args)
            return Kind.RETURNED, pack_result(function(*args, **kwargs), self._bytes_max)
        except BaseException as error:  # SystemExit and KeyboardInterrupt are answers too
            kind = Kind.EXHAUSTED if _is_scarcity(error) else Kind.RAISED
            return kind, pack_exception(error, self._bytes_max)

    def _state(self, frame: Frame) -> dict[Any, Any]:
        """The state of the frame's session; an unknown one is never made in silence (S7)."""
        if frame.flags & _OPENS:
            self._states[frame.session] = {}
        state = self._states.get(frame.session)
        if state is None:
            raise PayloadError(f"this worker has no state of session {frame.session - 1}")
        return state

    def _weight(self) -> int:
        limit = self._memory_limit
        return _HEAVY if limit is not None and resident_bytes() > limit else 0


def resident_bytes() -> int:
    """How much memory this process occupies; where the system does not say, how much it did."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _is_scarcity(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, OSError) and error.errno in _SCARCE


def _words(error: BaseException) -> bytes:
    try:
        words = f"{type(error).__name__}: {error}"
    except BaseException:  # it is somebody else's method
        words = type(error).__name__
    return words[:_DETAIL_MAX].encode(errors="replace")


def _flush_output() -> None:
    """What the function printed is on its way, whatever becomes of this process."""
    try:  # noqa: SIM105 - written out: a context manager costs more than the flush
        sys.stdout.flush()
    except BaseException:  # noqa: S110 - the function may have closed or replaced it
        pass


def run(
    channel: socket.socket,
    lifeline_fd: int,
    mark: mmap.mmap,
    token_fd: int,
    setup: WorkerSetup,
    server: type[Server] | None = None,
) -> int:
    """The loop ran on this process's socket to its end; its exit code is returned.

    Args:
        channel: the worker's end of its pipe.
        lifeline_fd: the read end of a pipe that hangs up when the pool's process is gone.
        mark: one shared byte: how many tasks were begun, modulo 256.
        token_fd: the read end of a pipe of one-byte tokens for tasks that were sent ahead.
        setup: the initializer and the bounds.
        server: what serves once the worker has started; the `Server` unless given.
    """
    # An interrupt from the keyboard reaches the whole process group; the pool's process answers
    # it, and ends its workers if it wants to.
    interrupts.ignore()
    signal.set_wakeup_fd(-1)  # a forked worker's signals are no news to the pool's event loop
    lifeline.hold(lifeline_fd)
    ends = _Ends(channel, (lifeline_fd, token_fd))
    forks.tell_children(ends)
    try:
        return _drive(serve(setup, server), channel, mark, token_fd).value
    except KeyboardInterrupt:  # a task has undone the first line above
        return exits.INTERRUPTED


class _Ends:
    """What a child that a task forks lets go of: it must not speak in its worker's name.

    Such a child that returns from the task's function ends when it would answer.

    Args:
        channel: the worker's end of its pipe.
        descriptors: the others.
    """

    def __init__(self, channel: socket.socket, descriptors: tuple[int, ...]) -> None:
        self._channel = channel
        self._descriptors = descriptors

    def forked(self) -> None:
        """In the child: it holds none of the worker's descriptors."""
        with contextlib.suppress(OSError):  # the task may have closed some
            self._channel.close()
        for descriptor in self._descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _drive(
    loop: Generator[Request, bytes | None, Ended],
    channel: socket.socket,
    mark: mmap.mmap,
    token_fd: int,
) -> Ended:
    """What the loop asked for was done, one thing after another, until it ended."""
    answer: bytes | None = None
    try:
        request = next(loop)
        while True:
            kind = type(request)
            if kind is Begun:
                mark[0] = (mark[0] + 1) & 0xFF
                answer = None
            elif kind is Send:
                _send_all(channel, request.parts)  # type: ignore[union-attr]
                answer = None
            elif kind is Read:
                answer = _receive(channel, request.room)  # type: ignore[union-attr]
            else:
                answer = _take(token_fd)
            request = loop.send(answer)
    except StopIteration as stop:
        ended: Ended = stop.value
        return ended


def _take(token_fd: int) -> bytes:
    try:
        return os.read(token_fd, 1)
    except OSError:  # a task closed it
        return b""


def _receive(channel: socket.socket, room: memoryview | None) -> bytes | None:
    try:
        if room is None:
            return channel.recv(READ_BYTES)
        while room:
            count = channel.recv_into(room, 0, socket.MSG_WAITALL)
            if not count:
                return b""
            room = room[count:]  # a signal handler of the task's may have cut it short
    except OSError:  # the pool's end is gone, or the task closed this one
        return b""
    return None


def _send_all(channel: socket.socket, parts: tuple[Buffer, ...]) -> None:
    try:
        for first in range(0, len(parts), _PARTS_MAX):
            _send_some(channel, parts[first : first + _PARTS_MAX])
    except OSError:
        # The pool's end is gone, or the task closed this one: nobody can be told anything.
        os._exit(exits.PIPE_CLOSED)


def _send_some(channel: socket.socket, parts: tuple[Buffer, ...]) -> None:
    if len(parts) == 1:
        channel.sendall(parts[0])
        return
    sent = channel.sendmsg(parts)
    for part in parts:
        if sent < len(part):
            channel.sendall(memoryview(part)[sent:])
        sent = max(0, sent - len(part))

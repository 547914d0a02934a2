"""The crew: the production loop's worker processes, with what is half sent and half read.

Only the loop's thread starts, reads, kills and reaps; `send_task`, `flush` and `watch_writes`
are called with the loop's lock held, from any thread.
"""

from __future__ import annotations

import logging
import selectors
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import define, field

from pool import effects as do
from pool import events as told
from pool.errors import FrameError
from pool.frames import FROM_WORKER, FrameDecoder, Kind, encode
from pool.processes import MainFile, WorkerProcess, context_for
from pool.protocol import event_of
from pool.worker import WorkerSetup

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pool.config import PoolConfig

_READ_BYTES: Final = 1 << 18
_FLAGS: Final = getattr(socket, "MSG_NOSIGNAL", 0)  # whatever the program does about SIGPIPE
_LOG: Final = logging.getLogger("pool")


class Source(NamedTuple):
    """Where something became readable: a worker's socket, or the end of its process."""

    worker: int
    ended: bool


@define(eq=False)
class Member:
    """One worker process with its two directions.

    Attributes:
        outbox: bytes which its socket did not take yet.
        writing: whether its socket is watched for room.
    """

    process: WorkerProcess
    decoder: FrameDecoder
    outbox: bytearray = field(factory=bytearray)
    writing: bool = False


class Crew:
    """The processes of one pool.

    Args:
        config: the pool's configuration.
        selector: where sockets and exits are registered, each with its worker's number.
    """

    def __init__(self, config: PoolConfig, selector: selectors.BaseSelector) -> None:
        self._config = config
        self._selector = selector
        self._context = context_for(config)
        self._main_file = MainFile()
        self._members: dict[int, Member] = {}
        self._setup = WorkerSetup(config.initializer, config.initargs, config.frame_bytes_max)

    def pids(self) -> dict[int, int]:
        """The process identifier of each process that is not reaped, by worker number."""
        return {number: member.process.pid for number, member in list(self._members.items())}

    def perform(self, effect: do.Effect) -> Iterator[told.Event]:
        """The process is started, told to stop, or dead and reaped; what the core must hear."""
        if isinstance(effect, do.SpawnWorker):
            yield from self._spawn(effect.worker)
        elif isinstance(effect, do.StopWorker):
            self._stop(effect.worker)
        elif isinstance(effect, do.KillWorker):
            yield from self._kill(effect.worker)

    def news(self, source: Source) -> Iterator[told.Event]:
        """What became readable is yielded: a worker's replies, and after them its exit."""
        worker = source.worker
        member = self._members.get(worker)
        if member is None or not self._watched(member):
            return
        try:
            hung_up = yield from self._replies(worker, member)
        except FrameError as error:
            self._unwatch(member)
            yield told.FrameCorrupt(worker, error.reason)
            return
        if hung_up or source.ended:
            yield from self._gone(worker, member)

    def _replies(self, worker: int, member: Member) -> Generator[told.Event, None, bool]:
        """What the socket holds is yielded; whether the worker hung up is returned."""
        while True:
            try:
                data = member.process.channel.recv(_READ_BYTES)
            except BlockingIOError:
                return False
            except ConnectionError:
                return True
            if not data:
                member.decoder.close()
                return True
            for frame in member.decoder.feed(data):
                yield event_of(worker, frame)

    def send_task(self, effect: do.SendTask, payload: bytes) -> bool:
        """The task's frame is sent as far as the socket takes it; whether some of it is left."""
        member = self._members[effect.worker]
        member.process.sent += 1
        return self._write(member, encode(Kind.TASK, effect.task, effect.attempt, payload))

    def flush(self, worker: int) -> None:
        """More of a worker's outbox is sent; when it is empty, its socket is not watched for it."""
        member = self._members.get(worker)
        if member is not None and self._watched(member) and not self._write(member, b""):
            self._selector.modify(
                member.process.channel, selectors.EVENT_READ, Source(worker, ended=False)
            )
            member.writing = False

    def unstarted(self, worker: int) -> int:
        """How many of the tasks sent to a dead worker it never began."""
        return self._members[worker].process.unstarted

    def watch_writes(self) -> None:
        """Each socket with something left to send is watched for room."""
        for number, member in self._members.items():
            if member.outbox and not member.writing and self._watched(member):
                both = selectors.EVENT_READ | selectors.EVENT_WRITE
                self._selector.modify(member.process.channel, both, Source(number, ended=False))
                member.writing = True

    def close(self) -> None:
        """No process is left, whatever state it was in."""
        for number in list(self._members):
            for _ in self._kill(number):
                pass

    def _spawn(self, worker: int) -> Iterator[told.Event]:
        try:
            process = self._start(worker)
        except Exception:  # an initializer that cannot be pickled ends here as well
            _LOG.warning("worker %d could not be started", worker, exc_info=True)
            yield told.SpawnFailed(worker)
            return
        decoder = FrameDecoder(FROM_WORKER, self._config.frame_bytes_max)
        self._members[worker] = Member(process, decoder)
        self._selector.register(process.channel, selectors.EVENT_READ, Source(worker, ended=False))
        self._selector.register(process.exit_fd, selectors.EVENT_READ, Source(worker, ended=True))

    def _start(self, worker: int) -> WorkerProcess:
        self._main_file.restored()
        process = WorkerProcess(worker, self._context, self._setup)
        if self._main_file.restored():  # the main script ended just now; did this one see it?
            process.kill()
            process.reap()
            process.close()
            process = WorkerProcess(worker, self._context, self._setup)
        return process

    def _stop(self, worker: int) -> None:
        member = self._members.get(worker)
        if member is not None:
            self._write(member, encode(Kind.STOP))

    def _kill(self, worker: int) -> Iterator[told.Event]:
        member = self._members.pop(worker, None)
        if member is None:
            return
        self._unwatch(member)
        member.process.kill()
        member.process.reap()
        member.process.close()
        yield told.WorkerReaped(worker)

    def _gone(self, worker: int, member: Member) -> Iterator[told.Event]:
        """The worker hung up: it is dead, or as good as dead, and must not come back."""
        self._unwatch(member)
        member.process.kill()
        member.process.reap()
        yield told.WorkerExited(worker, member.process.code, member.process.unstarted)

    def _watched(self, member: Member) -> bool:
        return member.process.exit_fd in self._selector.get_map()

    def _unwatch(self, member: Member) -> None:
        if self._watched(member):
            self._selector.unregister(member.process.channel)
            self._selector.unregister(member.process.exit_fd)

    def _write(self, member: Member, data: bytes) -> bool:
        member.outbox += data
        try:
            sent = member.process.channel.send(member.outbox, _FLAGS) if member.outbox else 0
        except BlockingIOError:
            sent = 0
        except OSError:  # it is dead; its exit tells the rest
            sent = len(member.outbox)
        del member.outbox[:sent]
        return bool(member.outbox)

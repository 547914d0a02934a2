"""One worker process as the production loop sees it: what is half sent and half read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pool.frames import FROM_WORKER, FrameDecoder, encode, encode_parts
from pool.processes import SEND_FLAGS

if TYPE_CHECKING:
    from pool.frames import Buffer, Frame, Payload
    from pool.processes import WorkerProcess

READ_BYTES: Final = 1 << 16
_PARTS_MAX: Final = 512  # the kernel takes 1024 at once


class Member:
    """A worker process with its two directions.

    Attributes:
        heard: whether the pollers watch it.
        writing: whether the poller watches its socket for room.
        hung_up: whether it closed its socket.

    Args:
        process: the process.
        bytes_max: the longest payload that is believed.
    """

    def __init__(self, process: WorkerProcess, bytes_max: int) -> None:
        self.process = process
        self.heard = True
        self.writing = False
        self.hung_up = False
        self._decoder = FrameDecoder(FROM_WORKER, bytes_max)
        self._outbox: list[Buffer] = []
        self._tokens = 0

    # To the worker.

    def put(
        self,
        kind: int,
        task: int = 0,
        attempt: int = 0,
        payload: Payload = b"",
        *,
        session: int = 0,
        flags: int = 0,
    ) -> None:
        """The frame will go out with the next `flush`; for the arguments see `encode`."""
        if isinstance(payload, bytes):
            data = encode(kind, task, attempt, payload, session=session, flags=flags)
            self._outbox.append(data)
        else:
            self._outbox += encode_parts(kind, task, attempt, payload, session=session, flags=flags)

    def put_token(self) -> None:
        """One more of the tasks sent ahead may be begun, from the next `flush` on."""
        self._tokens += 1

    def recall(self, tasks_max: int) -> int:
        """How many of the last tasks sent ahead were taken back, at most so many."""
        self._give_tokens()
        return self.process.recall(tasks_max)

    def flush(self) -> bool:
        """What was put is sent as far as the socket takes it; whether some of it is left."""
        if self._tokens:
            self._give_tokens()
        outbox = self._outbox
        while outbox:
            try:
                if len(outbox) == 1:
                    sent = self.process.channel.send(outbox[0], SEND_FLAGS)
                else:
                    sent = self.process.channel.sendmsg(outbox[:_PARTS_MAX], (), SEND_FLAGS)
            except BlockingIOError:
                return True
            except OSError:  # it is dead; its exit tells the rest
                outbox.clear()
                return False
            self._drop(sent)
        return False

    @property
    def backlog(self) -> bool:
        """Whether something is left to send."""
        return bool(self._outbox)

    def _give_tokens(self) -> None:
        if self._tokens:
            self.process.give(self._tokens)
            self._tokens = 0

    def _drop(self, sent: int) -> None:
        gone = 0
        for part in self._outbox:
            if sent < len(part):
                break
            sent -= len(part)
            gone += 1
        del self._outbox[:gone]
        if sent:
            self._outbox[0] = memoryview(self._outbox[0])[sent:]

    # From the worker.

    def read(self) -> list[Frame] | None:
        """The frames that have come are returned; None if nothing is there, or nothing will be.

        Raises:
            FrameError: something is no frame, or the stream ended within one.
        """
        channel, room = self.process.channel, self._decoder.room
        try:
            if room is None:
                data = channel.recv(READ_BYTES)
                if data:
                    return self._decoder.feed(data)
            else:
                count = channel.recv_into(room)
                if count:
                    return self._decoder.filled(count)
        except BlockingIOError:
            return None
        except ConnectionError:
            self.hung_up = True
            return None
        self.hung_up = True
        self._decoder.close()
        return None

    def fileno(self) -> int:
        """The descriptor of its socket."""
        return self.process.channel.fileno()

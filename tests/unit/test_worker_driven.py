"""The worker's loop on real sockets, in a thread of this process: nothing is lost between calls."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from buffered import Buffered
from stepped_worker import fail, note, task, told

from pool import exits, worker
from pool.frames import FROM_WORKER, Flag, Frame, FrameDecoder, Kind, encode
from pool.payloads import unpack_result
from pool.worker import RUN, SKIP, Ended, WorkerSetup

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 30


class Driven:
    """A worker's loop at the other end of a socket.

    Attributes:
        channel: the pool's end.
        tokens: the pool's end, for tokens.
        mark: how many tasks were begun.
        ended: why the loop ended; None while it has not.
    """

    def __init__(self) -> None:
        self.channel, self.theirs = socket.socketpair()
        self.tokens, self.their_tokens = socket.socketpair()
        self.channel.settimeout(LIMIT)
        self.mark = bytearray(1)
        self.ended: Ended | None = None
        self._decoder = FrameDecoder(FROM_WORKER, 1 << 30)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        loop = worker.serve(WorkerSetup(bytes_max=1 << 30))
        mark: Any = self.mark
        self.ended = worker._drive(loop, self.theirs, mark, self.their_tokens.fileno())

    def receive(self, count: int) -> list[Frame]:
        """So many frames that came."""
        frames: list[Frame] = []
        while len(frames) < count:
            frames += self._decoder.feed(self.channel.recv(1 << 16))
        return frames

    def join(self) -> Ended | None:
        """Why the loop ended, once it has."""
        self._thread.join(LIMIT)
        return self.ended

    def close(self) -> None:
        for end in (self.channel, self.theirs, self.tokens, self.their_tokens):
            end.close()


@pytest.fixture
def driven() -> Iterator[Driven]:
    """A worker that is ready."""
    driven = Driven()
    assert driven.receive(1) == [Frame(Kind.READY)]
    yield driven
    driven.channel.close()
    driven.tokens.close()
    driven.join()
    driven.close()


def test_each_task_is_counted_and_answered(driven: Driven) -> None:
    driven.channel.sendall(task(1, note, "a") + task(2, fail, ValueError("b")))
    first, second = driven.receive(2)
    assert unpack_result(first.payload) == "a"
    assert str(told(second)) == "b"
    assert driven.mark == b"\2"
    driven.channel.sendall(encode(Kind.STOP))
    assert driven.join() is Ended.STOPPED


def test_count_of_tasks_begins_again_after_255(driven: Driven) -> None:
    for number in range(258):
        driven.channel.sendall(task(number, note, number))
        driven.receive(1)
    assert driven.mark == b"\2"


def test_objects_larger_than_any_buffer_cross_in_both_directions(driven: Driven) -> None:
    large = bytes(range(256)) * (1 << 15)
    driven.channel.sendall(task(1, note, large))
    (frame,) = driven.receive(1)
    assert unpack_result(frame.payload) == large


def test_more_parts_than_the_kernel_takes_at_once_arrive(driven: Driven) -> None:
    sent = [Buffered(bytes([number % 256]) * (1 << 16)) for number in range(700)]
    driven.channel.sendall(task(1, note, sent))
    (frame,) = driven.receive(1)
    got = unpack_result(frame.payload)
    assert [bytes(each.buffer) for each in got] == [each.buffer for each in sent]


def test_tasks_sent_ahead_run_and_are_skipped_by_their_tokens(driven: Driven) -> None:
    driven.tokens.sendall(RUN + SKIP + RUN)
    ahead = [task(number, note, number, flags=Flag.AHEAD) for number in range(3)]
    driven.channel.sendall(b"".join(ahead))
    assert [frame.task for frame in driven.receive(2)] == [0, 2]
    assert driven.mark == b"\2"


def test_worker_whose_tokens_end_begins_nothing(driven: Driven) -> None:
    driven.tokens.close()
    driven.channel.sendall(task(1, note, 1, flags=Flag.AHEAD))
    assert driven.join() is Ended.HUNG_UP
    assert driven.mark == b"\0"


def test_worker_whose_token_descriptor_was_closed_begins_nothing(driven: Driven) -> None:
    os.close(driven.their_tokens.detach())
    driven.channel.sendall(task(1, note, 1, flags=Flag.AHEAD))
    assert driven.join() is Ended.HUNG_UP
    assert driven.mark == b"\0"


@pytest.mark.parametrize("length", [1 << 10, 1 << 18], ids=["small", "large"])
def test_hang_up_within_a_task_ends_the_worker_and_nothing_is_begun(
    driven: Driven, length: int
) -> None:
    driven.channel.sendall(task(1, note, bytes(length))[:-1])
    driven.channel.close()
    assert driven.join() is Ended.HUNG_UP
    assert driven.mark == b"\0"


def test_worker_whose_task_closed_the_pipe_reads_nothing_more(driven: Driven) -> None:
    driven.theirs.close()
    assert worker._receive(driven.theirs, None) == b""
    assert worker._receive(driven.theirs, memoryview(bytearray(3))) == b""


@pytest.mark.parametrize("parts", [(b"one",), (b"one", b"two")])
def test_worker_that_cannot_answer_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with theirs:
        worker._send_all(theirs, parts)
    assert codes == [exits.PIPE_CLOSED]


class Interrupted:
    """A channel that takes so many bytes at first, as if a signal had come."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.sent = b""

    def sendmsg(self, parts: tuple[bytes, ...]) -> int:
        self.sent += b"".join(parts)[: self.taken]
        return len(self.sent)

    def sendall(self, data: memoryview) -> None:
        self.sent += data


@pytest.mark.parametrize("taken", range(7))
def test_what_the_kernel_left_of_a_message_is_sent_after_it(taken: int) -> None:
    channel: Any = Interrupted(taken)
    worker._send_some(channel, (b"ab", b"", b"cd", b"ef"))
    assert channel.sent == b"abcdef"


class Interrupting(bytearray):
    """A mark at which the user's interrupt comes."""

    def __setitem__(self, *_: Any) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("mark", "code"), [(bytearray(1), Ended.HUNG_UP.value), (Interrupting(1), exits.INTERRUPTED)]
)
def test_process_ignores_interrupts_and_ends_quietly_at_one_that_a_task_let_through(
    monkeypatch: pytest.MonkeyPatch, mark: Any, code: int
) -> None:
    held: list[int] = []
    monkeypatch.setattr(worker.lifeline, "hold", held.append)
    usual = signal.getsignal(signal.SIGINT)
    ours, theirs = socket.socketpair()
    try:
        with ours, theirs:
            ours.sendall(task(1, note, 1))
            ours.shutdown(socket.SHUT_WR)
            assert worker.run(theirs, 98, mark, 99, WorkerSetup()) == code
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)
    assert held == [98]


def test_child_of_a_worker_holds_none_of_its_descriptors() -> None:
    ours, theirs = socket.socketpair()
    read_end, write_end = os.pipe()
    ends = worker._Ends(theirs, (read_end, write_end))
    os.close(write_end)  # the task may have closed some itself
    ends.forked()
    assert theirs.fileno() == -1
    assert ours.recv(1) == b""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read_end)
    ours.close()

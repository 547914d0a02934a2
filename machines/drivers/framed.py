"""What `wire` and `real` share: frames as bytes, held until the schedule delivers them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define, field

from machines import workload
from machines.body import Order, OrderKind
from machines.trace import FOREIGN, How
from pool import payloads
from pool.errors import FrameError, PayloadError
from pool.events import Event, FrameCorrupt, Reply
from pool.frames import FROM_WORKER, HEADER_BYTES, Flag, FrameDecoder, Kind, encode, header
from pool.protocol import event_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig

UNKNOWN_KIND: int = 99


@define(eq=False)
class Stream:
    """Both directions of one worker's pipe, frame by frame.

    Attributes:
        decoder: reads what the worker sends, as the pool does.
        inbox: frames from the pool that the worker has not been given yet.
        held: frames from the worker that the pool has not been given yet.
        cut: whether the last held frame is only a part, after which nothing comes.
    """

    decoder: FrameDecoder
    inbox: deque[bytes] = field(factory=deque)
    held: deque[bytes] = field(factory=deque)
    cut: bool = False


def new_stream(decoder: type[FrameDecoder], config: PoolConfig) -> Stream:
    """A stream on which nothing has been sent yet."""
    return Stream(decoder(FROM_WORKER, config.frame_bytes_max))


def frame_of(order: Order, config: PoolConfig) -> bytes:
    """The frame that a pool sends for an order."""
    if order.kind is OrderKind.STOP:
        return encode(Kind.STOP)
    if order.kind is OrderKind.CHECK:
        return encode(Kind.CHECK, order.number)
    if order.kind is OrderKind.DROP:
        return encode(Kind.DROP, session=order.number + 1)
    work: Callable[..., Any] = workload.perform
    session, flags = 0, Flag.AHEAD if order.ahead else 0
    if order.session is not None:
        work = workload.perform_in
        session, flags = order.session + 1, Flag.OPENS if order.opens else 0
    call: payloads.Call = (work, (order.operation, order.number), {})
    payload = payloads.pack_call(call, config.frame_bytes_max)
    return encode(
        Kind.TASK, order.number, order.attempt, payload, session=session, flags=int(flags)
    )


def next_fact(worker: int, stream: Stream) -> Event:
    """The next held frame goes through the pool's decoder; what it tells the core is returned."""
    try:
        frames = stream.decoder.feed(stream.held.popleft())
        if stream.cut and not stream.held:
            stream.decoder.close()
    except FrameError as error:
        stream.held.clear()
        return FrameCorrupt(worker, error.reason)
    return event_of(worker, frames[0])


def mangle(stream: Stream, how: How, config: PoolConfig) -> None:
    """The next held frame is damaged, with every checksum right that the damage leaves right."""
    frame = stream.held.popleft()
    damaged = _DAMAGE[how](frame, config)
    stream.held.extendleft(reversed(damaged))
    if how is How.CUT:
        stream.held = deque(damaged)
        stream.cut = True


def decode(reply: Reply, payload: bytes) -> tuple[str, Any]:
    """The payload is unpickled; `returned` or `raised`, and its canonical value."""
    if reply is Reply.RETURNED:
        try:
            return "returned", workload.canonical(payloads.unpack_result(payload))
        except PayloadError as error:
            return "raised", workload.canonical(error)
    return "raised", workload.canonical(payloads.unpack_exception(payload))


def frame_bytes(buffer: bytes | bytearray) -> int:
    """How long the frame is that this buffer starts with; 0 if that cannot be told yet."""
    if len(buffer) < HEADER_BYTES:
        return 0
    return HEADER_BYTES + int.from_bytes(buffer[24:32], "big")


def _flipped(frame: bytes, _: PoolConfig) -> list[bytes]:
    return [frame[:-1] + bytes([frame[-1] ^ 1])]


def _unknown(frame: bytes, _: PoolConfig) -> list[bytes]:
    return [encode(UNKNOWN_KIND, payload=frame[HEADER_BYTES:])]


def _oversized(frame: bytes, config: PoolConfig) -> list[bytes]:
    return [header(frame[2], 0, 0, config.frame_bytes_max + 1, 0) + frame[HEADER_BYTES:]]


def _cut(frame: bytes, _: PoolConfig) -> list[bytes]:
    return [frame[: len(frame) // 2]]


def _doubled(frame: bytes, _: PoolConfig) -> list[bytes]:
    return [frame, frame]


def _foreign(frame: bytes, _: PoolConfig) -> list[bytes]:
    task = int.from_bytes(frame[8:16], "big") + FOREIGN
    attempt = int.from_bytes(frame[4:8], "big")
    return [encode(frame[2], task, attempt, frame[HEADER_BYTES:])]


_DAMAGE: dict[How, Callable[[bytes, PoolConfig], list[bytes]]] = {
    How.FLIPPED: _flipped,
    How.UNKNOWN: _unknown,
    How.OVERSIZED: _oversized,
    How.CUT: _cut,
    How.DOUBLED: _doubled,
    How.FOREIGN: _foreign,
}

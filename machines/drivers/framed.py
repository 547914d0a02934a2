"""What `wire` and `real` share: frames as bytes, held until the schedule delivers them."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from machines import workload
from machines.body import Order, OrderKind
from machines.trace import CUTS, How, Toward
from pool import payloads
from pool.errors import FrameError, PayloadError
from pool.events import Event, FrameCorrupt, Reply
from pool.frames import FROM_WORKER, HEADER_BYTES, Flag, FrameDecoder, Kind, encode, header
from pool.protocol import event_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig

UNKNOWN_KIND: int = 99
# Written down here once more: a frame that is damaged on purpose is not made by the pool.
_CHECKED: Final = struct.Struct("!2sBBIQQQI")


@define(eq=False)
class Stream:
    """Both directions of one worker's pipe, frame by frame.

    Attributes:
        decoder: reads what the worker sends, as the pool does.
        inbox: frames from the pool that the worker has not been given yet.
        held: frames from the worker that the pool has not been given yet.
        cut: whether the last held frame is only a part, after which nothing comes.
        hung_up: whether the next frame to the worker is only a part, after which nothing comes.
    """

    decoder: FrameDecoder
    inbox: deque[bytes] = field(factory=deque)
    held: deque[bytes] = field(factory=deque)
    cut: bool = False
    hung_up: bool = False


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


def next_fact(worker: int, stream: Stream) -> Event | None:
    """The next held frame goes through the pool's decoder; what it tells the core is returned."""
    try:
        frames = stream.decoder.feed(stream.held.popleft())
        if stream.cut and not stream.held:
            stream.decoder.close()
    except FrameError as error:
        stream.held.clear()
        return FrameCorrupt(worker, error.reason)
    return event_of(worker, frames[0]) if frames else None


def mangle(stream: Stream, how: How, config: PoolConfig, names: int) -> None:
    """The next held frame is damaged, with every checksum right that the damage leaves right.

    Args:
        stream: where it is held.
        how: in which way.
        config: the pool's.
        names: the task that a frame names which is to name a wrong one.
    """
    frame = stream.held.popleft()
    if how is How.REORDERED:
        stream.held.insert(1, frame)
    elif how in CUTS:
        stream.held = deque([frame[: _length_left(frame, how)]])
        stream.cut = True
    elif how in (How.FOREIGN, How.ANOTHER):
        stream.held.appendleft(_renamed(frame, names))
    else:
        stream.held.extendleft(_DAMAGE[how.value](frame, config))


def garble(stream: Stream, how: Toward, config: PoolConfig) -> None:
    """The next frame to the worker is damaged, as above."""
    frame = stream.inbox.popleft()
    if how is Toward.CUT:
        stream.inbox.appendleft(frame[: len(frame) // 2])
        stream.hung_up = True
    else:
        stream.inbox.extendleft(_DAMAGE[how.value](frame, config))


def with_flag(frame: bytes, flag: Flag) -> bytes:
    """The frame says this, too, with its header's checksum right."""
    _, kind, flags, attempt, task, session, length, crc = _CHECKED.unpack_from(frame)
    says = header(kind, task, attempt, length, crc, session, flags | flag)
    return says + frame[HEADER_BYTES:]


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


def _doubled(frame: bytes, _: PoolConfig) -> list[bytes]:
    return [frame, frame]


def _dropped(_: bytes, __: PoolConfig) -> list[bytes]:
    return []


def _renamed(frame: bytes, task: int) -> bytes:
    _, kind, flags, attempt, _, session, length, crc = _CHECKED.unpack_from(frame)
    return header(kind, task, attempt, length, crc, session, flags) + frame[HEADER_BYTES:]


def _length_left(frame: bytes, how: How) -> int:
    if how is How.CUT:
        return len(frame) // 2
    return 1 if how is How.CUT_EARLY else len(frame) - 1


# What stands in the frame's place; the same in both directions.
_DAMAGE: dict[str, Callable[[bytes, PoolConfig], list[bytes]]] = {
    "flipped": _flipped,
    "unknown": _unknown,
    "oversized": _oversized,
    "doubled": _doubled,
    "dropped": _dropped,
}

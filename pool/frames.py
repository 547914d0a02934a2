"""Frames: what crosses the pipe between the pool and a worker, checked before it is believed.

A frame is a header of 40 bytes and a payload. The header has a checksum of its own, so that a
damaged length cannot make the reader wait for bytes that never come, and the payload's checksum
is verified before anyone may unpickle a byte of it (S14).

    magic 2 | kind 1 | flags 1 | attempt 4 | task 8 | session 8 | length 8 | payload crc 4 | crc 4
"""

from __future__ import annotations

import mmap
import struct
import zlib
from enum import IntEnum, IntFlag
from typing import Any, Final

from attrs import define

from pool.errors import FrameError

MAGIC: Final = b"pc"
_HEADER: Final = struct.Struct("!2sBBIQQQII")
_CHECKED: Final = struct.Struct("!2sBBIQQQI")
_CRC: Final = struct.Struct("!I")
HEADER_BYTES: Final = _HEADER.size
CHECKED_BYTES: Final = _CHECKED.size
# A payload of at least so many bytes is read straight to where it stays.
DIRECT_BYTES: Final = 1 << 16
# One of more bytes takes memory only as they come: whoever announces it may be lying.
LAZY_BYTES: Final = 1 << 22

Buffer = bytes | bytearray | memoryview
Payload = bytes | tuple[Buffer, ...]
"""What a frame carries: bytes, or parts that are written one after another without joining them."""


class Kind(IntEnum):
    """What a frame says; its sender is the other end of the pipe."""

    TASK = 1
    STOP = 2
    CHECK = 3
    DROP = 4
    READY = 16
    INIT_FAILED = 17
    RETURNED = 18
    RAISED = 19
    EXHAUSTED = 20
    HEALTH = 21


class Flag(IntFlag):
    """What else a frame says.

    `OPENS`: the session's state is to be made first. `AHEAD`: a token must be taken before the
    task begins. `HEAVY`: the worker is over its memory limit.
    """

    OPENS = 1
    AHEAD = 2
    HEAVY = 4


TO_WORKER: Final = frozenset({Kind.TASK, Kind.STOP, Kind.CHECK, Kind.DROP})
FROM_WORKER: Final = frozenset(
    {Kind.READY, Kind.INIT_FAILED, Kind.RETURNED, Kind.RAISED, Kind.EXHAUSTED, Kind.HEALTH}
)
_KINDS: Final = {int(kind): kind for kind in Kind}  # a dictionary is quicker than the enum's call


@define
class Frame:
    """One verified message; nobody changes it (frozen, it would take three times as long to make).

    Attributes:
        task: the task's number, or the health check's; 0 where neither is meant.
        attempt: which delivery of the task it belongs to.
        payload: bytes that whoever asked for them may unpickle.
        session: the session's number plus one; 0 where none is meant.
        flags: of `Flag`.
    """

    kind: Kind
    task: int = 0
    attempt: int = 0
    payload: Buffer = b""
    session: int = 0
    flags: int = 0


def encode(
    kind: int,
    task: int = 0,
    attempt: int = 0,
    payload: Payload = b"",
    *,
    session: int = 0,
    flags: int = 0,
) -> bytes:
    """The frame's bytes are returned, header and payload.

    Args:
        kind: one of `Kind`; any byte is encoded, so that tests can send unknown kinds.
        task: the task's number, 0 to 2**64 - 1.
        attempt: the delivery's number, 0 to 2**32 - 1.
        payload: the pickled rest.
        session: the session's number plus one; 0 for none.
        flags: of `Flag`.
    """
    if not isinstance(payload, bytes):
        payload = b"".join(payload)
    crc = zlib.crc32(payload)
    return header(kind, task, attempt, len(payload), crc, session, flags) + payload


def encode_parts(
    kind: int, task: int, attempt: int, parts: tuple[Buffer, ...], *, session: int, flags: int
) -> list[Buffer]:
    """The frame is returned as its header and the payload's parts, none of which was copied.

    Args:
        kind: one of `Kind`.
        task: the task's number.
        attempt: the delivery's number.
        parts: bytes-like, with items of one byte.
        session: the session's number plus one; 0 for none.
        flags: of `Flag`.
    """
    crc = length = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
        length += len(part)
    return [header(kind, task, attempt, length, crc, session, flags), *parts]


def header(
    kind: int,
    task: int,
    attempt: int,
    length: int,
    payload_crc: int,
    session: int = 0,
    flags: int = 0,
) -> bytes:
    """The bytes before a payload are returned, with their own checksum right."""
    checked = _CHECKED.pack(MAGIC, kind, flags, attempt, task, session, length, payload_crc)
    return checked + _CRC.pack(zlib.crc32(checked))


class FrameDecoder:
    """Turns a stream of bytes into verified frames, whatever the cuts between them.

    Args:
        accepts: the kinds that may come from this direction.
        bytes_max: the longest payload that is believed, in bytes.
    """

    def __init__(self, accepts: frozenset[Kind], bytes_max: int) -> None:
        self._accepts = accepts
        self._bytes_max = bytes_max
        self._rest = b""  # the beginning of a frame
        self._large: Frame | None = None  # a frame whose payload is being filled
        self._large_crc = 0
        self._filled = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by these bytes are returned, in their order.

        Raises:
            FrameError: something is no frame; the stream is of no use any more, and what came
                before in the same bytes is dropped with it.
        """
        frames: list[Frame] = []
        at = 0
        if self._large is not None:
            place = self._payload_view()
            at = min(len(data), len(place))
            place[:at] = data[:at]
            frames += self.filled(at)
        elif self._rest:
            data = self._rest + data
            self._rest = b""
        size = len(data)
        while size - at >= HEADER_BYTES:
            fields = _HEADER.unpack_from(data, at)
            self._verify_header(fields, data, at)
            _, kind, flags, attempt, task, session, length, payload_crc, _ = fields
            start, end = at + HEADER_BYTES, at + HEADER_BYTES + length
            if end > size and length >= DIRECT_BYTES:
                frame = Frame(_KINDS[kind], task, attempt, _place_for(length), session, flags)
                self._begin(frame, payload_crc, data[start:])
                return frames
            if end > size:
                break
            payload = data[start:end]
            self._verify_payload(payload, payload_crc)
            frames.append(Frame(_KINDS[kind], task, attempt, payload, session, flags))
            at = end
        self._rest = data[at:]
        return frames

    @property
    def room(self) -> memoryview | None:
        """Where the rest of a large payload may be read to; None if there is no such payload.

        Whoever reads there says so with `filled`.
        """
        return None if self._large is None else self._payload_view()

    def filled(self, count: int) -> list[Frame]:
        """So many bytes were read into `room`; the frame is returned if that completed it.

        Raises:
            FrameError: its payload's checksum is wrong.
        """
        frame = self._large
        assert frame is not None  # noqa: S101 - there was room
        self._filled += count
        if self._filled < len(frame.payload):
            return []
        self._large = None
        self._verify_payload(frame.payload, self._large_crc)
        return [frame]

    def close(self) -> None:
        """The stream ended between two frames.

        Raises:
            FrameError: it ended within one.
        """
        rest = len(self._rest)
        if self._large is not None:
            rest = HEADER_BYTES + self._filled
        if rest:
            raise FrameError("cut", f"the stream ended {rest} bytes into a frame")

    def _payload_view(self) -> memoryview:
        assert self._large is not None  # noqa: S101 - the callers have looked
        return memoryview(self._large.payload)[self._filled :]

    def _begin(self, frame: Frame, payload_crc: int, first: bytes) -> None:
        self._large, self._large_crc, self._filled = frame, payload_crc, len(first)
        memoryview(frame.payload)[: len(first)] = first

    def _verify_header(self, fields: tuple[Any, ...], data: bytes, at: int) -> None:
        magic, kind, length, crc = fields[0], fields[1], fields[6], fields[8]
        if magic != MAGIC:
            raise FrameError("magic", f"it starts with {magic!r}, not {MAGIC!r}")
        if zlib.crc32(data[at : at + CHECKED_BYTES]) != crc:
            raise FrameError("checksum", "the header's bytes do not match their checksum")
        if kind not in self._accepts:
            legal = ", ".join(k.name for k in sorted(self._accepts))
            raise FrameError("kind", f"kind {kind} may not come here; legal: {legal}")
        if length > self._bytes_max:
            raise FrameError("length", f"{length} bytes are announced, {self._bytes_max} the most")

    def _verify_payload(self, payload: Buffer, crc: int) -> None:
        if zlib.crc32(payload) != crc:
            raise FrameError("checksum", "the payload's bytes do not match their checksum")


def _place_for(length: int) -> Buffer:
    """Where a payload of so many bytes is read to; they may be changed afterwards."""
    try:
        if length <= LAZY_BYTES:
            return bytearray(length)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # what a fork inherits stays its own
        return memoryview(mmap.mmap(-1, length, flags))
    except (MemoryError, OSError) as error:
        raise FrameError("length", f"{length} bytes are announced: {error}") from error

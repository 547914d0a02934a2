"""Frames: what crosses the pipe between the pool and a worker, checked before it is believed.

A frame is a header of 32 bytes and a payload. The header has a checksum of its own, so that a
damaged length cannot make the reader wait for bytes that never come, and the payload's checksum
is verified before anyone may unpickle a byte of it (S14).

    magic 2 | kind 1 | zero 1 | attempt 4 | task 8 | length 8 | payload crc 4 | header crc 4
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import Final

from attrs import frozen

from pool.errors import FrameError

MAGIC: Final = b"pc"
_HEADER: Final = struct.Struct("!2sBBIQQII")
_CHECKED: Final = struct.Struct("!2sBBIQQI")
HEADER_BYTES: Final = _HEADER.size


class Kind(IntEnum):
    """What a frame says; its sender is the other end of the pipe."""

    TASK = 1
    STOP = 2
    READY = 16
    INIT_FAILED = 17
    RETURNED = 18
    RAISED = 19


TO_WORKER: Final = frozenset({Kind.TASK, Kind.STOP})
FROM_WORKER: Final = frozenset({Kind.READY, Kind.INIT_FAILED, Kind.RETURNED, Kind.RAISED})


@frozen
class Frame:
    """One verified message.

    Attributes:
        task: the task's number; 0 where no task is meant.
        attempt: which delivery of the task it belongs to.
        payload: bytes that whoever asked for them may unpickle.
    """

    kind: Kind
    task: int = 0
    attempt: int = 0
    payload: bytes = b""


def encode(kind: int, task: int = 0, attempt: int = 0, payload: bytes = b"") -> bytes:
    """The frame's bytes are returned, header and payload.

    Args:
        kind: one of `Kind`; any byte is encoded, so that tests can send unknown kinds.
        task: the task's number, 0 to 2**64 - 1.
        attempt: the delivery's number, 0 to 2**32 - 1.
        payload: the pickled rest.
    """
    return header(kind, task, attempt, len(payload), zlib.crc32(payload)) + payload


def header(kind: int, task: int, attempt: int, length: int, payload_crc: int) -> bytes:
    """The 32 bytes before a payload are returned, with their own checksum right."""
    checked = _CHECKED.pack(MAGIC, kind, 0, attempt, task, length, payload_crc)
    return checked + zlib.crc32(checked).to_bytes(4, "big")


class FrameDecoder:
    """Turns a stream of bytes into verified frames, whatever the cuts between them.

    Args:
        accepts: the kinds that may come from this direction.
        bytes_max: the longest payload that is believed, in bytes.
    """

    def __init__(self, accepts: frozenset[Kind], bytes_max: int) -> None:
        self._accepts = accepts
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by these bytes are returned, in their order.

        Raises:
            FrameError: something is no frame; the stream is of no use any more, and what came
                before in the same bytes is dropped with it.
        """
        self._buffer += data
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        return frames

    def close(self) -> None:
        """The stream ended between two frames.

        Raises:
            FrameError: it ended within one.
        """
        if self._buffer:
            raise FrameError("cut", f"the stream ended {len(self._buffer)} bytes into a frame")

    def _take(self) -> Frame | None:
        if len(self._buffer) < HEADER_BYTES:
            return None
        magic, kind, _, attempt, task, length, payload_crc, crc = _HEADER.unpack_from(self._buffer)
        self._verify_header(magic, kind, length, crc)
        end = HEADER_BYTES + length
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            payload = bytes(view[HEADER_BYTES:end])
        del self._buffer[:end]
        self._verify_payload(payload, payload_crc)
        return Frame(Kind(kind), task, attempt, payload)

    def _verify_header(self, magic: bytes, kind: int, length: int, crc: int) -> None:
        if magic != MAGIC:
            raise FrameError("magic", f"it starts with {magic!r}, not {MAGIC!r}")
        with memoryview(self._buffer) as view:
            if zlib.crc32(view[: _CHECKED.size]) != crc:
                raise FrameError("checksum", "the header's bytes do not match their checksum")
        if kind not in self._accepts:
            legal = ", ".join(k.name for k in sorted(self._accepts))
            raise FrameError("kind", f"kind {kind} may not come here; legal: {legal}")
        if length > self._bytes_max:
            raise FrameError("length", f"{length} bytes are announced, {self._bytes_max} the most")

    def _verify_payload(self, payload: bytes, crc: int) -> None:
        if zlib.crc32(payload) != crc:
            raise FrameError("checksum", "the payload's bytes do not match their checksum")

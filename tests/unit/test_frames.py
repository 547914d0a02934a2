"""Frames: any cut gives the same frames back, and nothing damaged is ever believed."""

from __future__ import annotations

import pickle
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool import FrameError
from pool.frames import (
    FROM_WORKER,
    HEADER_BYTES,
    MAGIC,
    TO_WORKER,
    Frame,
    FrameDecoder,
    Kind,
    encode,
    header,
)

BYTES_MAX = 1024
EVERY_KIND = FROM_WORKER | TO_WORKER

FRAMES = st.lists(
    st.builds(
        Frame,
        st.sampled_from(Kind),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=64),
    ),
    max_size=5,
)


def decoder(accepts: frozenset[Kind] = EVERY_KIND, bytes_max: int = BYTES_MAX) -> FrameDecoder:
    return FrameDecoder(accepts, bytes_max)


def stream_of(frames: list[Frame]) -> bytes:
    return b"".join(encode(f.kind, f.task, f.attempt, f.payload) for f in frames)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """The stream, cut at these places; each is taken modulo its length."""
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    return [stream[start:end] for start, end in pairwise(places)]


def refused(stream: bytes, **kwargs: object) -> FrameError:
    with pytest.raises(FrameError) as caught:
        decoder(**kwargs).feed(stream)  # type: ignore[arg-type]
    return caught.value


def read(*chunks: bytes) -> tuple[list[Frame], str]:
    """The frames that a whole stream gave, and how it ended: a reason, or "between frames"."""
    taker = decoder()
    accepted: list[Frame] = []
    try:
        for chunk in chunks:
            accepted += taker.feed(chunk)
        taker.close()
    except FrameError as error:
        return accepted, error.reason
    return accepted, "between frames"


def single(stream: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in stream]


# What is sent arrives.


@given(FRAMES, st.lists(st.integers(0, 2**16), max_size=20))
@settings(deadline=None)
def test_frames_come_back_whatever_the_cuts(frames: list[Frame], cuts: list[int]) -> None:
    taker = decoder()
    received = [f for piece in pieces(stream_of(frames), cuts) for f in taker.feed(piece)]
    taker.close()
    assert frames == received


@given(FRAMES)
@settings(deadline=None)
def test_frames_come_back_byte_by_byte_each_with_its_last_byte(frames: list[Frame]) -> None:
    taker = decoder()
    for frame in frames:
        *head, last = stream_of([frame])
        assert [taker.feed(bytes([byte])) for byte in head] == [[]] * len(head)
        assert [frame] == taker.feed(bytes([last]))


def test_two_frames_in_one_read_come_in_their_order() -> None:
    frames = [Frame(Kind.RETURNED, 1, 1, b"a"), Frame(Kind.RAISED, 2, 1, b"b")]
    assert frames == decoder().feed(stream_of(frames))


def test_no_bytes_give_no_frame() -> None:
    assert decoder().feed(b"") == []


def test_stream_may_end_between_two_frames() -> None:
    taker = decoder()
    taker.close()
    assert taker.feed(encode(Kind.STOP)) == [Frame(Kind.STOP)]
    taker.close()


def test_header_is_laid_out_as_documented() -> None:
    checked = b"pc" + bytes([18, 0]) + (3).to_bytes(4, "big") + (7).to_bytes(8, "big")
    checked += (2).to_bytes(8, "big") + zlib.crc32(b"ab").to_bytes(4, "big")
    expected = checked + zlib.crc32(checked).to_bytes(4, "big") + b"ab"
    assert expected == encode(Kind.RETURNED, 7, 3, b"ab")
    assert len(expected) - 2 == HEADER_BYTES


# What is damaged does not.


def test_wrong_magic_is_named() -> None:
    error = refused(b"xy" + encode(Kind.STOP)[2:])
    assert (error.reason, str(error)) == (
        "magic",
        "bad frame (magic): it starts with b'xy', not b'pc'",
    )


@pytest.mark.parametrize("place", range(2, HEADER_BYTES))
def test_damaged_header_is_a_wrong_checksum(place: int) -> None:
    stream = bytearray(encode(Kind.RETURNED, 7, 1, b"payload"))
    stream[place] ^= 0x40
    error = refused(bytes(stream))
    assert error.reason == "checksum"
    assert "header" in error.detail


def test_damaged_payload_is_a_wrong_checksum() -> None:
    stream = encode(Kind.RETURNED, 7, 1, b"payload")[:-1] + b"D"
    error = refused(stream)
    assert error.reason == "checksum"
    assert "payload" in error.detail


@pytest.mark.parametrize("kind", [0, 3, 15, 20, 255, Kind.TASK, Kind.STOP])
def test_kind_that_may_not_come_here_is_named(kind: int) -> None:
    error = refused(encode(kind), accepts=FROM_WORKER)
    assert error.reason == "kind"
    legal = "READY, INIT_FAILED, RETURNED, RAISED"
    assert f"kind {int(kind)} may not come here; legal: {legal}" == error.detail


def test_longest_payload_is_believed_and_one_byte_more_is_not() -> None:
    longest = Frame(Kind.RETURNED, 1, 1, b"x" * BYTES_MAX)
    assert [longest] == decoder().feed(stream_of([longest]))
    error = refused(header(Kind.RETURNED, 1, 1, BYTES_MAX + 1, 0))
    assert error.reason == "length"
    assert error.detail == "1025 bytes are announced, 1024 the most"


@pytest.mark.parametrize("bytes_left", [1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 6])
def test_stream_that_ends_within_a_frame_is_cut(bytes_left: int) -> None:
    taker = decoder()
    assert taker.feed(encode(Kind.RETURNED, 7, 1, b"payload")[:bytes_left]) == []
    with pytest.raises(FrameError, match=f"ended {bytes_left} bytes into a frame") as caught:
        taker.close()
    assert caught.value.reason == "cut"


def test_frame_before_a_bad_one_in_the_same_bytes_is_dropped_with_it() -> None:
    assert refused(encode(Kind.STOP) + b"xy" + bytes(HEADER_BYTES)).reason == "magic"


@given(FRAMES.filter(bool), st.data())
@settings(max_examples=300, deadline=None)
def test_changed_byte_is_detected_and_no_other_frame_accepted(
    frames: list[Frame], data: st.DataObject
) -> None:
    stream = bytearray(stream_of(frames))
    place = data.draw(st.integers(0, len(stream) - 1), label="place")
    stream[place] ^= data.draw(st.integers(1, 255), label="change")
    accepted, ended = read(*single(stream))
    assert frames[: len(accepted)] == accepted
    assert ended in {"magic", "checksum"}


def test_every_change_of_every_byte_of_one_stream_is_detected() -> None:
    frames = [Frame(Kind.RETURNED, 2**40 + 5, 3, b"four"), Frame(Kind.READY)]
    stream = stream_of(frames)
    for place in range(len(stream)):
        for change in range(1, 256):
            changed = bytearray(stream)
            changed[place] ^= change
            with pytest.raises(FrameError):
                decoder().feed(bytes(changed))


@given(FRAMES.filter(bool), st.data())
@settings(deadline=None)
def test_dropped_byte_never_gives_another_frame(frames: list[Frame], data: st.DataObject) -> None:
    stream = stream_of(frames)
    place = data.draw(st.integers(0, len(stream) - 1), label="place")
    accepted, ended = read(*single(stream[:place] + stream[place + 1 :]))
    assert frames[: len(accepted)] == accepted
    assert ended in {"magic", "checksum", "cut"}


@given(st.lists(st.binary(max_size=200), max_size=5), st.sampled_from([b"", MAGIC]))
@settings(max_examples=300, deadline=None)
def test_random_bytes_give_no_frame_and_only_frame_errors(
    chunks: list[bytes], start: bytes
) -> None:
    accepted, ended = read(start, *chunks)
    assert accepted == []
    reasons = {"magic", "kind", "length", "checksum", "cut"}
    assert ended in (reasons if start or any(chunks) else {"between frames"})


# What it costs.


@given(FRAMES, st.lists(st.integers(0, 2**16), max_size=20))
@settings(deadline=None)
def test_buffer_holds_less_than_one_frame(frames: list[Frame], cuts: list[int]) -> None:
    taker = decoder(bytes_max=64)
    for piece in pieces(stream_of(frames), cuts):
        taker.feed(piece)
        assert len(taker._buffer) < HEADER_BYTES + 64
    assert taker._buffer == b""


def test_announced_length_beyond_the_bound_is_refused_before_any_payload_is_kept() -> None:
    assert refused(header(Kind.RETURNED, 1, 1, 2**64 - 1, 0)).reason == "length"


SPRUNG: list[str] = []


class Trap:
    """Notes that it was unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return spring, ()


def spring() -> None:
    SPRUNG.append("unpickled")


def test_payload_is_never_unpickled_by_the_decoder() -> None:
    SPRUNG.clear()
    payload = pickle.dumps(Trap())
    stream = encode(Kind.RETURNED, 7, 1, payload)
    (frame,) = decoder().feed(stream)
    refused(stream[:-1] + b"\0")
    refused(encode(99, 7, 1, payload))
    assert (frame.payload, SPRUNG) == (payload, [])
    pickle.loads(payload)
    assert SPRUNG == ["unpickled"]

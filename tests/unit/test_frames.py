"""Frames: any cut gives the same frames back, and nothing damaged is ever believed."""

from __future__ import annotations

import pickle
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool import FrameError, frames
from pool.frames import (
    DIRECT_BYTES,
    FROM_WORKER,
    HEADER_BYTES,
    LAZY_BYTES,
    MAGIC,
    TO_WORKER,
    Flag,
    Frame,
    FrameDecoder,
    Kind,
    encode,
    encode_parts,
    header,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

BYTES_MAX = 1 << 20
EVERY_KIND = FROM_WORKER | TO_WORKER
READ_BYTES = 1 << 16  # what the pool and its workers read at once


def counted(length: int, first: int = 0) -> bytes:
    """So many bytes, each one more than the one before it, modulo 251."""
    cycle = bytes((first + byte) % 251 for byte in range(251))
    return (cycle * (length // 251 + 1))[:length]


NUMBERS = st.integers(0, 2**64 - 1)
FRAMES = st.lists(
    st.builds(
        Frame,
        st.sampled_from(Kind),
        NUMBERS,
        st.integers(0, 2**32 - 1),
        st.binary(max_size=64),
        NUMBERS,
        st.integers(0, 255),
    ),
    max_size=5,
)
LENGTHS = st.sampled_from([DIRECT_BYTES - 1, DIRECT_BYTES, DIRECT_BYTES + 1, 3 * DIRECT_BYTES])
LARGE = st.builds(
    lambda kind, task, length, byte: Frame(kind, task, 1, counted(length, byte)),
    st.sampled_from(Kind),
    NUMBERS,
    LENGTHS,
    st.integers(0, 255),
)


def decoder(accepts: frozenset[Kind] = EVERY_KIND, bytes_max: int = BYTES_MAX) -> FrameDecoder:
    return FrameDecoder(accepts, bytes_max)


def stream_of(sent: Iterable[Frame]) -> bytes:
    return b"".join(
        encode(f.kind, f.task, f.attempt, f.payload, session=f.session, flags=f.flags) for f in sent
    )


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


def received(taker: FrameDecoder, stream: bytes, at_once: int = READ_BYTES) -> list[Frame]:
    """The stream's frames, read as a socket is: straight into the decoder's room if it has some."""
    got: list[Frame] = []
    at = 0
    while at < len(stream):
        room = taker.room
        if room is None:
            data = stream[at : at + at_once]
            at += len(data)
            got += taker.feed(data)
        else:
            count = min(len(room), at_once, len(stream) - at)
            room[:count] = stream[at : at + count]
            at += count
            got += taker.filled(count)
    return got


def single(stream: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in stream]


# What is sent arrives.


@given(FRAMES, st.lists(st.integers(0, 2**16), max_size=20))
@settings(deadline=None)
def test_frames_come_back_whatever_the_cuts(sent: list[Frame], cuts: list[int]) -> None:
    taker = decoder()
    got = [f for piece in pieces(stream_of(sent), cuts) for f in taker.feed(piece)]
    taker.close()
    assert sent == got


@given(st.lists(LARGE, min_size=1, max_size=3), st.lists(st.integers(0, 2**20), max_size=8))
@settings(deadline=None, max_examples=50)
def test_large_frames_come_back_whatever_the_cuts(sent: list[Frame], cuts: list[int]) -> None:
    taker = decoder()
    got = [f for piece in pieces(stream_of(sent), cuts) for f in taker.feed(piece)]
    taker.close()
    assert sent == got


@given(st.lists(LARGE | FRAMES.map(tuple), max_size=3), st.integers(1, 2 * READ_BYTES))
@settings(deadline=None, max_examples=50)
def test_frames_come_back_when_large_ones_are_read_straight_to_their_place(
    drawn: list[Frame | tuple[Frame, ...]], at_once: int
) -> None:
    sent = [f for some in drawn for f in ([some] if isinstance(some, Frame) else some)]
    taker = decoder()
    if sum(len(f.payload) for f in sent) > 1000 * at_once:
        at_once = READ_BYTES
    assert sent == received(taker, stream_of(sent), at_once)
    taker.close()


@given(FRAMES)
@settings(deadline=None)
def test_frames_come_back_byte_by_byte_each_with_its_last_byte(sent: list[Frame]) -> None:
    taker = decoder()
    for frame in sent:
        *head, last = stream_of([frame])
        assert [taker.feed(bytes([byte])) for byte in head] == [[]] * len(head)
        assert [frame] == taker.feed(bytes([last]))


def test_two_frames_in_one_read_come_in_their_order() -> None:
    sent = [Frame(Kind.RETURNED, 1, 1, b"a"), Frame(Kind.RAISED, 2, 1, b"b")]
    assert sent == decoder().feed(stream_of(sent))


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_arrives_with_its_numbers_session_and_flags(kind: Kind) -> None:
    accepts = TO_WORKER if kind < Kind.READY else FROM_WORKER
    sent = Frame(kind, 7, 3, b"rest", 12, Flag.OPENS | Flag.HEAVY)
    (frame,) = decoder(accepts).feed(stream_of([sent]))
    assert frame.kind is kind
    assert (frame.task, frame.attempt, frame.session) == (7, 3, 12)
    assert frame.flags & Flag.OPENS
    assert not frame.flags & Flag.AHEAD


def test_the_kinds_of_the_two_directions_are_all_kinds_and_none_is_in_both() -> None:
    assert set(Kind) == EVERY_KIND
    assert TO_WORKER.isdisjoint(FROM_WORKER)


def test_no_bytes_give_no_frame() -> None:
    assert decoder().feed(b"") == []


def test_stream_may_end_between_two_frames() -> None:
    taker = decoder()
    taker.close()
    assert taker.feed(encode(Kind.STOP)) == [Frame(Kind.STOP)]
    taker.close()


def test_header_is_laid_out_as_documented() -> None:
    checked = b"pc" + bytes([18, 4]) + (3).to_bytes(4, "big") + (7).to_bytes(8, "big")
    checked += (12).to_bytes(8, "big") + (2).to_bytes(8, "big") + zlib.crc32(b"ab").to_bytes(4)
    expected = checked + zlib.crc32(checked).to_bytes(4, "big") + b"ab"
    assert expected == encode(Kind.RETURNED, 7, 3, b"ab", session=12, flags=Flag.HEAVY)
    assert len(expected) - 2 == HEADER_BYTES == 40


@given(st.lists(st.binary(max_size=50) | st.binary(max_size=50).map(bytearray), max_size=5))
@settings(deadline=None)
def test_a_payload_in_parts_makes_the_same_frame_and_copies_no_part(
    parts: list[bytes | bytearray],
) -> None:
    whole = b"".join(parts)
    first, *rest = encode_parts(Kind.TASK, 7, 1, tuple(parts), session=2, flags=Flag.AHEAD)
    assert all(mine is theirs for mine, theirs in zip(parts, rest, strict=True))
    expected = encode(Kind.TASK, 7, 1, whole, session=2, flags=Flag.AHEAD)
    assert expected == bytes(first) + whole
    assert expected == encode(Kind.TASK, 7, 1, tuple(parts), session=2, flags=Flag.AHEAD)


# What is damaged does not.


def test_wrong_magic_is_named() -> None:
    error = refused(b"xy" + encode(Kind.STOP)[2:])
    assert (error.reason, str(error)) == (
        "magic",
        "bad frame (magic): it starts with b'xy', not b'pc'",
    )


@pytest.mark.parametrize("place", range(2, HEADER_BYTES))
def test_damaged_header_is_a_wrong_checksum(place: int) -> None:
    stream = bytearray(encode(Kind.RETURNED, 7, 1, b"payload", session=3))
    stream[place] ^= 0x40
    error = refused(bytes(stream))
    assert error.reason == "checksum"
    assert "header" in error.detail


def test_damaged_payload_is_a_wrong_checksum() -> None:
    stream = encode(Kind.RETURNED, 7, 1, b"payload")[:-1] + b"D"
    error = refused(stream)
    assert error.reason == "checksum"
    assert "payload" in error.detail


@pytest.mark.parametrize("place", [0, 1, DIRECT_BYTES // 2, DIRECT_BYTES - 1])
def test_damaged_large_payload_is_a_wrong_checksum_when_it_is_complete(place: int) -> None:
    stream = bytearray(encode(Kind.RETURNED, 7, 1, bytes(DIRECT_BYTES)))
    stream[HEADER_BYTES + place] = 1
    taker = decoder()
    assert received(taker, bytes(stream[:-1])) == []
    with pytest.raises(FrameError, match="payload's bytes do not match") as caught:
        received(taker, bytes(stream[-1:]))
    assert caught.value.reason == "checksum"


@pytest.mark.parametrize("kind", [0, 5, 15, 22, 255, *TO_WORKER])
def test_kind_that_may_not_come_here_is_named(kind: int) -> None:
    error = refused(encode(kind), accepts=FROM_WORKER)
    assert error.reason == "kind"
    legal = "READY, INIT_FAILED, RETURNED, RAISED, EXHAUSTED, HEALTH"
    assert f"kind {int(kind)} may not come here; legal: {legal}" == error.detail


@pytest.mark.parametrize("kind", [0, 5, 99, *FROM_WORKER])
def test_kind_that_may_not_come_to_a_worker_is_named(kind: int) -> None:
    error = refused(encode(kind), accepts=TO_WORKER)
    assert f"kind {int(kind)} may not come here; legal: TASK, STOP, CHECK, DROP" == error.detail


@pytest.mark.parametrize("bytes_max", [1024, DIRECT_BYTES])
def test_longest_payload_is_believed_and_one_byte_more_is_not(bytes_max: int) -> None:
    longest = Frame(Kind.RETURNED, 1, 1, b"x" * bytes_max)
    assert [longest] == decoder(bytes_max=bytes_max).feed(stream_of([longest]))
    assert [longest] == received(decoder(bytes_max=bytes_max), stream_of([longest]))
    error = refused(header(Kind.RETURNED, 1, 1, bytes_max + 1, 0), bytes_max=bytes_max)
    assert error.reason == "length"
    assert error.detail == f"{bytes_max + 1} bytes are announced, {bytes_max} the most"


@pytest.mark.parametrize("bytes_left", [1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 6])
@pytest.mark.parametrize("length", [7, DIRECT_BYTES])
def test_stream_that_ends_within_a_frame_is_cut(bytes_left: int, length: int) -> None:
    taker = decoder()
    assert taker.feed(encode(Kind.RETURNED, 7, 1, bytes(length))[:bytes_left]) == []
    with pytest.raises(FrameError, match=f"ended {bytes_left} bytes into a frame") as caught:
        taker.close()
    assert caught.value.reason == "cut"


def test_stream_that_ends_in_the_room_of_a_large_payload_is_cut() -> None:
    taker = decoder()
    received(taker, encode(Kind.RETURNED, 7, 1, bytes(2 * READ_BYTES))[:-1])
    with pytest.raises(FrameError, match=f"{HEADER_BYTES + 2 * READ_BYTES - 1} bytes into"):
        taker.close()


def test_frame_before_a_bad_one_in_the_same_bytes_is_dropped_with_it() -> None:
    assert refused(encode(Kind.STOP) + b"xy" + bytes(HEADER_BYTES)).reason == "magic"


@given(FRAMES.filter(bool), st.data())
@settings(max_examples=300, deadline=None)
def test_changed_byte_is_detected_and_no_other_frame_accepted(
    sent: list[Frame], data: st.DataObject
) -> None:
    stream = bytearray(stream_of(sent))
    place = data.draw(st.integers(0, len(stream) - 1), label="place")
    stream[place] ^= data.draw(st.integers(1, 255), label="change")
    accepted, ended = read(*single(stream))
    assert sent[: len(accepted)] == accepted
    assert ended in {"magic", "checksum"}


def test_every_change_of_every_byte_of_one_stream_is_detected() -> None:
    sent = [Frame(Kind.RETURNED, 2**40 + 5, 3, b"four", 9, 4), Frame(Kind.READY)]
    stream = stream_of(sent)
    for place in range(len(stream)):
        for change in range(1, 256):
            changed = bytearray(stream)
            changed[place] ^= change
            with pytest.raises(FrameError):
                decoder().feed(bytes(changed))


@given(FRAMES.filter(bool), st.data())
@settings(deadline=None)
def test_dropped_byte_never_gives_another_frame(sent: list[Frame], data: st.DataObject) -> None:
    stream = stream_of(sent)
    place = data.draw(st.integers(0, len(stream) - 1), label="place")
    accepted, ended = read(*single(stream[:place] + stream[place + 1 :]))
    assert sent[: len(accepted)] == accepted
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
def test_less_than_one_frame_is_kept(sent: list[Frame], cuts: list[int]) -> None:
    taker = decoder(bytes_max=64)
    for piece in pieces(stream_of(sent), cuts):
        taker.feed(piece)
        assert len(taker._rest) < HEADER_BYTES + 64
    assert taker._rest == b""


def test_announced_length_beyond_the_bound_is_refused_before_any_payload_is_kept() -> None:
    assert refused(header(Kind.RETURNED, 1, 1, 2**64 - 1, 0)).reason == "length"


def test_only_a_large_payload_that_is_not_all_there_has_room() -> None:
    taker = decoder()
    assert taker.room is None
    taker.feed(encode(Kind.TASK, 1, 1, bytes(DIRECT_BYTES)))
    taker.feed(encode(Kind.TASK, 1, 1, bytes(DIRECT_BYTES - 1))[:-1])
    assert taker.room is None
    taker.feed(b"\0")
    taker.feed(encode(Kind.TASK, 1, 1, bytes(DIRECT_BYTES))[:-5])
    assert taker.room is not None
    assert len(taker.room) == 5


def test_a_large_payload_is_where_it_was_read_to_and_may_be_changed_there() -> None:
    taker = decoder(bytes_max=2 * LAZY_BYTES)
    for length in (DIRECT_BYTES, LAZY_BYTES, LAZY_BYTES + 1):
        sent = counted(length)
        taker.feed(header(Kind.TASK, 1, 1, length, zlib.crc32(sent)))
        room = taker.room
        assert room is not None
        room[:] = sent
        (frame,) = taker.filled(length)
        assert taker.room is None
        assert frame.payload == sent
        memoryview(frame.payload)[0] = 255  # it is nobody else's
        assert room[0] == 255


@pytest.mark.parametrize("problem", [MemoryError("none left"), OSError(12, "none left")])
def test_announced_bytes_for_which_there_is_no_memory_are_refused(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise problem

    monkeypatch.setattr(frames.mmap, "mmap", refuse)
    error = refused(header(Kind.RETURNED, 1, 1, 1 << 30, 0), bytes_max=1 << 30)
    assert error.reason == "length"
    assert error.detail == f"{1 << 30} bytes are announced: {problem}"


def test_announced_bytes_take_no_memory_before_they_come() -> None:
    before = resident_bytes()
    taker = decoder(bytes_max=1 << 30)
    taker.feed(header(Kind.RETURNED, 1, 1, 1 << 30, 0) + b"x" * READ_BYTES)
    assert resident_bytes() - before < 1 << 24
    assert taker.room is not None
    assert len(taker.room) == (1 << 30) - READ_BYTES


def resident_bytes() -> int:
    return psutil.Process().memory_info().rss


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

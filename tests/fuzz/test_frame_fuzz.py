"""Damaged frames by the million: only the typed error, no hang, nothing unpickled, little memory.

Seeds are fixed, so a failure comes back. `pytest -m fuzz` runs the million; a fiftieth of it always
runs.
"""

from __future__ import annotations

import pickle
import random
import signal
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest

from pool import FrameError
from pool.frames import (
    DIRECT_BYTES,
    FROM_WORKER,
    MAGIC,
    TO_WORKER,
    Frame,
    FrameDecoder,
    encode,
    header,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BYTES_MAX: Final = 1 << 30
GROWTH_MAX: Final = 1 << 26  # bytes; the largest announced payload takes sixteen times as much
LIMIT_S: Final = 900
REASONS: Final = {"magic", "kind", "length", "checksum", "cut"}
KINDS: Final = sorted(FROM_WORKER | TO_WORKER)
sizes = pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=pytest.mark.fuzz)], ids=["few", "million"]
)


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """The system's alarm ends a decoder that never returns."""

    def ring(*_: Any) -> None:
        raise TimeoutError(f"the decoder did not finish within {LIMIT_S} s")

    usual = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, usual)


@pytest.fixture(autouse=True)
def _no_unpickling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever unpickles anything fails."""

    def unpickle(*_: Any, **__: Any) -> None:
        raise AssertionError("something was unpickled")

    for name in ("loads", "load", "_loads", "_load", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, unpickle)
    with pytest.raises(AssertionError, match="unpickled"):
        pickle.loads(b"N.")


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """The process is hardly larger afterwards, and never was much larger meanwhile."""
    process = psutil.Process()
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < GROWTH_MAX


def decoded(stream: bytes, choose: random.Random) -> tuple[list[Frame], str]:
    """What a decoder makes of a stream that is cut anywhere: its frames, and how it ended."""
    taker = FrameDecoder(FROM_WORKER | TO_WORKER, BYTES_MAX)
    frames: list[Frame] = []
    at = 0
    try:
        while at < len(stream):
            count = choose.choice((1, 39, 40, 41, 100, len(stream)))
            piece = stream[at : at + count]
            room = taker.room
            if room is None or choose.random() < 0.5:
                frames += taker.feed(piece)
            else:
                piece = piece[: len(room)]
                room[: len(piece)] = piece
                frames += taker.filled(len(piece))
            at += len(piece)
        taker.close()
    except FrameError as error:
        return frames, error.reason
    return frames, "between frames"


def encoded(frames: list[Frame]) -> bytes:
    return b"".join(
        encode(f.kind, f.task, f.attempt, bytes(f.payload), session=f.session, flags=f.flags)
        for f in frames
    )


# Four ways to make bytes that are no stream.


def noise(choose: random.Random) -> bytes:
    return choose.randbytes(choose.randrange(200))


def noise_behind_the_magic(choose: random.Random) -> bytes:
    return MAGIC + noise(choose)


def noise_behind_a_header(choose: random.Random) -> bytes:
    """Any kind and any length are announced, and a right checksum makes the header credible."""
    kind = choose.choice((choose.randrange(256), choose.choice(KINDS)))
    length = choose.choice((choose.randrange(100), choose.randrange(100), choose.getrandbits(64)))
    if choose.random() < 0.01:
        length = choose.randrange(1 << 31)
    numbers = (choose.getrandbits(64), choose.getrandbits(32))
    crc = choose.getrandbits(32)
    first = header(kind, *numbers, length, crc, choose.getrandbits(64), choose.randrange(256))
    return first + noise(choose)


def noise_behind_a_frame(choose: random.Random) -> bytes:
    return encoded([frame(choose)]) + noise(choose)


def frame(choose: random.Random) -> Frame:
    length = choose.randrange(60) if choose.random() < 0.998 else DIRECT_BYTES + choose.randrange(9)
    return Frame(
        choose.choice(KINDS),
        choose.getrandbits(64),
        choose.getrandbits(32),
        choose.randbytes(length),
        choose.getrandbits(64),
        choose.randrange(256),
    )


NOISES: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    noise,
    noise_behind_the_magic,
    noise_behind_a_header,
    noise_behind_a_frame,
)


@sizes
def test_random_bytes_give_no_frame_that_is_not_there_and_only_frame_errors(count: int) -> None:
    choose = random.Random(20251125)  # noqa: S311 - it must come back
    seen = dict.fromkeys([*REASONS, "between frames"], 0)
    for number in range(count):
        stream = NOISES[number % len(NOISES)](choose)
        frames, ended = decoded(stream, choose)
        seen[ended] += 1
        # Whatever was accepted stands in the stream, byte by byte.
        assert stream.startswith(encoded(frames)), (number, stream)
        assert len(frames) <= number % len(NOISES) // 3, (number, stream)
    assert min(seen.values()) > 0, seen  # every ending was met


@sizes
def test_every_changed_byte_is_found_and_no_frame_from_there_on_is_accepted(count: int) -> None:
    choose = random.Random(31415926)  # noqa: S311 - it must come back
    for number in range(count):
        sent = [frame(choose) for _ in range(choose.randrange(1, 4))]
        stream = bytearray(encoded(sent))
        place = choose.randrange(len(stream))
        stream[place] ^= choose.randrange(1, 256)
        frames, ended = decoded(bytes(stream), choose)
        whole = 0  # frames that end before the change
        while len(encoded(sent[: whole + 1])) <= place:
            whole += 1
        assert len(frames) <= whole, (number, place)
        assert frames == sent[: len(frames)], (number, place)
        assert ended in {"magic", "checksum"}, (number, place)


def test_announced_gibibyte_takes_no_memory_before_its_bytes_come() -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    takers = [FrameDecoder(FROM_WORKER, BYTES_MAX) for _ in range(4)]
    for taker in takers:
        taker.feed(header(min(FROM_WORKER), 1, 1, BYTES_MAX, 0) + bytes(1000))
    assert process.memory_info().rss - before < GROWTH_MAX
    assert [len(taker.room or b"") for taker in takers] == [BYTES_MAX - 1000] * 4

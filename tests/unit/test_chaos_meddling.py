"""Meddlers do to frames what they say, to the share that they say, and nothing to the rest."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from machines.harness.relay import Direction
from machines.suites.chaos.meddling import Corrupt, Delay, Forge, Together, done_by
from pool import FrameError
from pool.frames import FROM_WORKER, TO_WORKER, FrameDecoder, Kind, encode

TO, FROM = Direction.TO_WORKER, Direction.FROM_WORKER
TASK = encode(Kind.TASK, 7, 1, b"a call", session=0)
ANSWER = encode(Kind.RETURNED, 7, 1, b"a value")
MANY = 2000


def chance() -> random.Random:
    return random.Random(1)  # noqa: S311 - nothing is secret


@pytest.mark.parametrize("kind", [Delay, Corrupt, Forge])
def test_nothing_happens_to_frames_of_which_no_share_is_chosen(kind: type) -> None:
    meddler = kind(0.0, chance())
    for direction, frame in ((TO, TASK), (FROM, ANSWER)):
        assert meddler.frames(0, direction, frame) == [(0.0, frame)]
    assert done_by(meddler) == Counter()


def test_delays_are_as_long_as_they_say_and_change_no_byte() -> None:
    meddler = Delay(0.5, chance())
    parts = [part for _ in range(MANY) for part in meddler.frames(0, TO, TASK)]
    assert {data for _, data in parts} == {TASK}
    late = [after for after, _ in parts if after]
    assert 0.1 <= min(late) <= max(late) <= 0.5
    assert done_by(meddler) == {"delayed to_worker": len(late)}


def test_a_damaged_frame_is_believed_by_nobody() -> None:
    meddler = Corrupt(1.0, chance())
    for _ in range(MANY):
        parts = meddler.frames(0, FROM, ANSWER)
        decoder = FrameDecoder(FROM_WORKER, 1 << 20)
        with pytest.raises(FrameError):
            _read(decoder, b"".join(data for _, data in parts))
    assert set(done_by(meddler)) == {f"{how} from_worker" for how in ("changed", "cut", "noise")}


def _read(decoder: FrameDecoder, data: bytes) -> None:
    decoder.feed(data)
    decoder.close()


def test_about_the_share_that_it_says_is_damaged() -> None:
    meddler = Corrupt(0.05, chance())
    for _ in range(MANY):
        meddler.frames(0, TO, TASK)
    # Five standard deviations of a binomial of so many frames.
    expected, width = 0.05 * MANY, 5 * (MANY * 0.05 * 0.95) ** 0.5
    assert abs(done_by(meddler).total() - expected) < width


def test_lies_have_right_checksums_and_what_is_sent_to_workers_is_left_alone() -> None:
    meddler = Forge(1.0, chance())
    kinds = FROM_WORKER | TO_WORKER | {Kind.TASK}
    for _ in range(MANY):
        assert meddler.frames(0, TO, TASK) == [(0.0, TASK)]
        meddler.frames(1, TO, encode(Kind.TASK, 8, 1, b"another"))
        for _, data in meddler.frames(0, FROM, ANSWER):
            if data[2] != 99:
                FrameDecoder(kinds, 1 << 20).feed(data)
    assert len(done_by(meddler)) == 10


def test_what_comes_up_is_no_answer_and_is_not_lied_about() -> None:
    ready = encode(Kind.READY)
    assert Forge(1.0, chance()).frames(0, FROM, ready) == [(0.0, ready)]


def test_of_several_meddlers_one_meddles_with_a_frame() -> None:
    both = Together([Delay(0.5, chance()), Corrupt(1.0, chance())])
    for _ in range(MANY):
        assert both.frames(0, TO, TASK) != [(0.0, TASK)]
    assert {name.split()[0] for name in done_by(both)} == {"delayed", "changed", "cut", "noise"}
    assert done_by(both).total() == MANY

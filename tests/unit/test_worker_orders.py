"""The worker's loop, stepped by hand: large tasks, tasks sent ahead, sessions, checks, memory."""

from __future__ import annotations

import array
import errno
import resource
import sys
from typing import Any

import pytest
from buffered import Buffered
from stepped_worker import (
    BYTES_MAX,
    CALLS,
    Steps,
    answer,
    fail,
    note,
    result,
    sent,
    started,
    task,
    told,
)

from pool import PayloadError
from pool.frames import Flag, Frame, Kind, encode
from pool.payloads import unpack_result
from pool.worker import RUN, SKIP, Begun, Ended, Read, Send, Take, WorkerSetup, resident_bytes


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


@pytest.fixture
def worker() -> Steps:
    """A worker that is ready and wants to read."""
    return started(WorkerSetup(bytes_max=BYTES_MAX))


# Large payloads.


def test_rest_of_a_large_task_is_read_straight_to_its_place(worker: Steps) -> None:
    large = bytes(range(256)) * 1024
    whole = task(7, note, large)
    request = worker.next(whole[:65536])
    assert isinstance(request, Read)
    assert request.room is not None
    assert len(request.room) == len(whole) - 65536
    request.room[:] = whole[65536:]
    assert worker.next() == Begun(7, 1)
    assert unpack_result(sent(worker.next()).payload) == large
    assert worker.next() == Read()


def test_rest_of_a_large_task_may_also_be_handed_over_in_pieces(worker: Steps) -> None:
    large = bytes(range(256)) * 1024
    whole = task(7, note, large)
    requests = [worker.next(whole[at : at + 60000]) for at in range(0, len(whole), 60000)]
    assert {type(request) for request in requests[:-1]} == {Read}
    assert requests[-1] == Begun(7, 1)


def test_damaged_large_task_ends_the_worker_and_nothing_is_called(worker: Steps) -> None:
    whole = task(7, note, bytes(BYTES_MAX - 512))
    request = worker.next(whole[:65536])
    request.room[:] = whole[65536:-1] + b"x"
    assert worker.next() is None
    assert (worker.ended, CALLS) == (Ended.BAD_FRAME, [])


def test_hang_up_within_a_large_task_ends_the_worker(worker: Steps) -> None:
    worker.next(task(7, note, bytes(BYTES_MAX - 512))[:65536])
    assert worker.next(b"") is None
    assert (worker.ended, CALLS) == (Ended.HUNG_UP, [])


def test_large_result_is_sent_in_parts_of_which_one_is_the_result(worker: Steps) -> None:
    worker.next(task(7, note, bytes(1 << 18)))
    request = worker.next()
    assert any(part is CALLS[0] for part in request.parts)
    assert unpack_result(sent(request).payload) == bytes(1 << 18)


def test_out_of_band_buffers_cross_in_both_directions(worker: Steps) -> None:
    frame = answer(worker, note, [Buffered(bytearray(b"abc")), array.array("d", [1.5])])
    (arrived, numbers), (again, standard) = CALLS[0], result(frame)
    assert (bytes(arrived.buffer), bytes(again.buffer)) == (b"abc", b"abc")
    assert not arrived.buffer.readonly
    assert numbers == standard == array.array("d", [1.5])


# Tasks sent ahead.


def test_task_sent_ahead_takes_a_token_before_it_is_begun(worker: Steps) -> None:
    assert worker.next(task(7, note, "ahead", flags=Flag.AHEAD)) == Take()
    assert worker.next(RUN) == Begun(7, 1)
    assert unpack_result(sent(worker.next()).payload) == "ahead"
    assert worker.next() == Read()


def test_task_that_was_taken_back_is_neither_begun_nor_answered(worker: Steps) -> None:
    ahead = task(7, note, "back", flags=Flag.AHEAD) + task(8, note, "ahead", flags=Flag.AHEAD)
    assert worker.next(ahead) == Take()
    assert worker.next(SKIP) == Take()
    assert worker.next(RUN) == Begun(8, 1)
    assert sent(worker.next()).task == 8
    assert worker.next() == Read()
    assert CALLS == ["ahead"]


def test_worker_that_gets_no_token_any_more_begins_nothing_and_ends(worker: Steps) -> None:
    assert worker.next(task(7, note, "ahead", flags=Flag.AHEAD)) == Take()
    assert worker.next(b"") is None
    assert (worker.ended, CALLS) == (Ended.HUNG_UP, [])


def test_task_that_was_not_sent_ahead_takes_no_token(worker: Steps) -> None:
    requests = worker.asked(task(7, note, 1) + task(8, note, 2, flags=Flag.AHEAD))
    assert [type(request) for request in requests] == [Begun, Send, Take, Begun, Send]


# Sessions.


def remember(state: dict[str, Any], *words: str) -> list[str]:
    state.setdefault("words", []).extend(words)
    return list(state["words"])


def test_tasks_of_a_session_are_handed_its_state_and_no_others(worker: Steps) -> None:
    opens = Flag.OPENS
    assert result(answer(worker, remember, "a", session=1, flags=opens)) == ["a"]
    assert result(answer(worker, remember, "b", session=2, flags=opens)) == ["b"]
    assert result(answer(worker, remember, "c", session=1)) == ["a", "c"]
    assert result(answer(worker, remember, session=2)) == ["b"]


def test_session_that_is_opened_again_has_an_empty_state(worker: Steps) -> None:
    answer(worker, remember, "a", session=1, flags=Flag.OPENS)
    assert result(answer(worker, remember, "b", session=1, flags=Flag.OPENS)) == ["b"]


def test_dropped_session_has_no_state_and_the_others_keep_theirs(worker: Steps) -> None:
    for session in (1, 2):
        answer(worker, remember, str(session), session=session, flags=Flag.OPENS)
    assert worker.next(encode(Kind.DROP, session=1)) == Read()
    frame = answer(worker, remember, "lost", session=1)
    assert frame.kind is Kind.RAISED
    error = told(frame)
    assert isinstance(error, PayloadError)
    assert str(error) == "this worker has no state of session 0"
    assert error.started is False
    assert result(answer(worker, remember, session=2)) == ["2"]


def test_session_that_the_worker_never_had_may_be_dropped(worker: Steps) -> None:
    assert worker.next(encode(Kind.DROP, session=9)) == Read()


def remember_and_fail(state: dict[str, Any]) -> None:
    remember(state, "early")
    fail(ValueError())


def test_session_whose_first_task_raised_keeps_its_state(worker: Steps) -> None:
    assert answer(worker, remember_and_fail, session=1, flags=Flag.OPENS).kind is Kind.RAISED
    assert result(answer(worker, remember, session=1)) == ["early"]


# Health and memory.


def test_check_is_answered_with_its_number(worker: Steps) -> None:
    (request,) = worker.asked(encode(Kind.CHECK, 2**40))
    assert sent(request) == Frame(Kind.HEALTH, 2**40)


def test_check_behind_a_task_is_answered_after_it(worker: Steps) -> None:
    requests = worker.asked(task(7, note, 1) + encode(Kind.CHECK, 3))
    assert [sent(r).kind for r in requests if type(r) is Send] == [Kind.RETURNED, Kind.HEALTH]


@pytest.mark.parametrize(("limit", "heavy"), [(None, 0), (1, Flag.HEAVY), (1 << 62, 0)])
def test_worker_over_its_memory_limit_says_so_with_everything_it_answers(
    limit: int | None, heavy: int
) -> None:
    worker = started(WorkerSetup(bytes_max=BYTES_MAX, memory_limit=limit))
    requests = worker.asked(task(7, note, 1) + task(8, fail, ValueError()) + encode(Kind.CHECK, 3))
    assert [sent(r).flags for r in requests if type(r) is Send] == [heavy] * 3
    assert answer(worker, note, bytes(1 << 17)).flags == heavy


def test_memory_that_a_process_holds_is_counted() -> None:
    before = resident_bytes()
    held = bytearray(b"x") * (1 << 26)
    assert resident_bytes() - before > (1 << 26) - (1 << 23)
    assert len(held) == 1 << 26


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_where_the_system_does_not_say_the_peak_is_taken(
    monkeypatch: pytest.MonkeyPatch, platform: str, unit: int
) -> None:
    def refuse(*_: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(sys, "platform", platform)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resident_bytes() >= peak * unit > 0


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.ENOMEM, "no memory"), OSError(errno.EMFILE, "files")]
)
def test_task_that_the_machine_failed_is_told_as_exhausted(worker: Steps, error: Exception) -> None:
    frame = answer(worker, fail, error)
    assert frame.kind is Kind.EXHAUSTED
    assert type(told(frame)) is type(error)


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "gone"), OSError("no number")])
def test_other_errors_of_the_system_are_the_tasks_own(worker: Steps, error: Exception) -> None:
    assert answer(worker, fail, error).kind is Kind.RAISED

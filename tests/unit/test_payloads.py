"""Payloads: what cannot cross the process boundary says so, the rest arrives whole."""

from __future__ import annotations

import array
import pickle
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from buffered import Buffered
from hypothesis import given, settings
from hypothesis import strategies as st

from pool import PayloadError, WorkerLost
from pool.errors import WorkerTraceback
from pool.payloads import (
    LARGE_BYTES,
    pack_call,
    pack_exception,
    pack_result,
    size_of,
    unpack_call,
    unpack_exception,
    unpack_result,
)
from pool.recovery import Category, Severity, Strategy

if TYPE_CHECKING:
    from pool.frames import Buffer, Payload

MANY = 1 << 20
FEW = 2048
SMALLEST = 1024  # what the configuration allows


class TwoWordsError(Exception):
    """Pickles, but does not rebuild: its `args` do not fit its `__init__`."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.lock = threading.Lock()


class SpeechlessError(LockedError):
    """Cannot be pickled, and cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


class MaskedError(Exception):
    """Its pickle is rebuilt as something that is no exception."""

    def __reduce__(self) -> tuple[Any, ...]:
        return str, ("no exception",)


class ExitingError(Exception):
    """Rebuilding it ends the process that tries, unless that one takes care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return leave, ()


class Brittle:
    """Pickles, but does not rebuild."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild_nothing, ()


def rebuild_nothing() -> None:
    raise LookupError("it is not here")


def leave() -> None:
    raise SystemExit(3)


def fail_deep_inside(error: BaseException) -> None:
    raise error


def raised(error: BaseException) -> BaseException:
    """The error, with the traceback that raising it gives."""
    try:
        fail_deep_inside(error)
    except BaseException as caught:  # noqa: BLE001, RUF100 - whatever it is, it is returned
        return caught
    raise AssertionError


def crossed(error: BaseException, bytes_max: int = MANY) -> BaseException:
    """The exception as the client gets it."""
    return unpack_exception(pack_exception(raised(error), bytes_max))


def whole(payload: Payload) -> bytes:
    """The payload as the other side reads it."""
    return payload if isinstance(payload, bytes) else b"".join(payload)


def told(error: PayloadError) -> tuple[Category | None, Severity | None, Strategy | None]:
    return error.category, error.severity, error.strategy


LOUD = (Category.COMMUNICATION, Severity.MAJOR, Strategy.ABANDON)


# Calls.


def test_call_arrives_whole() -> None:
    call = (divmod, (7, 2), {"self": 1, "deadline": 2.0})
    assert call == unpack_call(whole(pack_call(call, MANY)))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param((lambda: None, (), {}), id="function"),
        pytest.param((print, (threading.Lock(),), {}), id="argument"),
        pytest.param((print, (), {"end": threading.Lock()}), id="keyword argument"),
    ],
)
def test_call_that_cannot_be_pickled_says_which_and_why(call: Any) -> None:
    name = call[0].__qualname__
    with pytest.raises(PayloadError) as refused:
        pack_call(call, MANY)
    assert str(refused.value).startswith(f"the call of {name} cannot be pickled: ")
    assert refused.value.started is False
    assert refused.value.__cause__ is not None
    assert told(refused.value) == LOUD


def test_call_that_is_too_large_says_how_large() -> None:
    with pytest.raises(
        PayloadError, match=r"^the call of print takes \d+ bytes, 2048 is the most$"
    ):
        pack_call((print, (b"x" * FEW,), {}), FEW)


def test_call_of_a_function_without_a_name_arrives() -> None:
    call = (Callable(), (), {})
    function, args, kwargs = unpack_call(whole(pack_call(call, MANY)))
    assert (Callable, (), {}) == (type(function), args, kwargs)


class Callable:
    def __call__(self) -> None:
        return None


def test_call_that_cannot_be_rebuilt_says_that_it_did_not_start() -> None:
    payload = whole(pack_call((print, (Brittle(),), {}), MANY))
    with pytest.raises(PayloadError, match="LookupError: it is not here") as refused:
        unpack_call(payload)
    assert str(refused.value).startswith("the call cannot be rebuilt in the worker: ")
    assert refused.value.started is False


# Results.


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), st.lists))
@settings(deadline=None)
def test_result_arrives_whole(value: Any) -> None:
    assert value == unpack_result(whole(pack_result(value, MANY)))


def test_result_that_cannot_be_pickled_says_its_type() -> None:
    with pytest.raises(PayloadError) as refused:
        pack_result(threading.Lock(), MANY)
    assert str(refused.value).startswith("the result of type lock cannot be pickled: ")


def test_result_as_long_as_the_bound_passes_and_one_byte_more_does_not() -> None:
    length = len(pickle.dumps(b"x" * 1000, pickle.HIGHEST_PROTOCOL))
    assert length == len(pack_result(b"x" * 1000, length))
    expected = f"the result of type bytes takes {length} bytes, {length - 1} is the most"
    with pytest.raises(PayloadError) as refused:
        pack_result(b"x" * 1000, length - 1)
    assert expected == str(refused.value)


def test_result_that_cannot_be_rebuilt_says_why() -> None:
    payload = whole(pack_result(Brittle(), MANY))
    with pytest.raises(PayloadError) as refused:
        unpack_result(payload)
    expected = "the result cannot be rebuilt here: LookupError: it is not here"
    assert expected == str(refused.value)


def test_result_that_ends_who_rebuilds_it_is_refused_like_any_other() -> None:
    payload = whole(pack_result(ExitingError(), MANY))
    with pytest.raises(PayloadError, match="SystemExit"):
        unpack_result(payload)


# Exceptions.


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), KeyError("key"), SystemExit(3), KeyboardInterrupt(), OSError(2, "gone")],
    ids=lambda error: type(error).__name__,
)
def test_exception_arrives_as_itself(error: BaseException) -> None:
    arrived = crossed(error)
    assert (type(error), error.args) == (type(arrived), arrived.args)


def test_traceback_of_the_worker_is_the_cause() -> None:
    arrived = crossed(ValueError("no"))
    cause = arrived.__cause__
    assert isinstance(cause, WorkerTraceback)
    assert cause.text.startswith("Traceback (most recent call last):\n")
    assert "in fail_deep_inside\n    raise error\n" in cause.text
    assert cause.text.endswith("ValueError: no\n")
    assert cause.text in "".join(traceback.format_exception(arrived))


def test_cause_of_the_exception_in_the_worker_is_told_too() -> None:
    error = ValueError("outer")
    error.__cause__ = raised(KeyError("inner"))
    assert "KeyError: 'inner'" in str(crossed(error).__cause__)


def test_notes_and_attributes_arrive() -> None:
    error = ValueError("no")
    error.add_note("but")
    error.extra = 7  # type: ignore[attr-defined]
    arrived = crossed(error)
    assert (arrived.__notes__, arrived.extra) == (["but"], 7)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [TwoWordsError, LockedError], ids=["rebuilt", "pickled"])
def test_exception_that_cannot_be_sent_is_replaced_with_its_words(
    kind: type[Exception],
) -> None:
    error = kind("hello", "you") if kind is TwoWordsError else kind("hello you")
    arrived = crossed(error)
    assert type(arrived) is PayloadError
    expected = f"the task raised {kind.__name__}: hello you, which cannot be sent: "
    assert str(arrived).startswith(expected)
    assert arrived.started is True
    assert "in fail_deep_inside" in str(arrived.__cause__)


def test_exception_without_words_that_cannot_be_pickled_is_replaced() -> None:
    arrived = crossed(SpeechlessError("hidden"))
    assert type(arrived) is PayloadError
    assert "SpeechlessError" in str(arrived)
    assert arrived.started is True


@pytest.mark.parametrize("kind", [MaskedError, ExitingError])
def test_exception_that_does_not_rebuild_as_an_exception_is_replaced(kind: type[Exception]) -> None:
    arrived = crossed(kind())
    assert type(arrived) is PayloadError
    assert kind.__name__ in str(arrived)


def test_large_exception_is_replaced_by_one_that_fits() -> None:
    payload = pack_exception(raised(ValueError("x" * 10 * FEW)), FEW)
    assert len(payload) <= FEW
    arrived = unpack_exception(payload)
    assert type(arrived) is PayloadError
    assert str(arrived).startswith("the task raised ValueError: xxx")
    assert arrived.started is True


class GuardedError(Exception):
    """Lets nobody see its notes."""

    @property
    def __notes__(self) -> list[str]:
        raise PermissionError("mine")


def test_exception_whose_traceback_cannot_be_told_arrives_without_it() -> None:
    arrived = crossed(GuardedError("hidden"))
    assert (type(arrived), str(arrived)) == (GuardedError, "hidden")
    cause = arrived.__cause__
    assert isinstance(cause, WorkerTraceback)
    assert cause.text == "(the traceback cannot be told: PermissionError: mine)\n"


@pytest.mark.parametrize("word", ["x", "\N{GRINNING FACE}"])
def test_replaced_exception_fits_into_the_smallest_bound(word: str) -> None:
    payload = pack_exception(raised(ValueError(word * 2 * SMALLEST)), SMALLEST)
    assert len(payload) <= SMALLEST
    arrived = unpack_exception(payload)
    assert type(arrived) is PayloadError
    assert told(arrived) == LOUD


def test_exception_unknown_to_the_client_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = pack_exception(raised(TwoArgsError("a", "b")), MANY)
    monkeypatch.delattr(f"{__name__}.TwoArgsError")
    arrived = unpack_exception(payload)
    assert type(arrived) is PayloadError
    assert str(arrived).startswith("the task's exception cannot be rebuilt here: AttributeError: ")
    assert arrived.started is True


class TwoArgsError(Exception):
    """Rebuilds: its `args` are what its `__init__` wants."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first, second)


def test_pool_error_raised_by_a_task_keeps_its_fields() -> None:
    arrived = crossed(WorkerLost("a nested pool's", task=4, worker=2, attempt=1, started=True))
    assert type(arrived) is WorkerLost
    assert (arrived.task, arrived.worker, arrived.attempt, arrived.started) == (4, 2, 1, True)


# Large objects and buffers.


def addresses(payload: Payload) -> set[int]:
    return {id(part) for part in payload} if isinstance(payload, tuple) else set()


@pytest.mark.parametrize("length", [LARGE_BYTES, 3 * LARGE_BYTES + 1])
def test_large_bytes_are_a_part_of_their_own_and_not_copied(length: int) -> None:
    large = bytes(length)
    for payload in (pack_result(large, MANY), pack_call((len, (large, 7), {}), MANY)):
        assert id(large) in addresses(payload)
    assert unpack_result(whole(pack_result(large, MANY))) == large
    assert unpack_call(whole(pack_call((len, (large, 7), {}), MANY))) == (len, (large, 7), {})


def test_what_is_less_than_large_is_one_piece() -> None:
    payload = pack_result(bytes(LARGE_BYTES - 1), MANY)
    assert isinstance(payload, bytes)
    assert size_of(payload) == len(payload)


@pytest.mark.parametrize("beside", [(), (bytes(LARGE_BYTES),)], ids=["alone", "beside large bytes"])
def test_what_a_client_changes_after_the_submit_is_not_sent(beside: tuple[bytes, ...]) -> None:
    plain, buffered = bytearray(b"a" * LARGE_BYTES), bytearray(b"b" * LARGE_BYTES)
    payload = pack_call((len, (*beside, plain, Buffered(buffered)), {}), MANY)
    plain[:] = buffered[:] = b"c" * LARGE_BYTES
    *_, sent_plain, sent_buffered = unpack_call(whole(payload))[1]
    assert sent_plain == b"a" * LARGE_BYTES
    assert sent_buffered.buffer == b"b" * LARGE_BYTES


def test_buffer_that_nobody_can_change_is_not_copied() -> None:
    large = bytes(LARGE_BYTES)
    parts = pack_result(Buffered(large), MANY)
    assert isinstance(parts, tuple)
    assert any(type(part) is memoryview and part.obj is large for part in parts)


@pytest.mark.parametrize("arrives", [bytes, bytearray, lambda data: memoryview(bytearray(data))])
@given(
    st.lists(st.binary(max_size=40) | st.integers(0, 3).map(lambda n: bytes(n * LARGE_BYTES))),
    st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_out_of_band_buffers_arrive_whole_and_as_they_were(
    arrives: Any, contents: list[bytes], fixed: bool
) -> None:
    wanted = [Buffered(each if fixed else bytearray(each)) for each in contents]
    payload: Buffer = arrives(whole(pack_result(wanted, 1 << 30)))
    got = unpack_result(payload)
    assert [bytes(each.buffer) for each in got] == contents
    assert [memoryview(each.buffer).readonly for each in got] == [fixed] * len(contents)


@pytest.mark.parametrize("length", [1, 7, 16, LARGE_BYTES + 3])
def test_buffers_begin_where_numbers_of_every_kind_may_lie(length: int) -> None:
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    wanted = [numpy.arange(length, dtype=kind) for kind in ("b", "d", "h", "D")]
    for result in (wanted, [bytes(LARGE_BYTES), *wanted]):
        got = unpack_result(whole(pack_result(result, 1 << 30)))
        for mine, theirs in zip(wanted, got[-4:], strict=True):
            assert theirs.flags["ALIGNED"]
            assert theirs.flags["WRITEABLE"]
            assert mine.tolist() == theirs.tolist()


def test_many_small_buffers_do_not_make_many_parts() -> None:
    payload = pack_result([Buffered(bytearray(3)) for _ in range(5000)], MANY)
    assert isinstance(payload, tuple)
    assert len(payload) < 4
    assert len(unpack_result(whole(payload))) == 5000


def test_buffers_count_towards_the_bound() -> None:
    payload = pack_result(Buffered(bytearray(LARGE_BYTES)), MANY)
    assert size_of(payload) == len(whole(payload)) > LARGE_BYTES
    with pytest.raises(PayloadError, match=f"takes {size_of(payload)} bytes, {LARGE_BYTES} is"):
        pack_result(Buffered(bytearray(LARGE_BYTES)), LARGE_BYTES)


def test_buffer_that_is_not_of_one_piece_cannot_be_pickled() -> None:
    with pytest.raises(PayloadError, match="non-contiguous"):
        pack_result(Buffered(memoryview(bytes(9))[::2]), MANY)


def test_large_array_of_the_standard_library_arrives_whole() -> None:
    numbers = array.array("d", range(LARGE_BYTES))
    assert numbers == unpack_result(whole(pack_result(numbers, MANY)))


@pytest.mark.parametrize(
    "envelope",
    [b"\0", b"\0\xff\xff\xff\xff", b"\0" + bytes(4), b"\0\0\0\0\1" + b"\xff" * 8 + b"N."],
)
def test_envelope_that_is_none_is_a_payload_error(envelope: bytes) -> None:
    with pytest.raises(PayloadError, match="the result cannot be rebuilt here: "):
        unpack_result(envelope)

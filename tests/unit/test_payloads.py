"""Payloads and errors: what cannot cross the process boundary says so, the rest arrives whole."""

from __future__ import annotations

import concurrent.futures
import copy
import pickle
import queue
import threading
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool import (
    FrameError,
    LifecycleError,
    PayloadError,
    PoolBroken,
    PoolError,
    PoolSaturated,
    PoolShutdown,
    TaskCancelled,
    TaskTimeout,
    WorkerLost,
)
from pool.errors import WorkerTraceback
from pool.payloads import (
    pack_call,
    pack_exception,
    pack_result,
    unpack_call,
    unpack_exception,
    unpack_result,
)

MANY = 1 << 20
FEW = 2048


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


# Calls.


def test_call_arrives_whole() -> None:
    call = (divmod, (7, 2), {"self": 1, "deadline": 2.0})
    assert call == unpack_call(pack_call(call, MANY))


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


def test_call_that_is_too_large_says_how_large() -> None:
    with pytest.raises(
        PayloadError, match=r"^the call of print takes \d+ bytes, 2048 is the most$"
    ):
        pack_call((print, (b"x" * FEW,), {}), FEW)


def test_call_of_a_function_without_a_name_arrives() -> None:
    call = (Callable(), (), {})
    function, args, kwargs = unpack_call(pack_call(call, MANY))
    assert (Callable, (), {}) == (type(function), args, kwargs)


class Callable:
    def __call__(self) -> None:
        return None


def test_call_that_cannot_be_rebuilt_says_that_it_did_not_start() -> None:
    payload = pack_call((print, (Brittle(),), {}), MANY)
    with pytest.raises(PayloadError, match="LookupError: it is not here") as refused:
        unpack_call(payload)
    assert str(refused.value).startswith("the call cannot be rebuilt in the worker: ")
    assert refused.value.started is False


# Results.


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), st.lists))
@settings(deadline=None)
def test_result_arrives_whole(value: Any) -> None:
    assert value == unpack_result(pack_result(value, MANY))


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
    payload = pack_result(Brittle(), MANY)
    with pytest.raises(PayloadError) as refused:
        unpack_result(payload)
    expected = "the result cannot be rebuilt here: LookupError: it is not here"
    assert expected == str(refused.value)


def test_result_that_ends_who_rebuilds_it_is_refused_like_any_other() -> None:
    payload = pack_result(ExitingError(), MANY)
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
    assert fields(arrived) == (4, 2, 1, True)


# The pool's own errors.

BUILTINS: dict[type[PoolError], type[BaseException]] = {
    PoolSaturated: queue.Full,
    PoolShutdown: RuntimeError,
    PoolBroken: concurrent.futures.BrokenExecutor,
    TaskTimeout: TimeoutError,
    TaskCancelled: concurrent.futures.CancelledError,
    WorkerLost: ChildProcessError,
    PayloadError: pickle.PicklingError,
    LifecycleError: RuntimeError,
    FrameError: ValueError,
}
TELLING = [PoolError, *(kind for kind in BUILTINS if kind is not FrameError)]


def fields(error: PoolError) -> tuple[Any, ...]:
    return error.task, error.worker, error.attempt, error.started


def test_every_pool_error_is_in_the_table() -> None:
    assert set(BUILTINS) == set(PoolError.__subclasses__())


@pytest.mark.parametrize("kind", BUILTINS)
def test_pool_error_is_the_builtin_that_callers_expect(kind: type[PoolError]) -> None:
    assert issubclass(kind, BUILTINS[kind])
    assert issubclass(kind, PoolError)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", TELLING)
def test_pool_error_survives_pickle_with_its_fields(kind: type[PoolError], protocol: int) -> None:
    error = kind("who, what, where", task=4, worker=2, attempt=3, started=True)
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is kind
    assert str(again) == again.message == "who, what, where"
    assert fields(again) == (4, 2, 3, True)


@pytest.mark.parametrize("kind", TELLING)
def test_pool_error_copies_with_its_fields(kind: type[PoolError]) -> None:
    again = copy.copy(kind("who", task=4))
    assert (kind, "who", (4, None, None, False)) == (type(again), str(again), fields(again))


def test_frame_error_survives_pickle_with_its_fields() -> None:
    again = pickle.loads(pickle.dumps(FrameError("cut", "3 bytes")))
    assert type(again) is FrameError
    assert (again.reason, again.detail) == ("cut", "3 bytes")
    assert str(again) == again.message == "bad frame (cut): 3 bytes"


def test_worker_traceback_survives_pickle() -> None:
    again = pickle.loads(pickle.dumps(WorkerTraceback("Traceback")))
    assert (again.text, str(again)) == ("Traceback", '\n"""\nTraceback"""')

"""Payloads: calls, results and exceptions as bytes, and back.

Whatever cannot be pickled or rebuilt becomes a `PayloadError` that says so, on the side where
it can be told to the client whose task it is.
"""

from __future__ import annotations

import contextlib
import pickle
import traceback
from typing import TYPE_CHECKING, Any

from pool.errors import PayloadError, WorkerTraceback

if TYPE_CHECKING:
    from collections.abc import Callable

Call = tuple["Callable[..., Any]", tuple[Any, ...], dict[str, Any]]


def pack_call(call: Call, bytes_max: int) -> bytes:
    """The call is returned as bytes.

    Args:
        call: function, positional and keyword arguments.
        bytes_max: the longest payload that the other side believes.

    Raises:
        PayloadError: it cannot be pickled, or is too long.
    """
    name = getattr(call[0], "__qualname__", repr(call[0]))
    return _pack(call, f"the call of {name}", bytes_max, started=False)


def unpack_call(payload: bytes) -> Call:
    """The call is returned, from bytes whose checksum was right.

    Raises:
        PayloadError: it cannot be rebuilt here (a module that this process cannot import).
    """
    try:
        function, args, kwargs = pickle.loads(payload)  # noqa: S301 - checksum verified
    except BaseException as error:  # user code runs while unpickling, and may even exit
        raise PayloadError(f"the call cannot be rebuilt in the worker: {_brief(error)}") from error
    return function, args, kwargs


def pack_result(value: Any, bytes_max: int) -> bytes:
    """The function's result is returned as bytes.

    Raises:
        PayloadError: it cannot be pickled, or is too long.
    """
    return _pack(value, f"the result of type {type(value).__name__}", bytes_max, started=True)


def unpack_result(payload: bytes) -> Any:
    """The function's result is returned, from bytes whose checksum was right.

    Raises:
        PayloadError: it cannot be rebuilt here.
    """
    try:
        return pickle.loads(payload)  # noqa: S301 - checksum verified
    except BaseException as error:  # user code runs while unpickling, and may even exit
        words = f"the result cannot be rebuilt here: {_brief(error)}"
        raise PayloadError(words, started=True) from error


def pack_exception(error: BaseException, bytes_max: int) -> bytes:
    """The exception is returned as bytes, with its traceback as text.

    One that cannot be pickled, cannot be rebuilt from its pickle, or is too long is replaced by a
    `PayloadError` with its type, and as much of its words and its traceback as fits.
    """
    text = "".join(traceback.format_exception(error))
    what = f"the exception {type(error).__name__}"
    try:
        payload = _pack((error, text), what, bytes_max, started=True)
        # Many exceptions pickle but do not rebuild, or not as what they were.
        _rebuilt(payload, type(error))
    except BaseException as problem:  # user code runs in both directions
        words = f"the task raised {_brief(error)}, which cannot be sent: {_brief(problem)}"
        # Most characters take one byte and none more than four; the rest is the class's name.
        room = max(0, bytes_max - 512) // 8
        payload = pickle.dumps((PayloadError(words[:room], started=True), text[-room:]))
    return payload


def unpack_exception(payload: bytes) -> BaseException:
    """The exception is returned, caused by its worker's traceback as text."""
    try:
        error, text = _rebuilt(payload, BaseException)
    except BaseException as problem:
        words = f"the task's exception cannot be rebuilt here: {_brief(problem)}"
        return PayloadError(words, started=True)
    with contextlib.suppress(Exception):  # a frozen exception goes without its traceback
        error.__cause__ = WorkerTraceback(text)
    return error


def _rebuilt(payload: bytes, kind: type[BaseException]) -> tuple[BaseException, str]:
    error, text = pickle.loads(payload)  # noqa: S301 - our own bytes, or checksum verified
    if not isinstance(error, kind):
        raise TypeError(f"it comes back as {type(error).__name__}")
    return error, text


def _pack(value: Any, what: str, bytes_max: int, *, started: bool) -> bytes:
    try:
        payload = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        words = f"{what} cannot be pickled: {_brief(error)}"
        raise PayloadError(words, started=started) from error
    if len(payload) > bytes_max:
        words = f"{what} takes {len(payload)} bytes, {bytes_max} is the most"
        raise PayloadError(words, started=started)
    return payload


def _brief(error: BaseException) -> str:
    try:
        words = str(error)
    except BaseException:  # it is somebody else's method
        words = "(it cannot say what)"
    return f"{type(error).__name__}: {words}"

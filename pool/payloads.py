"""Payloads: calls, results and exceptions as bytes, and back.

Whatever cannot be pickled or rebuilt becomes a `PayloadError` that says so, on the side where
it can be told to the client whose task it is.

A large object is not copied into its pickle: large `bytes` are parts of their own, and what offers
its buffer (numpy's arrays, `pickle.PickleBuffer`) goes out of band, as protocol 5 has it. Then the
payload is an envelope: a zero byte (no pickle begins so), the number of buffers, the length of
each, the buffers, and the pickle that refers to them; each buffer begins at a multiple of 16 bytes,
where numbers of every kind may lie. A buffer that its owner could still write to is copied once, so
that what was submitted is what is sent.
"""

from __future__ import annotations

import contextlib
import pickle
import struct
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pool.errors import PayloadError, WorkerTraceback
from pool.recovery import BASE_SEVERITY, Category, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pool.frames import Buffer, Payload

Call = tuple["Callable[..., Any]", tuple[Any, ...], dict[str, Any]]

LARGE_BYTES: Final = 1 << 16
_ENVELOPE: Final = 0
_COUNT: Final = struct.Struct("!BI")
_LENGTH: Final = struct.Struct("!Q")
_ALIGNED: Final = 16


def pack_call(call: Call, bytes_max: int) -> Payload:
    """The call is returned as a payload.

    Args:
        call: function, positional and keyword arguments.
        bytes_max: the longest payload that the other side believes.

    Raises:
        PayloadError: it cannot be pickled, or is too long.
    """
    large = any(_is_large(value) for value in call[1])
    what = partial(_call_of, call[0])
    return _pack(call, what, bytes_max, large=large, started=False)


def unpack_call(payload: Buffer) -> Call:
    """The call is returned, from bytes whose checksum was right.

    Raises:
        PayloadError: it cannot be rebuilt here (a module that this process cannot import).
    """
    try:
        function, args, kwargs = _loaded(payload)
    except BaseException as error:  # user code runs while unpickling, and may even exit
        words = f"the call cannot be rebuilt in the worker: {_brief(error)}"
        raise _refused(words, started=False) from error
    return function, args, kwargs


def pack_result(value: Any, bytes_max: int) -> Payload:
    """The function's result is returned as a payload.

    Raises:
        PayloadError: it cannot be pickled, or is too long.
    """
    what = partial(_result_of, value)
    return _pack(value, what, bytes_max, large=_is_large(value), started=True)


def unpack_result(payload: Buffer) -> Any:
    """The function's result is returned, from bytes whose checksum was right.

    Raises:
        PayloadError: it cannot be rebuilt here.
    """
    try:
        return _loaded(payload)
    except BaseException as error:  # user code runs while unpickling, and may even exit
        words = f"the result cannot be rebuilt here: {_brief(error)}"
        raise _refused(words, started=True) from error


def pack_exception(error: BaseException, bytes_max: int) -> bytes:
    """The exception is returned as bytes, with its traceback as text.

    One that cannot be pickled, cannot be rebuilt from its pickle, or is too long is replaced by a
    `PayloadError` with its type, and as much of its words and its traceback as fits.
    """
    text = _trace(error)
    what = f"the exception {type(error).__name__}"
    try:
        payload = pickle.dumps((error, text), protocol=pickle.HIGHEST_PROTOCOL)
        _bound(len(payload), partial(str, what), bytes_max, started=True)
        # Many exceptions pickle but do not rebuild, or not as what they were.
        _rebuilt(payload, type(error))
    except BaseException as problem:  # user code runs in both directions
        words = f"the task raised {_brief(error)}, which cannot be sent: {_brief(problem)}"
        # Most characters take one byte and none more than four; the rest is the class's name.
        room = max(0, bytes_max - 512) // 8
        payload = pickle.dumps((_refused(words[:room], started=True), text[-room:]))
    return payload


def unpack_exception(payload: Buffer) -> BaseException:
    """The exception is returned, caused by its worker's traceback as text."""
    try:
        error, text = _rebuilt(payload, BaseException)
    except BaseException as problem:
        words = f"the task's exception cannot be rebuilt here: {_brief(problem)}"
        return _refused(words, started=True)
    with contextlib.suppress(Exception):  # a frozen exception goes without its traceback
        error.__cause__ = WorkerTraceback(text)
    return error


def _rebuilt(payload: Buffer, kind: type[BaseException]) -> tuple[BaseException, str]:
    error, text = pickle.loads(payload)  # noqa: S301 - our own bytes, or checksum verified
    if not isinstance(error, kind):
        raise TypeError(f"it comes back as {type(error).__name__}")
    return error, text


def _pack(
    value: Any, what: Callable[[], str], bytes_max: int, *, large: bool, started: bool
) -> Payload:
    try:
        payload = _dumped(value, large=large)
    except Exception as error:
        words = f"{what()} cannot be pickled: {_brief(error)}"
        raise _refused(words, started=started) from error
    _bound(size_of(payload), what, bytes_max, started=started)
    return payload


def _bound(size: int, what: Callable[[], str], bytes_max: int, *, started: bool) -> None:
    if size > bytes_max:
        words = f"{what()} takes {size} bytes, {bytes_max} is the most"
        raise _refused(words, started=started)


def _call_of(function: Any) -> str:
    return f"the call of {getattr(function, '__qualname__', None) or repr(function)}"


def _result_of(value: Any) -> str:
    return f"the result of type {type(value).__name__}"


def size_of(payload: Payload) -> int:
    """How many bytes the payload takes."""
    return len(payload) if isinstance(payload, bytes) else sum(len(part) for part in payload)


def _is_large(value: Any) -> bool:
    return type(value) is bytes and len(value) >= LARGE_BYTES


class _Parts(list["bytes"]):
    """Where a pickler writes: it hands large `bytes` over as they are."""

    write = list.append


def _dumped(value: Any, *, large: bool) -> Payload:
    buffers: list[pickle.PickleBuffer] = []
    if not large:
        pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        return _envelope((pickled,), buffers) if buffers else pickled
    parts = _Parts()
    pickle.Pickler(parts, protocol=5, buffer_callback=buffers.append).dump(value)
    # The pickler reuses nothing that it wrote, but hands over a `bytearray` of the client's too.
    own = [bytes(part) for part in parts]  # what is `bytes` already is not copied
    return _envelope(own, buffers) if buffers else _gathered(own)


def _envelope(pickled: Iterable[bytes], buffers: list[pickle.PickleBuffer]) -> Payload:
    raw = [_settled(buffer.raw()) for buffer in buffers]
    front = _COUNT.pack(_ENVELOPE, len(raw)) + b"".join(_LENGTH.pack(len(each)) for each in raw)
    parts: list[Buffer] = [front, bytes(-len(front) % _ALIGNED)]
    for each in raw:
        parts += (each, bytes(-len(each) % _ALIGNED))
    return _gathered([*parts, *pickled])


def _gathered(parts: list[Buffer] | list[bytes]) -> Payload:
    """The parts are returned, neighbouring small ones joined: each costs the sender something."""
    gathered: list[Buffer] = []
    small: list[Buffer] = []
    for part in parts:
        if len(part) < LARGE_BYTES:
            small.append(part)
        else:
            gathered += (b"".join(small), part)
            small = []
    return (*gathered, b"".join(small))


def _settled(buffer: memoryview) -> Buffer:
    return buffer if type(buffer.obj) is bytes else bytes(buffer)


def _loaded(payload: Buffer) -> Any:
    if payload[:1] != b"\0":
        return pickle.loads(payload)  # noqa: S301 - checksum verified
    # The objects rebuilt from these buffers stay writable, as they were, and keep the frame alive.
    view = memoryview(bytearray(payload) if isinstance(payload, bytes) else payload)
    _, count = _COUNT.unpack_from(view)
    at = _COUNT.size + count * _LENGTH.size
    buffers = []
    for number in range(count):
        (length,) = _LENGTH.unpack_from(view, _COUNT.size + number * _LENGTH.size)
        at += -at % _ALIGNED
        buffers.append(view[at : at + length])
        at += length
    at += -at % _ALIGNED
    return pickle.loads(view[at:], buffers=buffers)  # noqa: S301 - checksum verified


def _refused(words: str, *, started: bool) -> PayloadError:
    return PayloadError(
        words,
        started=started,
        category=Category.COMMUNICATION,
        severity=BASE_SEVERITY[Category.COMMUNICATION],
        strategy=Strategy.ABANDON,
    )


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as problem:  # parts of it are somebody else's, and may be nested deeply
        return f"(the traceback cannot be told: {_brief(problem)})\n"


def _brief(error: BaseException) -> str:
    try:
        words = str(error)
    except BaseException:  # it is somebody else's method
        words = "(it cannot say what)"
    return f"{type(error).__name__}: {words}"

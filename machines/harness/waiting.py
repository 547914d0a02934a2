"""Waiting: for a fact, with a limit, and with a failure that says what was last seen."""

from __future__ import annotations

import concurrent.futures
import contextlib
import inspect
import os
import select
import threading
import time
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
S = TypeVar("S")

POLL_S: Final = 0.005
TIMEOUT_S: Final = 10.0


class WaitedTooLong(AssertionError, TimeoutError):
    """What was waited for did not come in time.

    Attributes:
        seen: what the condition said last, or raised.
    """

    def __init__(self, words: str, seen: object) -> None:
        super().__init__(words)
        self.seen = seen


@overload
def wait_for(condition: Callable[[], T], timeout: float = ..., poll: float = ...) -> T: ...


@overload
def wait_for(condition: S, timeout: float = ..., poll: float = ...) -> S: ...


def wait_for(condition: Any, timeout: float = TIMEOUT_S, poll: float = POLL_S) -> Any:
    """The condition holds; what it said then is returned.

    What can wake this is waited for: a future, an event, a thread, a process, or whatever has a
    descriptor that becomes readable. A function is called again and again; an exception of its says
    that it does not hold yet.

    Args:
        condition: a function without arguments, or one of the above.
        timeout: seconds.
        poll: seconds between two calls of a function.

    Raises:
        WaitedTooLong: it did not hold in time; the message says what was seen last.
        TypeError: it is nothing that can be waited for.
    """
    wait = next((wait for fits, wait in _SOURCES if fits(condition)), None)
    if wait is not None:
        if not wait(condition, timeout):
            raise WaitedTooLong(f"{condition!r} was not there within {timeout:g} s", condition)
        return condition
    if not callable(condition):
        raise TypeError(f"{condition!r} cannot be waited for: neither a function nor a source")
    return _ask(condition, timeout, poll)


def _ask(condition: Callable[[], T], timeout: float, poll: float) -> T:
    until = time.monotonic() + timeout
    nobody = threading.Event()
    times = 0
    while True:
        times += 1
        try:
            seen: Any = condition()
            if seen:
                return seen  # type: ignore[no-any-return]
        except Exception as error:  # the condition speaks of what may not be there yet
            seen = error
        left = until - time.monotonic()
        if left <= 0:
            break
        nobody.wait(min(poll, left))
    said = f"raised {seen!r}" if isinstance(seen, Exception) else f"was {seen!r}"
    words = f"{_name(condition)} did not hold within {timeout:g} s: it last {said}"
    failure = WaitedTooLong(f"{words} (asked {times} times)", seen)
    raise failure from (seen if isinstance(seen, Exception) else None)


def _there(future: concurrent.futures.Future[Any], limit: float) -> bool:
    return bool(concurrent.futures.wait([future], limit).done)


def _over(thread: threading.Thread, limit: float) -> bool:
    thread.join(limit)
    return not thread.is_alive()


def _ended(process: Any, limit: float) -> bool:
    with contextlib.suppress(Exception):  # its own way of saying that it took too long
        process.wait(limit)
    return process.poll() is not None


def _readable(fd: int, limit: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(limit * 1000.0))


# What kind of source it is, and what waits for such a one, so many seconds at most.
_SOURCES: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any, float], bool]], ...]] = (
    (lambda it: isinstance(it, concurrent.futures.Future), _there),
    (lambda it: isinstance(it, threading.Event), threading.Event.wait),
    (lambda it: isinstance(it, threading.Thread), _over),
    (
        lambda it: hasattr(it, "sentinel"),
        lambda process, limit: bool(connection.wait([process.sentinel], limit)),
    ),
    (lambda it: hasattr(it, "pid") and hasattr(it, "poll"), _ended),  # as `subprocess` has it
    (lambda it: hasattr(it, "fileno"), lambda it, limit: _readable(it.fileno(), limit)),
)


def _name(condition: Any) -> str:
    """What a reader will find the condition by."""
    name = getattr(condition, "__qualname__", repr(condition))
    if "<lambda>" not in name:
        return str(name)
    with contextlib.suppress(OSError, TypeError):
        file = inspect.getsourcefile(condition)
        if file is not None:
            return f"the lambda at {os.path.basename(file)}:{condition.__code__.co_firstlineno}"
    return str(name)

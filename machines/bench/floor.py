"""The floor: one byte to another process and back, with no pool in between.

It answers what the operating system alone costs, on the same machine and in the same round.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Link = tuple["Callable[[bytes], Any]", "Callable[[], bytes]"]


def ping_pong(floor: str, rounds: int, warm_up: int) -> list[float]:
    """Seconds of each of so many round trips to a forked process, after those of the warm-up.

    Args:
        floor: `pipe` or `socketpair`.
        rounds: how many are measured.
        warm_up: how many come before them.
    """
    seconds: list[float] = []
    with FLOORS[floor]() as (send, receive):
        for number in range(warm_up + rounds):
            began = time.perf_counter()
            send(b"x")
            receive()
            if number >= warm_up:
                seconds.append(time.perf_counter() - began)
    return seconds


@contextlib.contextmanager
def _pipe() -> Iterator[Link]:
    near, far = multiprocessing.Pipe()
    with _echoing(far.send_bytes, far.recv_bytes):
        yield near.send_bytes, near.recv_bytes
        near.send_bytes(b"")
    near.close()
    far.close()


@contextlib.contextmanager
def _socket_pair() -> Iterator[Link]:
    near, far = socket.socketpair()
    with near, far, _echoing(far.sendall, lambda: far.recv(1).strip(b".")):
        yield near.sendall, lambda: near.recv(1)
        near.sendall(b".")


@contextlib.contextmanager
def _echoing(send: Callable[[bytes], Any], receive: Callable[[], bytes]) -> Iterator[None]:
    """A forked process sends back what it receives, until that is empty."""

    def echo() -> None:
        while data := receive():
            send(data)

    process = multiprocessing.get_context("fork").Process(target=echo, daemon=True)
    process.start()
    yield
    process.join()


FLOORS: Final[Mapping[str, Callable[[], contextlib.AbstractContextManager[Link]]]] = {
    "pipe": _pipe,
    "socketpair": _socket_pair,
}

"""What the measured workers run: importable in any worker, so it imports nothing of weight."""

from __future__ import annotations

import os
import socket


def noop() -> None:
    """Nothing has happened."""


def echo(data: bytes) -> bytes:
    """What was sent is returned."""
    return data


def meet(address: str) -> int:
    """This worker has come to the meeting and was let go; its process identifier is returned.

    Args:
        address: the path of the meeting's socket.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(address)
        line.sendall(b"%08d" % os.getpid())
        line.recv(1)  # a byte lets it go, and so does the end of whoever called the meeting
    return os.getpid()

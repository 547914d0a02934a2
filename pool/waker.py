"""The waker: how other threads get the loop's thread to look up from its wait."""

from __future__ import annotations

import socket


class Waker:
    """A socket pair: a byte written to one end ends a wait for the other."""

    def __init__(self) -> None:
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._wakened.fileno()

    def wake(self) -> None:
        """The loop's thread will look up, now or before it waits again."""
        try:  # noqa: SIM105 - written out: a context manager costs more than the byte
            self._waker.send(b"\0")
        except OSError:  # it has been told often enough, or it has ended
            pass

    def drain(self) -> None:
        """What was written is read; the next `wake` counts anew."""
        try:
            while self._wakened.recv(4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Both ends are closed; closing twice is no error."""
        self._waker.close()
        self._wakened.close()

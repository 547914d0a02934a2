"""The poller: which descriptors have something to say.

On Linux it is an epoll, which other threads may change while one waits, and which can be waited for
like a descriptor of its own. Elsewhere it is a poll, and only the loop's thread waits for it.
"""

from __future__ import annotations

import select
from typing import Any, Final, Generic, TypeVar

S = TypeVar("S")

READ: Final = select.POLLIN
WRITE: Final = select.POLLOUT


class Poller(Generic[S]):
    """Waits for descriptors, each with the source that it stands for.

    Attributes:
        shared: whether other threads may register and unregister while one waits.
    """

    def __init__(self) -> None:
        self.shared = hasattr(select, "epoll")
        self._poll: Any = select.epoll() if self.shared else select.poll()
        self._sources: dict[int, S] = {}

    def register(self, fd: int, source: S) -> None:
        """The source is told of when this descriptor is readable, or when its peer is gone."""
        self._sources[fd] = source
        self._poll.register(fd, READ)

    def watch_writes(self, fd: int, *, watched: bool) -> None:
        """Whether the source is also told of when this descriptor takes bytes."""
        self._poll.modify(fd, READ | WRITE if watched else READ)

    def unregister(self, fd: int) -> None:
        """Nothing is told of this descriptor any more; it must still be open.

        Raises:
            KeyError: it is not registered.
        """
        del self._sources[fd]
        self._poll.unregister(fd)

    def fileno(self) -> int:
        """The descriptor that is readable when one of those registered is; only if `shared`."""
        descriptor: int = self._poll.fileno()
        return descriptor

    def wait(self, timeout: float | None) -> list[tuple[S, int]]:
        """The sources that have something to say are returned, each with what.

        Args:
            timeout: seconds to wait; None waits for ever.
        """
        unit = 1.0 if self.shared else 1000.0
        told = self._poll.poll(None if timeout is None else timeout * unit)
        sources = self._sources  # one may have been unregistered meanwhile
        return [(sources[fd], mask) for fd, mask in told if fd in sources]

    def close(self) -> None:
        """The poller's own descriptor is closed."""
        if self.shared:
            self._poll.close()

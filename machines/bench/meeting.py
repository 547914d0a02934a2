"""A meeting: tasks that prove how many workers are alive at once, and answering."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import tempfile
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from machines.bench.work import meet

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from machines.bench.adapter import Adapter


class Meeting:
    """Whoever is invited comes, waits for all others, and answers when all are let go.

    A worker holds one task at a time, so that so many guests are so many workers. Nothing is
    waited for without a bound, and a task that fails is heard at once.

    Attributes:
        pids: the process identifiers of the workers that came.
        answers: what the tasks returned.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="meeting-")
        self._address = os.path.join(self._folder.name, "door")
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(self._address)
        self._door.listen(64)
        self._ring, self._bell = socket.socketpair()
        self._guests: list[socket.socket] = []
        self._outcomes: deque[tuple[Adapter, Any]] = deque()
        self.pids: list[int] = []
        self.answers: list[int] = []

    def __enter__(self) -> Meeting:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for line in (*self._guests, self._door, self._bell):
            line.close()
        self._folder.cleanup()  # the other end of the bell stays: an outcome may still come

    def invite(self, pool: Adapter, count: int) -> None:
        """So many tasks were accepted.

        Args:
            pool: where they are sent.
            count: how many.

        Raises:
            Exception: whatever the pool raises where it refuses them.
        """
        for _ in range(count):
            pool.send(partial(self._heard, pool), meet, self._address)

    def gather(self, count: int, limit_s: float) -> list[int]:
        """So many workers are there at once; their process identifiers are returned.

        Args:
            count: how many.
            limit_s: seconds to wait for them.

        Raises:
            TimeoutError: they did not all come in time.
            Exception: whatever a task raised meanwhile.
        """
        self._wait_until(lambda: len(self.pids) >= count, limit_s)
        return self.pids

    def release(self) -> None:
        """All who came may go."""
        for guest in self._guests:
            guest.send(b"x")

    def hear(self, count: int, limit_s: float) -> list[int]:
        """So many tasks have answered; what they returned is returned.

        Args:
            count: how many.
            limit_s: seconds to wait for them.

        Raises:
            TimeoutError: they did not all answer in time.
            Exception: whatever a task raised.
        """
        self._wait_until(lambda: len(self.answers) >= count, limit_s)
        return self.answers

    def _heard(self, pool: Adapter, outcome: Any) -> None:
        self._outcomes.append((pool, outcome))
        with contextlib.suppress(OSError):  # the meeting is over
            self._ring.send(b"x")

    def _wait_until(self, enough: Callable[[], bool], limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not enough():
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._door, self._bell], [], [], left)
            if not ready:
                raise TimeoutError(f"nothing for {limit_s:g} s")
            if self._bell in ready:
                self._bell.recv(1)
                pool, outcome = self._outcomes.popleft()
                self.answers.append(pool.take(outcome))
            if self._door in ready:
                guest, _ = self._door.accept()
                self._guests.append(guest)
                self.pids.append(int(guest.recv(8, socket.MSG_WAITALL)))


def all_answer(pool: Adapter, workers: int, limit_s: float, meeting: Meeting | None = None) -> None:
    """So many different workers were alive at once, and have answered.

    Args:
        pool: where they are.
        workers: how many.
        limit_s: seconds to wait, first for their coming and then for their answers.
        meeting: one that was made before, where making it would be measured too.

    Raises:
        TimeoutError: they did not in time.
        Exception: whatever a task raised.
    """
    with meeting or Meeting() as held:
        held.invite(pool, workers)
        pids = held.gather(workers, limit_s)
        held.release()
        answers = held.hear(workers, limit_s)
    if len(set(pids)) < workers or set(pids) != set(answers):
        raise RuntimeError(f"workers {pids} came, but {answers} answered")

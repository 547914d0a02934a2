"""The client of a load: it submits each operation when it is due, and never waits for an answer.

Latency is counted from the moment at which an operation was due, not from that at which it was
submitted: whoever comes late because the pool, or this client, was busy is not spared. What the
client itself costs is written down besides: how late it submits, and its processor time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from array import array
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from machines.harness.waiting import WaitedTooLong, wait_for
from pool.errors import PoolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future


class Ending(IntEnum):
    """How an operation ended, as the client knows it."""

    UNANSWERED = 0
    RETURNED = 1
    RAISED = 2  # what it was meant to raise
    WRONG = 3  # another result, or another exception
    LOST = 4  # with a worker on which it may have started, and must not start again
    FAILED = 5  # any other error
    REFUSED = 6


class Operations(Protocol):
    """What the client submits, by number."""

    def submit(self, number: int) -> Future[Any]:
        """The operation of this number is accepted."""

    def judge(self, number: int, future: Future[Any]) -> Ending:
        """How it ended, now that it has."""


class Client:
    """Submits so many operations, each when it is due.

    Attributes:
        dues: seconds from the beginning at which each is due.
        submits: seconds at which its submit began.
        ends: seconds at which it was answered; 0 if it was not.
        endings: how each ended, by the numbers of `Ending`.
        processor_s: seconds of processor time that submitting took this thread.
        began: when it began, by `time.perf_counter`.
        count: how many it has submitted; all later ones never were.

    Args:
        operations: what is submitted.
        dues: ascending.
    """

    def __init__(self, operations: Operations, dues: Sequence[float]) -> None:
        self.dues = array("d", dues)
        self.submits = array("d", bytes(8 * len(dues)))
        self.ends = array("d", bytes(8 * len(dues)))
        self.endings = bytearray(len(dues))
        self.processor_s = 0.0
        self.began = 0.0
        self.count = 0
        self._operations = operations
        self._over = threading.Event()

    def run(self) -> None:
        """Every operation was submitted, or refused; or somebody called `stop`."""
        clock, over, submit = time.perf_counter, self._over, self._operations.submit
        began = self.began = clock()
        processor = time.thread_time()
        for number, due in enumerate(self.dues):
            early = began + due - clock()
            if over.is_set() or (early > 0 and over.wait(early)):
                break
            self.count = number + 1
            self.submits[number] = clock() - began
            try:
                future = submit(number)
            except PoolError:
                self._note(number, Ending.REFUSED)
            else:
                future.add_done_callback(partial(self._done, number))
        self.processor_s = time.thread_time() - processor

    def stop(self) -> None:
        """Nothing more is submitted; from another thread."""
        self._over.set()

    def await_answers(self, limit_s: float) -> int:
        """All are answered, or have had their time; how many are not is returned.

        What was never submitted is forgotten.

        Args:
            limit_s: seconds.
        """
        with contextlib.suppress(WaitedTooLong):
            wait_for(lambda: not self.unanswered(), limit_s)
        for name in ("dues", "submits", "ends", "endings"):
            setattr(self, name, getattr(self, name)[: self.count])
        return self.unanswered()

    def unanswered(self) -> int:
        """How many of those that were submitted are not answered now."""
        return self.endings.count(Ending.UNANSWERED, 0, self.count)

    def _done(self, number: int, future: Future[Any]) -> None:
        self._note(number, self._operations.judge(number, future))

    def _note(self, number: int, ending: Ending) -> None:
        self.ends[number] = time.perf_counter() - self.began
        self.endings[number] = ending

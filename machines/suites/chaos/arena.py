"""The arena: one pool under load, and what whoever strikes it needs to know."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from machines.harness.ready import ready_of
from machines.harness.waiting import WaitedTooLong, wait_for

if TYPE_CHECKING:
    import random

    from machines.harness import Instance
    from machines.harness.relay import Relay
    from machines.suites.chaos.load import Load

RECOVERS_S: Final = 5.0
_LOOK_S: Final = 0.002


@frozen
class Mark:
    """Something was done to the pool.

    Attributes:
        at: seconds since the run began.
        words: what.
    """

    at: float
    words: str


@frozen
class Arena:
    """One pool under load.

    Attributes:
        instance: the isolated instance that the pool is of.
        load: its clients.
        chance: decides whom a blow strikes.
        began: when the run began, by the monotonic clock.
        over: set when the blows are to stop.
        marks: what was done, in order.
        killed: the numbers of the workers that were killed.
        struck: how often what was done.
        strengths: seconds that the pool took to be at full strength again, after each blow that
            took workers.
        readiness: how many workers were ready at which second of the run, each time that changed
            while somebody waited for them.
    """

    instance: Instance
    load: Load
    chance: random.Random
    began: float
    over: threading.Event = field(factory=threading.Event)
    marks: list[Mark] = field(factory=list)
    killed: set[int] = field(factory=set)
    struck: Counter[str] = field(factory=Counter)
    strengths: list[float] = field(factory=list)
    readiness: list[tuple[float, int]] = field(factory=list)

    @property
    def pool(self) -> Any:
        """The pool."""
        return self.instance.pool

    @property
    def relay(self) -> Relay:
        """Through which its workers' pipes lead."""
        relay = self.instance.relay
        assert relay is not None  # noqa: S101 - each chaos run's instance has one
        return relay

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def mark(self, words: str) -> None:
        """What was done is on record."""
        self.marks.append(Mark(self.now(), words))

    def pause(self, seconds: float) -> bool:
        """So many seconds have passed, or it is over; whether it is not."""
        self.over.wait(seconds)
        return not self.over.is_set()

    def hold(self, seconds: float) -> None:
        """So many seconds have passed, whether it is over or not: a blow is never cut short."""
        threading.Event().wait(seconds)

    def await_load(self) -> None:
        """All clients have come, and with that it is over."""
        self.load.join()
        self.over.set()

    def workers(self) -> dict[int, int]:
        """The process of each worker, by its number, in order."""
        return dict(sorted(self.pool.pids().items()))

    def kill(self, worker: int, pid: int) -> bool:
        """The worker's process got SIGKILL; whether there was one."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.killed.add(worker)
        self.struck["killed"] += 1
        return True

    def await_strength(self, without: set[int], limit_s: float) -> float:
        """The pool has as many ready workers as it should, or has had its time.

        Args:
            without: numbers of workers that are not counted, dead ones that it may not know of.
            limit_s: seconds that it gets.

        Returns:
            Seconds that it took; infinitely many if it was not so in time.
        """
        began, size = time.monotonic(), self.pool.config.size

        def whole() -> bool:
            ready: int = len(set(ready_of(self.pool.stats())) - without)
            if not self.readiness or self.readiness[-1][1] != ready:
                self.readiness.append((self.now(), ready))
            return bool(ready >= size)

        try:
            wait_for(whole, limit_s, _LOOK_S)
        except WaitedTooLong:
            return math.inf
        return time.monotonic() - began

    def recover(self, without: set[int]) -> None:
        """The pool is whole again after a blow, or it is on record that it was not.

        While frames are damaged as well it may never be, for a moment, until there is peace.
        """
        took = self.await_strength(without, RECOVERS_S)
        self.strengths.append(took)
        when = f"after {1000 * took:.0f} ms" if took < math.inf else "not yet"
        self.mark(f"full strength {when}")

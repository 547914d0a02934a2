"""Listening: which thread hears the workers, the loop's or a client's that waits anyway.

A client that waits for a task takes the lead: it hears all workers itself until its own task has
resolved, which spares every reply the way through the loop's thread, and the two threads each
other. When it leaves, the loop's thread listens again. Only if clients take the lead again and
again it waits for a moment (`LEASE_S`) before it does, so that the two do not take turns
thousands of times a second.

The workers' sockets are registered with a poller of their own, the ears; the loop's poller hears of
them through the ears' one descriptor, or, while a client leads, not at all.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from pool.poller import Poller
from pool.waker import Waker

if TYPE_CHECKING:
    from pool.crew import Source

# So long after a client left the lead the loop's thread waits for it, or another, to come back.
LEASE_S: Final = 0.001


# A wait for a worker that was shorter than this makes the next one look instead of sleep.
SHORT_S: Final = 0.0002


# An interrupt that comes just before a wait begins is seen by the interpreter only when it ends; so
# a client's wait, however long, is made of waits of at most so many seconds.
ATTENTION_S: Final = 0.5


class Listening:
    """Whose turn it is to listen. All but `wait` is called with the desk's lock held.

    Attributes:
        ears: hears the workers' sockets.
        leader: the identifier of the client's thread that listens; 0 if none does.
        followers: how many clients wait for their tasks while another leads.

    Args:
        poller: the loop's.
        waker: wakes the loop's thread.
    """

    def __init__(self, poller: Poller[Any], waker: Waker) -> None:
        self.ears: Poller[Source | None] = Poller()
        self.leader = 0
        self.followers = 0
        self._poller = poller
        self._waker = waker
        self._nudge = Waker()
        self._ended = False
        self._attached = False
        self._watched = False
        self._left_at = -LEASE_S
        self._short = False
        self.ears.register(self._nudge.fileno(), None)
        self._attach()

    @property
    def possible(self) -> bool:
        """Whether this system lets a client's thread take the lead."""
        return self.ears.shared

    def lead(self, thread: int) -> bool:
        """Whether this thread leads from now on, until it leaves.

        Args:
            thread: its identifier.
        """
        if self.leader or self._ended:
            return False
        self.leader = thread
        if self._attached:
            self._attached = False
            self._poller.unregister(self.ears.fileno())
        return True

    def wait(self, timeout: float | None) -> list[tuple[Source | None, int]]:
        """What the workers' sockets have to say is returned; for the leader, without the lock.

        A wait that is short costs less if the thread does not sleep: it would take longer to wake
        up than the worker takes to answer. So as long as waits are short it looks again and again,
        for no longer than a wait may be to be called short, and lets others run in between.

        Args:
            timeout: seconds to wait, and at most `ATTENTION_S` of them; None for that.
        """
        began = time.monotonic()
        if self._short:
            while time.monotonic() - began < SHORT_S:
                told_of = self.ears.wait(0.0)
                if told_of:
                    return told_of
                os.sched_yield()
        told_of = self.ears.wait(ATTENTION_S if timeout is None else min(timeout, ATTENTION_S))
        self._short = time.monotonic() - began < SHORT_S
        return told_of

    def leave(self, now: float) -> None:
        """Nobody leads; the loop's thread listens, at once or when the lease is over.

        Args:
            now: seconds of the loop's clock.
        """
        self.leader = 0
        often = now - self._left_at < LEASE_S
        self._left_at = now
        if self._ended:
            self.close()
        elif not often or self.followers:
            self._attach()
        elif not self._watched:
            self._watched = True
            self._waker.wake()

    def nudge(self, thread: int) -> None:
        """The leader looks whether its task has resolved, unless it is this thread."""
        if self.leader and self.leader != thread:
            self._nudge.wake()

    def nudged(self) -> None:
        """The leader has seen that it was nudged."""
        self._nudge.drain()

    def mind(self, now: float) -> float | None:
        """The loop's thread listens if it should by now; when it must look again is returned.

        Args:
            now: seconds of the loop's clock.
        """
        self._watched = False
        if self._attached or self.leader:
            return None
        until = self._left_at + LEASE_S
        if now >= until:
            self._attach()
            return None
        self._watched = True
        return until

    def end(self) -> None:
        """Nobody takes the lead any more, and who has it is nudged; then all is closed."""
        self._ended = True
        if self.leader:
            self._nudge.wake()
        else:
            self.close()

    def close(self) -> None:
        """Every descriptor is closed; closing twice is no error."""
        self.ears.close()
        self._nudge.close()

    def _attach(self) -> None:
        if self.possible and not self._attached:
            self._attached = True
            self._poller.register(self.ears.fileno(), self.ears)

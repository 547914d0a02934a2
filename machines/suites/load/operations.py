"""Operations: what a load is made of, and what each must return or raise."""

from __future__ import annotations

import random
from concurrent.futures import CancelledError
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from machines.bench.work import noop
from machines.suites import work
from machines.suites.load.client import Ending
from pool.errors import SessionLost, WorkerLost

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pool import Pool

SESSIONS: Final = 64
RETRIES: Final = 3
CHAINS: Final = 16


class What(StrEnum):
    """One kind of operation."""

    READ = "read"
    WRITE = "write"
    COMPLEX = "complex"
    ONCE = "once"
    AGAIN = "again"
    RAISE = "raise"


# Shares in percent. Issue 8 names the first mix; the second has of each what a death can befall.
MIXED: Final = {What.READ: 70, What.WRITE: 20, What.COMPLEX: 10}
UNDER_FIRE: Final = {What.ONCE: 30, What.AGAIN: 60, What.RAISE: 10}


class NoOps:
    """Nothing but no-ops.

    Args:
        pool: where they are submitted.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def submit(self, _: int) -> Future[None]:
        """A no-op is accepted."""
        return self._pool.submit(noop)

    def judge(self, _: int, future: Future[Any]) -> Ending:
        """Whether it returned None."""
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            return Ending.FAILED
        return Ending.RETURNED if future.result() is None else Ending.WRONG


class Mixture:
    """Operations of several kinds, in an order that the seed fixes.

    Attributes:
        kinds: what each is.

    Args:
        pool: where they are submitted.
        count: how many.
        shares: percent of each kind.
        seed: fixes the order, and whose session each is of.
    """

    def __init__(self, pool: Pool, count: int, shares: dict[What, int], seed: int) -> None:
        chance = random.Random(f"{seed}/load")  # noqa: S311 - nothing is secret
        self.kinds = chance.choices(list(shares), list(shares.values()), k=count)
        sessions = SESSIONS if {What.READ, What.WRITE} & set(shares) else 0
        self._owners = [chance.randrange(max(sessions, 1)) for _ in range(count)]
        self._pool = pool
        self._again = pool.options(idempotent=True, retries=RETRIES)
        self._sessions = [pool.session(f"load-{number}") for number in range(sessions)]
        self._writes = [0] * sessions
        self._chains = [work.compute(seed) for seed in range(CHAINS)]
        self._due: dict[int, Any] = {}

    def submit(self, number: int) -> Future[Any]:
        """The operation is accepted; what it must answer is known from here on."""
        kind, owner = self.kinds[number], self._owners[number]
        if kind is What.READ:
            self._due[number] = self._writes[owner]
            return self._sessions[owner].submit(work.read)
        if kind is What.WRITE:
            self._writes[owner] += 1
            self._due[number] = self._writes[owner]
            return self._sessions[owner].submit(work.write)
        if kind is What.RAISE:
            return self._pool.submit(work.refuse, number)
        if kind is What.COMPLEX:
            return self._pool.submit(work.compute, number % CHAINS)
        pool = self._again if kind is What.AGAIN else self._pool
        return pool.submit(abs, -number)

    def judge(self, number: int, future: Future[Any]) -> Ending:
        """Whether it returned what it must, raised what it must, or was lost as it may be."""
        kind, due = self.kinds[number], self._due.pop(number, None)
        try:
            error = future.exception()
        except CancelledError:
            return Ending.FAILED
        if error is not None:
            return self._judge_error(number, error)
        if kind is What.RAISE:
            return Ending.WRONG
        if kind is What.COMPLEX:
            due = self._chains[number % CHAINS]
        elif kind in (What.ONCE, What.AGAIN):
            due = number
        return Ending.RETURNED if future.result() == due else Ending.WRONG

    def _judge_error(self, number: int, error: BaseException) -> Ending:
        kind = self.kinds[number]
        if isinstance(error, work.Refused):
            return Ending.RAISED if kind is What.RAISE and error.args == (number,) else Ending.WRONG
        may_be_lost = kind is not What.AGAIN and isinstance(error, WorkerLost | SessionLost)
        return Ending.LOST if may_be_lost and error.started else Ending.FAILED  # type: ignore[attr-defined]

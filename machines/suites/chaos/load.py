"""The load of a chaos run: clients that come at their own time, whatever the pool is doing.

Arrivals are open-loop: each is due at its own moment, and its latency is counted from then, so that
a pool that stands still is not spared those who would have come meanwhile.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import field, frozen

from machines.suites.chaos import work
from machines.suites.chaos.ledger import Wish
from pool.errors import PoolError, SessionLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from machines.suites.chaos.ledger import Ledger

RETRIES: Final = 3
DEADLINE_S: Final = 5.0
SESSIONS: Final = 6
IN_FLIGHT_MAX: Final = 64
LIMIT_S: Final = 30.0


@frozen
class Mix:
    """What clients want, each with its weight.

    Attributes:
        short: tasks that may start once.
        again: tasks that may start again.
        linger: tasks that take their time, half of which may start again.
        fail: tasks that raise.
        session: tasks of sessions.
        timed: tasks with a deadline.
    """

    short: float = 40.0
    again: float = 25.0
    linger: float = 10.0
    fail: float = 5.0
    session: float = 20.0
    timed: float = 0.0


@frozen
class Load:
    """So many operations a second, from a thread of its own.

    Attributes:
        pool: where they are submitted.
        ledger: where they are written down.
        notes: where workers note that they start.
        rate: operations a second.
        mix: what they are.
        seed: fixes which comes when.
        tasks: so many are accepted, as fast as the pool takes them, and then no more; else they
            come at the rate until they are stopped.
    """

    pool: Any
    ledger: Ledger
    notes: Path
    rate: float
    mix: Mix = field(factory=Mix)
    seed: int = 0
    tasks: int | None = None
    sessions: list[Any] = field(factory=list, init=False)
    lives: list[int] = field(factory=list, init=False)
    failures: list[BaseException] = field(factory=list, init=False)
    _over: threading.Event = field(factory=threading.Event, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)

    def start(self) -> None:
        """Clients come."""
        self.sessions.extend(self.pool.session(number) for number in range(SESSIONS))
        self.lives.extend([0] * SESSIONS)
        thread = threading.Thread(target=self._run, name="chaos-load")
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Nobody comes any more."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def join(self) -> None:
        """All have come, if there is an end to them."""
        for thread in self._threads:
            thread.join()

    def wish(self, wish: Wish, intended: float | None = None) -> int:
        """The task was submitted, or refused; its number is returned.

        Of one session's tasks the numbers are in the order submitted, whoever submits them, and
        each belongs to the life that the session has then.
        """
        due = time.monotonic() if intended is None else intended
        if wish.session < 0:
            view = self.pool.options(
                deadline=wish.deadline, idempotent=wish.retries > 0, retries=wish.retries or None
            )
            return self._submit(wish, due, partial(view.submit, work.perform))
        with self._lock:
            wish = attrs.evolve(wish, life=self.lives[wish.session])
            submit = partial(self.sessions[wish.session].submit, work.perform_in)
            return self._submit(wish, due, submit)

    def in_session(self, session: int, name: str = "short", size: int = 0) -> Wish:
        """A wish of that session."""
        return Wish(name, session=session, size=size)

    def _submit(self, wish: Wish, due: float, submit: Callable[..., Any]) -> int:
        number = self.ledger.begin(wish, due)
        try:
            future = submit(str(self.notes), number, wish.work, wish.size)
        except PoolError as error:
            self.ledger.refuse(number, error)
            if isinstance(error, SessionLost):
                self._reopen(wish.session)
        else:
            self.ledger.accepted(number, future)
        return number

    def _reopen(self, session: int) -> None:
        """The session takes tasks again; the next of its tasks is refused if it does not."""
        with contextlib.suppress(PoolError):
            self.sessions[session].reopen()
            self.lives[session] += 1

    def _run(self) -> None:
        try:
            self._arrive()
        except BaseException as error:  # `stop` raises it
            self.failures.append(error)

    def _arrive(self) -> None:
        chance = random.Random(f"{self.seed}/load")  # noqa: S311 - nothing here is a secret
        names = [name for name, weight in _weights(self.mix).items() if weight > 0]
        weights = [_weights(self.mix)[name] for name in names]
        began, at = time.monotonic(), 0
        while self.ledger.accepted_count != self.tasks and not self._over.is_set():
            due = began + at / self.rate
            if self.tasks is not None:
                self.ledger.await_fewer(IN_FLIGHT_MAX, LIMIT_S)
                due = time.monotonic()
            elif self._over.wait(max(0.0, due - time.monotonic())):
                return
            name = chance.choices(names, weights)[0]
            self.wish(self._wish(name, chance), due)
            at += 1

    def _wish(self, name: str, chance: random.Random) -> Wish:
        if name == "session":
            return self.in_session(chance.randrange(SESSIONS))
        if name == "linger":
            return Wish("linger", retries=RETRIES if chance.random() < 0.5 else 0)
        if name == "again":
            return Wish(retries=RETRIES)
        if name == "timed":
            return Wish(deadline=DEADLINE_S)
        return Wish(name)


def _weights(mix: Mix) -> Mapping[str, float]:
    names = ("short", "again", "linger", "fail", "session", "timed")
    return {name: getattr(mix, name) for name in names}

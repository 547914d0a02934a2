"""Bugs that live only in the production loop, planted to see free runs find them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import attrs
from attrs import frozen

from pool import Pool
from pool import events as told
from pool.crew import Crew
from pool.desk import Desk
from pool.listening import Listening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pool import PoolConfig
    from pool import effects as do
    from pool.teller import Concluded


OVERTAKEN_S: Final = 0.001


class _AnswersOnlyTheFirst(Desk):
    def conclude(self, concluded: Concluded) -> None:
        super().conclude(concluded[:1])


class _AnswersTwice(Desk):
    def conclude(self, concluded: Concluded) -> None:
        super().conclude(concluded)
        for future, _ in concluded:
            future._invoke_callbacks()  # type: ignore[attr-defined]  # noqa: SLF001 - the bug


class _SwapsAnswers(Desk):
    def conclude(self, concluded: Concluded) -> None:
        if len(concluded) > 1:
            (one, first), (other, second) = concluded[:2]
            concluded[:2] = [(one, second), (other, first)]
        super().conclude(concluded)


class _OpensEveryTime(Crew):
    def send_task(self, effect: do.SendTask, payload: Any) -> None:
        super().send_task(attrs.evolve(effect, opens=effect.session is not None), payload)


class _TakesNothingBack(Desk):
    def _recall(self, effect: do.RecallTasks) -> told.Event:
        ahead = tuple(task.number for task in self.core.workers[effect.worker].ahead)
        return told.TasksRecalled(effect.worker, ahead)


class _FiresWhatWasCleared(Desk):
    """As the loop did once: what it has taken may be cleared before the core is told."""

    def fire_timer(self) -> bool:
        with self.lock:
            timer = self.timers.take(time.monotonic())
        if timer is not None:
            threading.Event().wait(OVERTAKEN_S)
            self.tell(told.TimerFired(timer))
        return timer is not None


class _StaysOpen(Listening):
    def end(self) -> None:
        os.dup(self.ears.fileno())  # nobody will close this one
        super().end()


class _AllLead(Listening):
    def lead(self, thread: int) -> bool:
        super().lead(thread)
        return not self._ended


class _HearsWithoutTheLock(Desk):
    """Whoever listens reads the workers' sockets before it takes the lock, and may be overtaken."""

    def hear(self, told_of: Any, future: Any = None) -> bool:
        news: list[told.Event] = []
        for source, _ in told_of:
            if source is not None:
                news += self.crew.news(source)
        if news:
            threading.Event().wait(OVERTAKEN_S)
            self.tell(*news)
        return super().hear([pair for pair in told_of if pair[0] is None], future)


@frozen
class Planted:
    """A bug in the production loop.

    Attributes:
        where: the names that are replaced, and by what.
        words: what it does, in a clause.
        shows_as: the promises of which at least one is seen broken.
    """

    where: Mapping[str, Any]
    words: str
    shows_as: list[str]

    def make(self, config: PoolConfig) -> Pool:
        """A pool with the bug in it."""
        with contextlib.ExitStack() as stack:
            for name, bug in self.where.items():
                stack.enter_context(mock.patch(name, bug))
            return Pool(config=config)


def _planted(words: str, shows_as: str, **where: Any) -> Planted:
    names = {name.replace("_", ".", 1): bug for name, bug in where.items()}
    return Planted({f"pool.{name}": bug for name, bug in names.items()}, words, shows_as.split())


PLANTED: Final[dict[str, Planted]] = {
    "answers-only-the-first": _planted(
        "of several answers only one is given", "S1", loop_Desk=_AnswersOnlyTheFirst
    ),
    "answers-twice": _planted("every client is told twice", "S1", loop_Desk=_AnswersTwice),
    "swaps-answers": _planted(
        "two answers go to each other's clients", "S1 S2", loop_Desk=_SwapsAnswers
    ),
    "opens-every-time": _planted(
        "a session's state is silently new each time", "S6", teller_Crew=_OpensEveryTime
    ),
    "takes-nothing-back": _planted(
        "what was sent ahead is not taken back", "S3 S4 record", loop_Desk=_TakesNothingBack
    ),
    "fires-what-was-cleared": _planted(
        "a timer fires that another thread has just cleared",
        "record",
        loop_Desk=_FiresWhatWasCleared,
    ),
    "stays-open": _planted(
        "a descriptor is left when the pool has ended", "S13", teller_Listening=_StaysOpen
    ),
    "all-lead": _planted(
        "clients race to lead, and one tells later what it read earlier",
        "S1 record",
        loop_Desk=_HearsWithoutTheLock,
        teller_Listening=_AllLead,
    ),
}

"""Planted bugs in who waits for whom: nothing more can happen, or the same for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool import effects as do
from pool.core import Core
from pool.events import Timer, TimerKind
from pool.lifecycle import WorkerState
from pool.recovery import Category, Strategy

if TYPE_CHECKING:
    from pool.sessions import Session
    from pool.state import Task, Worker

_BACK_OFF_S: Final = 1.0


class _Embrace(Core):
    """A session is placed when its first task goes to an idle worker; this one is never idle."""

    def _accept_for(self, session: Session, task: Task, deadline: float | None) -> None:
        super()._accept_for(session, task, deadline)
        busy = [w for w in self.workers.values() if w.state is WorkerState.BUSY]
        if session.worker is None and busy and not self.idle:
            self._put(task, busy[0].queue)
            self.queued += 1

    def _rest(self, worker: Worker) -> None:
        first = next(iter(worker.queue.values()), None)
        if first is None or first.session is None or first.session.worker is worker:
            super()._rest(worker)


class _RestsForEver(Core):
    """When a back-off is over another begins, and the task is never handed out again."""

    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        again = super()._try_again(task, category, started=started)
        if task.place is self.returning:
            self._put(task, self.resting)
            self._rested(task)
        return again

    def _rested(self, task: Task) -> None:
        number, strategy = task.number, Strategy.BACKOFF_RETRY
        self._out.append(do.RetryPlanned(number, task.attempt, _BACK_OFF_S, strategy))
        self._out.append(do.SetTimer(Timer(TimerKind.RETRY, number), self._now + _BACK_OFF_S))


WAITING: Final = (
    Mutant(
        "deadly-embrace",
        "L1",
        "a session waits for a worker to be idle that waits for the session to be placed",
        Parts(core=_Embrace),
    ),
)
# No run comes to an end that could show it; the complete search sees that it goes round.
ENDLESS: Final = Mutant(
    "plans-for-ever",
    "L1",
    "a retry that is due is planned again, and never made",
    Parts(core=_RestsForEver),
)

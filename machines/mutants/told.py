"""Planted bugs in what is told of errors, in what is done at once, and in what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.core import Core
from pool.effects import ClearTimer, RetryPlanned, Trouble
from pool.events import Timer, TimerKind
from pool.lifecycle import WorkerState
from pool.recovery import Category, Treatment

if TYPE_CHECKING:
    from pool.lifecycle import Because
    from pool.state import Task, Worker


class _AlwaysReplaced(Core):
    def _report(self, worker: Worker, because: Because, detail: str) -> None:
        super()._report(worker, because, detail)
        told = self._out[-1]
        if isinstance(told, Trouble) and told.treatment is Treatment.DEGRADE:
            self._out[-1] = attrs.evolve(told, treatment=Treatment.REPLACE)


class _Unexplained(Core):
    def _lose_sessions(self, worker: Worker, detail: str) -> None:
        super()._lose_sessions(worker, "")


class _AlwaysAnExit(Core):
    def _report(self, worker: Worker, because: Because, detail: str) -> None:
        super()._report(worker, because, "it exited")


class _NeverAllAtOnce(Core):
    def _touches_all(self) -> bool:
        return False


class _BacksOffTwice(Core):
    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        if not started:
            return super()._try_again(task, category, started=started)
        task.starts += 1
        tried = super()._try_again(task, category, started=True)
        task.starts -= 1
        return tried


class _CountsFromNought(Core):
    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        tried = super()._try_again(task, category, started=started)
        self._out[:] = [
            attrs.evolve(told, attempt=told.attempt - 1) if isinstance(told, RetryPlanned) else told
            for told in self._out
        ]
        return tried


class _ForgottenAfterIllness(Core):
    def _check_answered(self, worker: Worker, *, heavy: bool) -> None:
        unwell = worker.state is WorkerState.DEGRADED
        super()._check_answered(worker, heavy=heavy)
        if unwell and worker in self.idle:
            self.idle.remove(worker)


class _OneShort(Core):
    def _staff_up(self) -> None:
        if len(self.workers) != self.config.size - 1 or self.started < self.config.size:
            super()._staff_up()


class _ChecksOnce(Core):
    def _watch_health(self) -> None:
        if self._now == 0.0:
            super()._watch_health()


class _ReopenedLivesForEver(Core):
    def _reopen_session(self, number: int) -> None:
        super()._reopen_session(number)
        timer = Timer(TimerKind.SESSION, number)
        self._out.append(ClearTimer(timer))


class _EarlyCheck(Core):
    def _check(self, worker: Worker) -> None:
        super()._check(worker)
        if worker.missed:
            self._check_missed(worker)


class _NeverReopens(Core):
    def _reopen_session(self, number: int) -> None:
        if number not in self.sessions:
            super()._reopen_session(number)


class _DeafToClosing(Core):
    def _close_session(self, number: int) -> None:
        session = self.sessions.get(number)
        if session is not None and not session.pending:
            super()._close_session(number)


class _SessionsGather(Core):
    def _choose(self) -> Worker:
        return self.idle[-1] if self.config.strategy == "lifo" else self.idle[0]


class _AlwaysLifo(Core):
    def _choose(self) -> Worker:
        return self.idle[-1] if not self.placed else super()._choose()


TOLD: Final = (
    Mutant(
        "always-replaced",
        "S15",
        "of a degraded worker it is told that it will be replaced",
        Parts(core=_AlwaysReplaced),
    ),
    Mutant(
        "never-all-at-once",
        "S15",
        "a loss that leaves no worker of several untouched is told as any other",
        Parts(core=_NeverAllAtOnce),
    ),
    Mutant(
        "backs-off-twice",
        "S15",
        "the wait before a retry is that of the one after it",
        Parts(core=_BacksOffTwice),
    ),
    Mutant(
        "attempts-from-nought",
        "S15",
        "the attempts that are told begin with 0",
        Parts(core=_CountsFromNought),
    ),
    Mutant(
        "forgotten-after-illness",
        "S16",
        "a worker that is well again gets no work",
        Parts(core=_ForgottenAfterIllness),
    ),
    Mutant(
        "one-short",
        "S16",
        "the last missing worker is not started",
        Parts(core=_OneShort),
    ),
    Mutant(
        "checks-once",
        "S17",
        "health checks come round once and never again",
        Parts(core=_ChecksOnce),
    ),
    Mutant(
        "reopened-lives-for-ever",
        "S17",
        "the time to live of a session that was reopened never runs",
        Parts(core=_ReopenedLivesForEver),
    ),
    Mutant(
        "impatient-checks",
        "S17",
        "a worker that missed one health check is not given the time for the next",
        Parts(core=_EarlyCheck),
    ),
    Mutant(
        "never-reopens",
        "S18",
        "a lost session that its client wants again stays lost",
        Parts(core=_NeverReopens),
    ),
    Mutant(
        "deaf-to-closing",
        "S18",
        "a session with tasks that wait is not closed",
        Parts(core=_DeafToClosing),
    ),
    Mutant(
        "sessions-gather",
        "S19",
        "a worker that has sessions is chosen like any other",
        Parts(core=_SessionsGather),
    ),
    Mutant(
        "always-lifo",
        "S19",
        "the last worker that became free is chosen, whatever is configured",
        Parts(core=_AlwaysLifo),
    ),
    Mutant(
        "loss-unexplained",
        "S20",
        "a session's tasks that wait are told that it is lost, and not why",
        Parts(core=_Unexplained),
    ),
    Mutant(
        "always-an-exit",
        "S20",
        "whatever became of a worker is told as its exit",
        Parts(core=_AlwaysAnExit),
    ),
)

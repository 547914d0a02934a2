"""Planted bugs in what becomes of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.core import Core
from pool.effects import SendTask
from pool.sessions import SessionBecause, SessionState

if TYPE_CHECKING:
    from pool.sessions import Session
    from pool.state import Task, Worker


class _MovesHouse(Core):
    def _session_task_ended(self, session: Session) -> None:
        super()._session_task_ended(session)
        if session.pending == 0 and session.state is SessionState.PLACED:
            self._evict(session)
            session.state = SessionState.OPENED


class _YoungestFirst(Core):
    def _checkout(self, worker: Worker, task: Task) -> None:
        if task.place is worker.queue:
            task = next(reversed(worker.queue.values()))
        super()._checkout(worker, task)


class _AnothersState(Core):
    def _send(self, worker: Worker) -> None:
        super()._send(worker)
        sent = self._out[-1]
        if isinstance(sent, SendTask) and sent.session is not None and not sent.opens:
            others = [number for number, s in worker.sessions.items() if s.sent]
            self._out[-1] = attrs.evolve(sent, session=min(others))


class _SilentlyEmpty(Core):
    def _lose_sessions(self, worker: Worker, detail: str) -> None:
        lost = list(worker.sessions.values())
        super()._lose_sessions(worker, detail)
        for session in lost:
            if session.state is SessionState.LOST:
                self._move_session(session, SessionBecause.REOPENED)
                session.state = SessionState.OPENED


class _WaitsForTheDead(Core):
    def _lose_sessions(self, worker: Worker, detail: str) -> None:
        del detail
        for session in list(worker.sessions.values()):
            for task in [task for task in worker.queue.values() if task.session is session]:
                del worker.queue[task.number]
                task.place = self.waiting
                self.waiting[task.number] = task
            self._evict(session)
            self._move_session(session, SessionBecause.WORKER_LOST)


SESSIONS: Final = (
    Mutant(
        "moves-house",
        "S5",
        "a session that has nothing to do may go on with another worker",
        Parts(core=_MovesHouse),
    ),
    Mutant(
        "youngest-first",
        "S5",
        "of a session's waiting tasks the youngest goes first",
        Parts(core=_YoungestFirst),
    ),
    Mutant(
        "anothers-state",
        "S6",
        "a task is handed the state of the eldest session on its worker",
        Parts(core=_AnothersState),
    ),
    Mutant(
        "silently-empty",
        "S7",
        "a session whose worker was lost is opened again by itself",
        Parts(core=_SilentlyEmpty),
    ),
    Mutant(
        "waits-for-the-dead",
        "S7",
        "the waiting tasks of a lost session wait on",
        Parts(core=_WaitsForTheDead),
    ),
)

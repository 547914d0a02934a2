"""Sessions as the core keeps them: one literal table, and what is remembered of each.

A session is opened by a client, placed on a worker with its first task, and stays there: its
state is a dict that lives in that worker. When the worker is lost the session is lost, loudly,
until the client opens it again (S7).

Source: design, "Promises", S5 to S7.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import define

from pool import effects as do
from pool.effects import Ending, Refusal
from pool.errors import LifecycleError
from pool.events import Timer, TimerKind
from pool.state import Phase
from pool.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pool.config import PoolConfig
    from pool.state import Task, Worker


class SessionState(StrEnum):
    """Where in its life a session is."""

    OPENED = "opened"
    PLACED = "placed"
    LOST = "lost"
    CLOSING = "closing"
    CLOSED = "closed"


class SessionBecause(StrEnum):
    """What moved a session."""

    FIRST_TASK = "first_task"
    WORKER_LOST = "worker_lost"
    REOPENED = "reopened"
    CLOSE_REQUESTED = "close_requested"
    DRAINED = "drained"
    EXPIRED = "expired"
    SHUTDOWN = "shutdown"


_OPENED, _PLACED, _LOST, _CLOSING, _CLOSED = SessionState

SESSIONS: Final[Mapping[SessionState, Mapping[SessionBecause, SessionState]]] = {
    _OPENED: {
        SessionBecause.FIRST_TASK: _PLACED,  # S5: from now on this worker and no other
        SessionBecause.CLOSE_REQUESTED: _CLOSING,
        SessionBecause.EXPIRED: _CLOSED,
        SessionBecause.SHUTDOWN: _CLOSED,
    },
    _PLACED: {
        SessionBecause.WORKER_LOST: _LOST,  # S7
        SessionBecause.CLOSE_REQUESTED: _CLOSING,
        SessionBecause.EXPIRED: _CLOSED,
        SessionBecause.SHUTDOWN: _CLOSED,
    },
    _LOST: {
        SessionBecause.REOPENED: _OPENED,
        SessionBecause.CLOSE_REQUESTED: _CLOSING,
        SessionBecause.EXPIRED: _CLOSED,
        SessionBecause.SHUTDOWN: _CLOSED,
    },
    _CLOSING: {
        SessionBecause.FIRST_TASK: _CLOSING,  # what was submitted before still runs
        SessionBecause.WORKER_LOST: _CLOSING,
        SessionBecause.DRAINED: _CLOSED,
    },
    _CLOSED: {},
}


def next_state(number: int, state: SessionState, because: SessionBecause) -> SessionState:
    """The state after the row that fires is returned; nothing is changed.

    Args:
        number: the session's number, for the error's sake.
        state: the state that the session is in.
        because: what happened.

    Raises:
        LifecycleError: the state has no row for this.
    """
    after = SESSIONS[state].get(because)
    if after is None:
        legal = ", ".join(sorted(SESSIONS[state])) or "nothing"
        raise LifecycleError(f"session {number} cannot take {because} in {state}; legal: {legal}")
    return after


@define(eq=False)
class Session:
    """What the core remembers of one session.

    Attributes:
        worker: where its state lives, or will once its first task is sent.
        pending: how many of its accepted tasks are unresolved.
        sent: how many of its tasks were sent to this worker.
    """

    number: int
    state: SessionState = SessionState.OPENED
    worker: Worker | None = None
    pending: int = 0
    sent: int = 0


class Sessions(Tasks):
    """The part of the core that opens sessions, places them, loses them and lets them go.

    Args:
        config: the pool's configuration.
    """

    def __init__(self, config: PoolConfig) -> None:
        super().__init__(config)
        self.sessions: dict[int, Session] = {}
        self.placed = 0  # how many live on a worker

    def _open_session(self, number: int) -> None:
        """The session is open, or lost and to be reopened, or refused."""
        if not self._session_refused(number) and number not in self.sessions:
            self.sessions[number] = Session(number)
            self._session_rests(self.sessions[number])

    def _reopen_session(self, number: int) -> None:
        """A lost session is open again, with a state of its own; one that is open stays so."""
        session = self.sessions.get(number)
        if session is None or session.state is not SessionState.LOST:
            self._open_session(number)
        elif not self._session_refused(number):
            self._move_session(session, SessionBecause.REOPENED)
            self._session_rests(session)

    def _session_refused(self, number: int) -> bool:
        session = self.sessions.get(number)
        if self.phase is Phase.BROKEN:
            why = Refusal.BROKEN
        elif self.phase is not Phase.OPEN:
            why = Refusal.SHUTDOWN
        elif session is not None and session.state is SessionState.CLOSING:
            why = Refusal.SESSION_LOST  # its last tasks still run; a new one needs a new number
        else:
            return False
        self._out.append(do.RefuseSession(number, why))
        return True

    def _close_session(self, number: int) -> None:
        session = self.sessions.get(number)
        if session is None or session.state is SessionState.CLOSING:
            return
        self._move_session(session, SessionBecause.CLOSE_REQUESTED)
        self._session_rests(session)

    def _usable(self, number: int) -> Session | None:
        """The session, if it takes tasks now."""
        session = self.sessions.get(number)
        if session is None or session.state not in (SessionState.OPENED, SessionState.PLACED):
            return None
        return session

    def _session_expired(self, number: int) -> None:
        """The session's time to live is over, unless a task came for it meanwhile."""
        session = self.sessions.get(number)
        if session is not None and session.pending == 0:
            self._move_session(session, SessionBecause.EXPIRED)

    def _accept_for(self, session: Session, task: Task, deadline: float | None) -> None:
        """The task waits for its session's worker, or for any if the session has none."""
        task.session = session
        if session.pending == 0 and self.config.session_ttl is not None:
            self._out.append(do.ClearTimer(Timer(TimerKind.SESSION, session.number)))
        session.pending += 1
        worker = session.worker
        self._accept(task, self.waiting if worker is None else worker.queue, deadline)

    def _session_task_ended(self, session: Session) -> None:
        session.pending -= 1
        self._session_rests(session)

    def _session_rests(self, session: Session) -> None:
        """Without a task a session that is closing is closed, and another's time to live runs."""
        if session.pending:
            return
        if session.state is SessionState.CLOSING:
            self._move_session(session, SessionBecause.DRAINED)
        elif self.config.session_ttl is not None:
            timer = Timer(TimerKind.SESSION, session.number)
            self._out.append(do.SetTimer(timer, self._now + self.config.session_ttl))

    def _place_session(self, session: Session, worker: Worker) -> None:
        """The session lives on this worker; those of its tasks that wait, wait for it alone."""
        session.worker = worker
        session.sent = 0
        worker.sessions[session.number] = session
        self.placed += 1
        self._move_session(session, SessionBecause.FIRST_TASK)
        if session.pending > 1:
            siblings = [task for task in self.waiting.values() if task.session is session]
            both = sorted([*worker.queue.values(), *siblings], key=lambda task: task.order)
            for task in siblings:
                del self.waiting[task.number]
                task.place = worker.queue
            worker.queue.clear()
            worker.queue.update((task.number, task) for task in both)

    def _lose_sessions(self, worker: Worker, detail: str) -> None:
        """Every session of a worker that is gone is lost, and says so to whoever waits."""
        for session in list(worker.sessions.values()):
            self._evict(session)
            self._move_session(session, SessionBecause.WORKER_LOST)
        for task in list(worker.queue.values()):
            self._resolve(task, Ending.SESSION_LOST, detail=detail)

    def _end_sessions(self, sessions: dict[int, Session]) -> None:
        """The pool ends, and these with it."""
        for session in list(sessions.values()):
            self._move_session(session, SessionBecause.SHUTDOWN)

    def _evict(self, session: Session) -> Worker | None:
        worker, session.worker = session.worker, None
        if worker is not None:
            del worker.sessions[session.number]
            self.placed -= 1
        return worker

    def _move_session(self, session: Session, because: SessionBecause) -> None:
        """The one place where a session's state changes."""
        before = session.state
        after = next_state(session.number, before, because)
        session.state = after
        self._out.append(do.SessionMoved(session.number, before, because, after))
        if after is not SessionState.CLOSED:
            return
        del self.sessions[session.number]
        if self.config.session_ttl is not None:
            self._out.append(do.ClearTimer(Timer(TimerKind.SESSION, session.number)))
        worker = self._evict(session)
        if worker is not None and because is not SessionBecause.SHUTDOWN:
            self._drop_state(session, worker)

    @abstractmethod
    def _drop_state(self, session: Session, worker: Worker) -> None:
        """The worker forgets the state of a session that has ended."""

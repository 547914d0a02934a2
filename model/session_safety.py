"""The safety promises about sessions: where their tasks run, what they see, how they are lost.

Each class is one promise of the design and quotes it.
"""

from __future__ import annotations

from attrs import define, field

from model import history as saw
from model import session as lifecycle
from model.checker import Checker, Watches


class OneWorkerInOrder(Checker):
    """S5: from its first task on a session stays where it is, and its tasks keep their order."""

    promise = "S5"
    words = "a session's tasks run on one worker, in the order submitted"

    def __init__(self) -> None:
        super().__init__()
        self._session_of: dict[int, int] = {}
        self._worker: dict[int, int] = {}
        self._unresolved: dict[int, list[int]] = {}
        self._passed: dict[int, int] = {}

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Resolved: self._resolved,
            saw.SessionMoved: self._moved,
        }

    def _submitted(self, record: saw.Submitted) -> None:
        if record.session is not None:
            self._session_of[record.task] = record.session
            self._unresolved.setdefault(record.session, []).append(record.task)

    def _assigned(self, record: saw.Assigned) -> str | None:
        session = self._session_of.get(record.task)
        if session is None:
            return None
        what = f"task {record.task} of session {session}"
        worker = self._worker.setdefault(session, record.worker)
        if worker != record.worker:
            return f"{what} was sent to worker {record.worker}, but the session lives on {worker}"
        if record.task in self._passed:
            last = self._passed[record.task]
            return f"{what} was sent after task {last}, which was submitted later"
        unresolved = self._unresolved[session]
        for earlier in unresolved[: unresolved.index(record.task)]:
            self._passed[earlier] = record.task
        return None

    def _resolved(self, record: saw.Resolved) -> None:
        session = self._session_of.pop(record.task, None)
        self._passed.pop(record.task, None)
        if session is not None:
            self._unresolved[session].remove(record.task)
            if not self._unresolved[session]:
                del self._unresolved[session]

    def _moved(self, record: saw.SessionMoved) -> None:
        if record.because in ("worker_lost", "reopened") or record.after == lifecycle.LAST:
            self._worker.pop(record.session, None)


class OwnState(Checker):
    """S6: in its session's state a task finds what that session's tasks left there, all of it."""

    promise = "S6"
    words = "a task sees its own session's state and no other's, also after the worker is reused"

    def __init__(self) -> None:
        super().__init__()
        self._session_of: dict[int, int] = {}
        self._left: dict[int, tuple[int, ...]] = {}
        self._due: dict[int, tuple[int, ...]] = {}

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.Started: self._started,
            saw.Found: self._found,
            saw.SessionMoved: self._moved,
        }

    def _submitted(self, record: saw.Submitted) -> None:
        if record.session is not None:
            self._session_of[record.task] = record.session

    def _started(self, record: saw.Started) -> None:
        session = self._session_of.get(record.task)
        if session is not None:
            marks = self._left.get(session, ())
            self._due[record.task] = marks
            self._left[session] = (*marks, record.task)

    def _found(self, record: saw.Found) -> str | None:
        due = self._due.get(record.task, ())
        if record.marks == due:
            return None
        found = "no state" if record.marks is None else f"the marks of {_tasks(record.marks)}"
        return f"task {record.task} found {found} in its state, not those of {_tasks(due)}"

    def _moved(self, record: saw.SessionMoved) -> None:
        if record.because in ("worker_lost", "reopened") or record.after == lifecycle.LAST:
            self._left.pop(record.session, None)


@define
class _Session:
    """What S7 remembers of one session."""

    state: str = lifecycle.FIRST
    worker: int | None = None
    unresolved: set[int] = field(factory=set)
    losses: int = 0


class LossIsLoud(Checker):
    """S7: whoever has or wants something of a lost session is told."""

    promise = "S7"
    words = (
        "a lost session is loud: when its worker is lost, its waiting and later tasks fail with "
        "SessionLost until the client opens it again; never a silent empty state"
    )

    def __init__(self) -> None:
        super().__init__()
        self._sessions: dict[int, _Session] = {}
        self._session_of: dict[int, int] = {}
        self._gone: list[int] = []
        self._lost: list[tuple[int, set[int]]] = []
        self._claims: dict[int, _Session | None] = {}
        self._new: int | None = None
        self._wanted: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.SessionAsked: self._asked,
            saw.SessionRefused: self._session_refused,
            saw.SessionMoved: self._session_moved,
            saw.Submitted: self._submitted,
            saw.Refused: self._refused,
            saw.Assigned: self._assigned,
            saw.Moved: self._worker_moved,
            saw.Resolved: self._resolved,
            saw.Told: self._told,
        }

    def _asked(self, record: saw.SessionAsked) -> None:
        self._new = None
        if record.wish == "reopen":
            self._wanted.add(record.session)
        if record.wish != "close" and record.session not in self._sessions:
            self._new = record.session
            self._sessions[record.session] = _Session()

    def _session_refused(self, record: saw.SessionRefused) -> None:
        if record.session == self._new:
            del self._sessions[record.session]

    def _session_moved(self, record: saw.SessionMoved) -> str | None:
        session = self._sessions.setdefault(record.session, _Session())
        who = f"session {record.session}"
        if record.before != session.state:
            left = f"{record.before} because {record.because}"
            return f"{who} left {left}, but it was {session.state}"
        if lifecycle.LEGAL.get(record.before, {}).get(record.because) != record.after:
            move = f"{record.before} to {record.after} because {record.because}"
            return f"{who} moved from {move}, which is no legal move"
        if record.because == "reopened" and record.session not in self._wanted:
            return f"{who} was reopened, but no client had asked for that since it was lost"
        session.state = record.after
        if record.because == "worker_lost":
            self._wanted.discard(record.session)
            session.losses += 1
            session.worker = None
            self._lost.append((record.session, set(session.unresolved)))
        if record.after == lifecycle.LAST:
            del self._sessions[record.session]
        return None

    def _submitted(self, record: saw.Submitted) -> str | None:
        if record.session is None:
            return None
        self._session_of[record.task] = record.session
        session = self._sessions.get(record.session)
        state = "none" if session is None else session.state
        if session is None or state not in lifecycle.USABLE:
            return f"task {record.task} was accepted for session {record.session}, which is {state}"
        session.unresolved.add(record.task)
        return None

    def _refused(self, record: saw.Refused) -> str | None:
        session = None if record.session is None else self._sessions.get(record.session)
        if record.why != "session_lost" or session is None:
            return None
        if session.state in lifecycle.USABLE:
            words = f"was refused, but session {record.session} is {session.state}"
            return f"task {record.task} {words}"
        return None

    def _assigned(self, record: saw.Assigned) -> None:
        session = self._sessions.get(self._session_of.get(record.task, -1))
        if session is not None:
            session.worker = record.worker

    def _worker_moved(self, record: saw.Moved) -> None:
        if record.after in ("terminating", "terminated"):
            self._gone.append(record.worker)

    def _resolved(self, record: saw.Resolved) -> str | None:
        number = self._session_of.pop(record.task, None)
        session = None if number is None else self._sessions.get(number)
        if session is not None:
            session.unresolved.discard(record.task)
        if record.ending == "session_lost":
            self._claims[record.task] = session
            if number is None:
                return f"task {record.task} resolved as lost with its session, but had none"
        return None

    def _told(self, _: saw.Told) -> str | None:
        if not (self._gone or self._lost or self._claims):
            return None
        gone, self._gone = self._gone, []
        lost, self._lost = self._lost, []
        claims, self._claims = self._claims, {}
        for task, claimed in claims.items():
            if claimed is not None and not claimed.losses and claimed.worker not in gone:
                return f"task {task} resolved as lost with its session, but that was not lost"
        for number, session in self._sessions.items():
            if session.worker is not None and session.worker in gone:
                return f"worker {session.worker} is gone, and session {number} was not told"
        for number, waited in lost:
            known = self._sessions.get(number)
            left = waited & known.unresolved if known is not None else set()
            if left:
                return f"session {number} is lost, and {_tasks(sorted(left))} still wait for it"
        return None


def _tasks(numbers: tuple[int, ...] | list[int]) -> str:
    return "tasks " + ", ".join(map(str, numbers)) if numbers else "no task"

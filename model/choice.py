"""The safety promise about who of several free workers is chosen."""

from __future__ import annotations

from typing import Final

from model import history as saw
from model.checker import Checker, Watches

# Seconds within which a worker has to answer to be sent more than it has come to.
QUICK_S: Final = 0.002


class FairlyChosen(Checker):
    """S19: sessions do not gather on one worker, and the strategy is the one that was asked for.

    A task of a session that lives on a worker goes there; for all others the pool chooses.
    """

    promise = "S19"
    words = (
        "of the workers that are free a task gets one with the fewest sessions, and of these the "
        "last that became free, or the first, as configured; a task is sent ahead only to a "
        "worker that has just answered within 2 ms"
    )

    def __init__(self) -> None:
        super().__init__()
        self._last_first = True
        self._free: dict[int, None] = {}
        self._choice: dict[int, list[int]] = {}
        self._session_of: dict[int, int | None] = {}
        self._home: dict[int, int] = {}
        self._taken_at: dict[int, float] = {}
        self._taking: list[int] = []
        self._answered: dict[int, float | None] = {}
        self._ahead: dict[int, int] = {}

    def watches(self) -> Watches:
        return {
            saw.Configured: self._configured,
            saw.Moved: self._moved,
            saw.SessionMoved: self._session_moved,
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Resolved: self._resolved,
            saw.Told: self._told,
        }

    def _configured(self, record: saw.Configured) -> None:
        self._last_first = record.last_first

    def _moved(self, record: saw.Moved) -> None:
        if record.because == "checkout":
            self._choice[record.worker] = list(self._free)
            self._taking.append(record.worker)
        if record.before == "busy":
            self._answered[record.worker] = self._taken_at.pop(record.worker, None)
        if record.before == "ready":
            self._free.pop(record.worker, None)
        if record.after == "ready":
            self._free[record.worker] = None

    def _session_moved(self, record: saw.SessionMoved) -> None:
        if record.because == "worker_lost" or record.after == "closed":
            self._home.pop(record.session, None)

    def _submitted(self, record: saw.Submitted) -> None:
        self._session_of[record.task] = record.session

    def _resolved(self, record: saw.Resolved) -> None:
        self._session_of.pop(record.task, None)

    def _assigned(self, record: saw.Assigned) -> str | None:
        free = self._choice.pop(record.worker, [])
        session = self._session_of.get(record.task)
        if record.ahead:
            self._ahead.setdefault(record.worker, record.task)
        if record.ahead or (session is not None and session in self._home):
            return None
        homes = list(self._home.values())
        if session is not None:
            self._home[session] = record.worker
        fewest = min((homes.count(worker) for worker in free), default=0)
        fit = [worker for worker in free if homes.count(worker) == fewest]
        if not fit or record.worker == (fit[-1] if self._last_first else fit[0]):
            return None
        right = fit[-1] if self._last_first else fit[0]
        return f"task {record.task} went to worker {record.worker}; of {free} it was for {right}"

    def _told(self, record: saw.Told) -> str | None:
        """The time of what was seen since the last such record is known now."""
        sentence = None
        for worker, task in self._ahead.items():
            since = self._answered.get(worker, -1.0)
            if since is not None and record.at - since > QUICK_S:
                sentence = f"task {task} was sent ahead to worker {worker}, which was not quick"
        for worker in self._taking:
            self._taken_at[worker] = record.at
        self._ahead.clear()
        self._answered.clear()
        self._taking.clear()
        return sentence

"""The promise that nothing waits without need: what can be done is done at once."""

from __future__ import annotations

from typing import Final

from model import history as saw
from model.checker import Checker, Watches
from model.holding import Holding

_SERVING: Final = ("ready", "busy", "degraded")


class DoneAtOnce(Checker):
    """S16: work goes to whoever is free, and workers start while there are too few.

    Judged whenever the pool has dealt with an event. A task that backs off before it is tried
    again waits with need; so does one that was given to the fallback executor.
    """

    promise = "S16"
    words = (
        "what can be done is done at once: no task waits for a worker that is free, no worker is "
        "missing that may start, and who ends a task ends it"
    )

    def __init__(self) -> None:
        super().__init__()
        self._opened: saw.Opened | None = None
        self._falls_back = False
        self._wishes: list[saw.CancelAsked] = []
        self._tried: set[int] = set()
        self._states: dict[int, str] = {}
        self._breaker = "closed"
        self._over = False
        self._holding = Holding()
        self._session_of: dict[int, int | None] = {}
        self._waiting: dict[int, float | None] = {}
        self._resting: dict[int, float] = {}
        self._planned: dict[int, float] = {}
        self._home: dict[int, int] = {}
        self._placing: dict[int, None] = {}

    def watches(self) -> Watches:
        return {
            saw.Opened: self._open,
            saw.Configured: self._configured,
            saw.Refused: self._refused,
            saw.StartAsked: self._start_asked,
            saw.Moved: self._moved,
            saw.BreakerMoved: self._breaker_moved,
            saw.SessionMoved: self._session_moved,
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Recalled: self._recalled,
            saw.RetryPlanned: self._retry_planned,
            saw.Diverted: self._gone,
            saw.Resolved: self._gone,
            saw.CancelAsked: self._wish,
            saw.ShutdownAsked: self._shut,
            saw.Broke: self._end,
            saw.Told: self._told,
        }

    def _open(self, record: saw.Opened) -> None:
        self._opened = record

    def _configured(self, record: saw.Configured) -> None:
        self._falls_back = record.falls_back

    def _refused(self, record: saw.Refused) -> str | None:
        serving = any(state in _SERVING for state in self._states.values())
        if record.why != "saturated" or record.session is not None or not self._falls_back:
            return None
        if serving or self._breaker != "open":
            return None
        return f"task {record.task} was refused as one too many, though the fallback is free"

    def _wish(self, record: saw.CancelAsked) -> None:
        self._wishes.append(record)

    def _end(self, _: saw.ShutdownAsked | saw.Broke) -> None:
        self._over = True

    def _shut(self, record: saw.ShutdownAsked) -> None:
        self._over = True
        if record.cancels:
            self._wishes += [saw.CancelAsked(task, forcibly=False) for task in self._waiting]

    def _start_asked(self, record: saw.StartAsked) -> None:
        self._states[record.worker] = "initializing"

    def _breaker_moved(self, record: saw.BreakerMoved) -> None:
        self._breaker = record.after

    def _moved(self, record: saw.Moved) -> None:
        self._holding.moved(record)
        if record.after == "terminated":
            self._states.pop(record.worker, None)
        else:
            self._states[record.worker] = record.after

    def _session_moved(self, record: saw.SessionMoved) -> None:
        if record.because == "first_task":
            self._placing[record.session] = None
        elif record.because != "close_requested":  # what it has still runs where it lives
            self._home.pop(record.session, None)

    def _submitted(self, record: saw.Submitted) -> None:
        self._session_of[record.task] = record.session
        self._waiting[record.task] = None

    def _assigned(self, record: saw.Assigned) -> None:
        self._holding.assigned(record)
        self._goes(record.task)
        session = self._session_of.get(record.task)
        if session is not None and session in self._placing:
            del self._placing[session]
            self._home[session] = record.worker

    def _recalled(self, record: saw.Recalled) -> None:
        self._holding.recalled(record)
        self._waiting.update(dict.fromkeys(record.tasks))

    def _retry_planned(self, record: saw.RetryPlanned) -> None:
        self._planned[record.task] = record.delay
        self._tried.add(record.task)

    def _gone(self, record: saw.Diverted | saw.Resolved) -> None:
        self._goes(record.task)
        if isinstance(record, saw.Resolved):
            self._session_of.pop(record.task, None)

    def _goes(self, task: int) -> None:
        for place in (self._waiting, self._resting, self._planned):
            place.pop(task, None)

    def _told(self, record: saw.Told) -> str | None:
        if self._planned:
            for task, delay in self._planned.items():
                if task in self._session_of:
                    place = self._resting if delay else self._waiting
                    place[task] = record.at + delay
            self._planned.clear()
        # At that very time its timer may be yet to come.
        if self._resting:
            for task in [task for task, at in self._resting.items() if at < record.at]:
                del self._resting[task]
                self._waiting[task] = None
        return self._ungranted() or self._idle_hands() or self._too_few(record.at)

    def _ungranted(self) -> str | None:
        """A task that only waits ends when its client says so; any does if it says so forcibly."""
        if not self._wishes:
            return None
        wishes, self._wishes = self._wishes, []
        for wish in wishes:
            waits = wish.task in self._waiting and wish.task not in self._tried
            if wish.forcibly and wish.task in self._session_of:
                return f"task {wish.task} was to be ended, and goes on"
            if waits and wish.task in self._session_of:
                return f"task {wish.task} was cancelled while it waited, and still waits"
        return None

    def _idle_hands(self) -> str | None:
        if not self._waiting or "ready" not in self._states.values():
            return None
        free = {worker for worker, state in self._states.items() if state == "ready"}
        for task in self._waiting:
            session = self._session_of.get(task)
            home = None if session is None else self._home.get(session)
            if home is None and free:
                return f"task {task} waits, though worker {min(free)} is free"
            if home in free:
                return f"task {task} waits, though worker {home} of its session is free"
        return None

    def _too_few(self, at: float) -> str | None:
        opened = self._opened
        if opened is None or self._over or self._breaker != "closed":
            return None
        live = len(self._states)
        if not opened.lazy and live < opened.size:
            return (
                f"at {at:g} s only {live} of {opened.size} workers live, and nothing hinders more"
            )
        return None

"""The safety promise about what clients ask for their sessions."""

from __future__ import annotations

from model import history as saw
from model import session as lifecycle
from model.checker import Checker, Watches

_ALIVE = (*lifecycle.USABLE, "lost")


class WishesGranted(Checker):
    """S18: who asks for a session gets it, or a true reason; who ends one ends it."""

    promise = "S18"
    words = (
        "a session is opened, reopened and closed when its client asks for it, or refused for a "
        "true reason; one that was closed ends with its last task"
    )

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[int, str] = {}
        self._pending: dict[int, set[int]] = {}
        self._session_of: dict[int, int] = {}
        self._asked: list[tuple[saw.SessionAsked, str]] = []
        self._refusals: dict[int, str] = {}
        self._shut = self._broke = False

    def watches(self) -> Watches:
        return {
            saw.SessionAsked: self._ask,
            saw.SessionRefused: self._refuse,
            saw.SessionMoved: self._moved,
            saw.Submitted: self._submitted,
            saw.Resolved: self._resolved,
            saw.ShutdownAsked: self._shut_down,
            saw.Broke: self._break,
            saw.Told: self._told,
        }

    def _ask(self, record: saw.SessionAsked) -> None:
        self._asked.append((record, self._states.get(record.session, "none")))
        if record.wish != "close":
            self._states.setdefault(record.session, lifecycle.FIRST)

    def _refuse(self, record: saw.SessionRefused) -> None:
        self._refusals[record.session] = record.why

    def _moved(self, record: saw.SessionMoved) -> None:
        self._states[record.session] = record.after
        if record.after == lifecycle.LAST:
            del self._states[record.session]

    def _submitted(self, record: saw.Submitted) -> None:
        if record.session is not None:
            self._session_of[record.task] = record.session
            self._pending.setdefault(record.session, set()).add(record.task)

    def _resolved(self, record: saw.Resolved) -> None:
        session = self._session_of.pop(record.task, None)
        if session is not None:
            self._pending[session].discard(record.task)

    def _shut_down(self, _: saw.ShutdownAsked) -> None:
        self._shut = True

    def _break(self, _: saw.Broke) -> None:
        self._broke = True

    def _told(self, _: saw.Told) -> str | None:
        if not self._states and not self._asked:
            return None
        asked, self._asked = self._asked, []
        refusals, self._refusals = self._refusals, {}
        for record, before in asked:
            why = refusals.get(record.session)
            broken = self._ungranted(record, before) if why is None else self._untrue(before, why)
            if before == "none" and why is not None:
                self._states.pop(record.session, None)
            if broken is not None:
                return f"session {record.session} {broken}"
        for session, state in self._states.items():
            if state == "closing" and not self._pending.get(session):
                return f"session {session} is closing, and has no task left to wait for"
        return None

    def _untrue(self, before: str, why: str) -> str | None:
        true = {"shutdown": self._shut, "broken": self._broke, "session_lost": before == "closing"}
        return None if true.get(why, False) else f"was {before} and was refused as {why}"

    def _ungranted(self, record: saw.SessionAsked, before: str) -> str | None:
        after = self._states.get(record.session, "closed")
        if record.wish == "close":
            if before in _ALIVE and after not in ("closing", "closed"):
                return f"was {before} and was to be closed; it is {after}"
            return None
        if self._shut or self._broke or before == "closing":
            over = "the pool is over" if self._shut or self._broke else "it is closing"
            return f"was to {record.wish}, and was not refused, though {over}"
        if record.wish == "reopen" and before == "lost" and after not in lifecycle.USABLE:
            return f"was {before} and was to reopen; it is {after}"
        return None

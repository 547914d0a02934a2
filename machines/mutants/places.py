"""Planted bugs in where sessions live and in what they find there."""

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
    from pool.state import Worker


class _SiblingsElsewhere(Core):
    def _place_session(self, session: Session, worker: Worker) -> None:
        pending, session.pending = session.pending, 1
        super()._place_session(session, worker)
        session.pending = pending


class _EachTaskAfresh(Core):
    def _send(self, worker: Worker) -> None:
        super()._send(worker)
        sent = self._out[-1]
        if isinstance(sent, SendTask) and sent.session is not None:
            self._out[-1] = attrs.evolve(sent, opens=True)


class _OpenRevives(Core):
    def _open_session(self, number: int) -> None:
        session = self.sessions.get(number)
        if session is not None and session.state is SessionState.LOST:
            self._move_session(session, SessionBecause.REOPENED)
        super()._open_session(number)


class _LostStaysUsable(Core):
    def _usable(self, number: int) -> Session | None:
        session = self.sessions.get(number)
        if session is not None and session.state is SessionState.LOST:
            return session
        return super()._usable(number)


PLACES: Final = (
    Mutant(
        "siblings-elsewhere",
        "S5",
        "what a session has waiting when it finds its worker may still go to any",
        Parts(core=_SiblingsElsewhere),
    ),
    Mutant(
        "each-task-afresh",
        "S6",
        "every task of a session starts with an empty state",
        Parts(core=_EachTaskAfresh),
    ),
    Mutant(
        "open-revives",
        "S7",
        "whoever opens a lost session has it again, empty, without a word",
        Parts(core=_OpenRevives),
    ),
    Mutant(
        "lost-stays-usable",
        "S7",
        "a lost session takes tasks",
        Parts(core=_LostStaysUsable),
    ),
)

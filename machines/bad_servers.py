"""Loops of workers with a bug in them; worker processes import this, and so nothing of weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pool.frames import Frame, Kind
from pool.payloads import pack_result
from pool.worker import Server

if TYPE_CHECKING:
    from pool.frames import Payload
    from pool.worker import WorkerSetup


class RemembersAnswers(Server):
    """What a worker has answered to one session, or to nobody's task, it answers again."""

    def __init__(self, setup: WorkerSetup) -> None:
        super().__init__(setup)
        self._answers: dict[int, tuple[Kind, Payload]] = {}

    def _outcome(self, frame: Frame) -> tuple[Kind, Payload]:
        answer = super()._outcome(frame)
        return self._answers.setdefault(frame.session, answer)


class SwallowsExceptions(Server):
    """A function that raised is said to have returned nothing."""

    def _outcome(self, frame: Frame) -> tuple[Kind, Payload]:
        kind, payload = super()._outcome(frame)
        if kind is Kind.RAISED:
            return Kind.RETURNED, pack_result(None, self._bytes_max)
        return kind, payload


class OneStateForAll(Server):
    """All sessions of a worker share one state."""

    def _state(self, frame: Frame) -> dict[Any, Any]:
        return super()._state(Frame(frame.kind, session=1, flags=0 if self._states else 1))

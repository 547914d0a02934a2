"""Retold: what a record says, told to a core once more, as records of the model's history.

A record keeps what the production loop told its core. The core is a pure function, so a second one
that is told the same decides the same; what it decides, and what the record tells by itself, is a
history that the model's checkers can read. It has no functions' values, and of their starts only
those that an answer proves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines import vocabulary
from model import history as saw
from pool import effects as do
from pool import events as told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pool.core import Core
    from pool.record import Entry

_WISHES: Final = {
    told.SessionOpened: "open",
    told.SessionReopened: "reopen",
    told.SessionCloseRequested: "close",
}


class Retold:
    """Tells a core what a record says, entry by entry; what lives is all that it remembers.

    Args:
        core: fresh, of the pool that was recorded.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._session_of: dict[int, int | None] = {}
        self._lives: set[int] = set()

    def records(self, entry: Entry) -> Iterator[saw.Record]:
        """What this entry shows, in order."""
        yield from self._before(entry)
        try:
            asked = self._core.handle(entry.event, entry.at)
        except Exception as error:  # whatever the core raises is a bug of the core
            yield saw.Misfit(f"the core failed: {type(error).__name__}: {error}")
            return
        if isinstance(entry.event, told.TaskSubmitted):
            yield from self._accepted(entry, asked)
        for effect in asked:
            yield from self._effect(effect)
        yield saw.Told(entry.at)

    def _before(self, entry: Entry) -> Iterator[saw.Record]:
        event: Any = entry.event
        if isinstance(event, (told.CancelRequested, told.KillRequested)):
            yield saw.CancelAsked(event.task, forcibly=isinstance(event, told.KillRequested))
        elif type(event) in _WISHES:
            yield saw.SessionAsked(event.session, _WISHES[type(event)])
        elif isinstance(event, told.ShutdownRequested):
            yield saw.ShutdownAsked(event.grace, event.cancel_waiting)
        elif isinstance(event, told.TasksRecalled):
            yield saw.Recalled(event.worker, event.tasks)
        elif isinstance(event, told.ResultReceived):
            yield from self._proven(event)
        elif isinstance(event, told.FallbackEnded) and event.reply is None:
            yield saw.FallbackRefused(event.task)
        elif isinstance(event, told.SpawnFailed):
            self._lives.discard(event.worker)
            yield saw.Died(event.worker)
        dead = isinstance(event, (told.WorkerExited, told.WorkerReaped))
        cut = isinstance(event, told.FrameCorrupt) and event.reason == "cut"
        if (dead or cut) and event.worker in self._lives:
            self._lives.discard(event.worker)
            yield saw.Died(event.worker)

    def _proven(self, event: told.ResultReceived) -> Iterator[saw.Record]:
        """An answer of the worker that has the task proves that its function had started there."""
        worker = self._core.workers.get(event.worker)
        task = None if worker is None else worker.task
        if task is not None and (task.number, task.attempt) == (event.task, event.attempt):
            yield saw.Started(event.task, event.worker)

    def _accepted(self, entry: Entry, asked: list[do.Effect]) -> Iterator[saw.Record]:
        event: Any = entry.event
        self._session_of[event.task] = event.session
        if not any(isinstance(effect, do.RefuseTask) for effect in asked):
            at = None if event.deadline is None else entry.at + event.deadline
            yield saw.Submitted(event.task, at, event.retries, event.session)

    def _effect(self, effect: do.Effect) -> Iterator[saw.Record]:
        if isinstance(effect, do.ResolveTask):
            self._session_of.pop(effect.task, None)
            yield vocabulary.resolved(effect, self._value(effect.task))
            return
        if isinstance(effect, do.RefuseTask):
            yield vocabulary.refused(effect, self._session_of.pop(effect.task, None))
            return
        record = vocabulary.record_of(effect)
        if record is not None:
            yield record
        if isinstance(effect, do.SpawnWorker):
            self._lives.add(effect.worker)
            yield saw.Launched(effect.worker)

    def _value(self, _: int) -> Any:
        """What the task's function returned or raised, for whoever knows it."""
        return None

"""The liveness promises: once faults stop and the schedule is fair, this comes about.

Only a run that healed completely can show them; one whose budget ran out shows nothing.
"""

from __future__ import annotations

from model import history as saw
from model.checker import Checker, Verdict, Watches


class EveryTaskResolves(Checker):
    """L1: no client waits for ever."""

    promise = "L1"
    words = "every accepted task resolves"
    at_once = False

    def __init__(self) -> None:
        super().__init__()
        self._unresolved: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Submitted: lambda r: self._unresolved.add(r.task),
            saw.Resolved: lambda r: self._unresolved.discard(r.task),
            saw.Healed: self._healed,
        }

    def _healed(self, record: saw.Healed) -> str | None:
        if not record.complete:
            return None
        self.verdict = Verdict.HOLDS
        if self._unresolved:
            names = ", ".join(str(task) for task in sorted(self._unresolved))
            return f"nothing more can happen, and these tasks never resolved: {names}"
        return None


class BackAtStrength(Checker):
    """L2: the pool recovers, or says that it cannot.

    A worker beyond the pool's size stays while sessions live on it: they cannot move.
    """

    promise = "L2"
    words = (
        "the pool is back at size ready workers, or has said PoolBroken and failed what was waiting"
    )
    at_once = False

    def __init__(self) -> None:
        super().__init__()
        self._size = 0
        self._placed: set[int] = set()
        self._lazy = self._excused = False

    def watches(self) -> Watches:
        return {
            saw.Opened: self._opened,
            saw.SessionMoved: self._session_moved,
            saw.ShutdownAsked: self._excuse,
            saw.Broke: self._excuse,
            saw.Healed: self._healed,
        }

    def _opened(self, record: saw.Opened) -> None:
        self._size = record.size
        self._lazy = record.lazy

    def _session_moved(self, record: saw.SessionMoved) -> None:
        if record.after == "placed":
            self._placed.add(record.session)
        else:
            self._placed.discard(record.session)

    def _excuse(self, _: saw.ShutdownAsked | saw.Broke) -> None:
        self._excused = True

    def _healed(self, record: saw.Healed) -> str | None:
        if not record.complete:
            return None
        self.verdict = Verdict.HOLDS
        most = self._size + len(self._placed)
        well = self._size <= record.ready <= most
        if not self._excused and not well and not self._lazy:
            return f"nothing more can happen, and {record.ready} of {self._size} workers are ready"
        return None


class ShutdownEnds(Checker):
    """L3: a pool that was told to end does so, and in time.

    The time is the pool's, not the operating system's: when the grace is over every task has
    its answer and every process has been killed; the ends may be heard of later.
    """

    promise = "L3"
    words = "shutdown ends within its grace"
    at_once = False

    def __init__(self) -> None:
        super().__init__()
        self._grace = 0.0
        self._asked: list[saw.ShutdownAsked] = []
        self._shut = self._closed = False
        self._until: float | None = None
        self._unresolved: set[int] = set()
        self._live: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Opened: self._opened,
            saw.Submitted: lambda r: self._unresolved.add(r.task),
            saw.Resolved: lambda r: self._unresolved.discard(r.task),
            saw.Launched: lambda r: self._live.add(r.worker),
            saw.Died: lambda r: self._live.discard(r.worker),
            saw.ShutdownAsked: self._asked.append,
            saw.Closed: self._close,
            saw.Told: self._told,
            saw.Healed: self._healed,
        }

    def _opened(self, record: saw.Opened) -> None:
        self._grace = record.grace

    def _close(self, _: saw.Closed) -> None:
        self._closed = True

    def _told(self, record: saw.Told) -> str | None:
        for shutdown in self._asked:
            self._shut = True
            if shutdown.grace is not None:
                self._bound(record.at + shutdown.grace)
        self._asked.clear()
        if not self._shut:
            return None
        if not self._unresolved:
            self._bound(record.at + self._grace)
        if self._until is None or record.at <= self._until:
            return None
        if self._unresolved or self._live:
            left = (
                f"{len(self._unresolved)} tasks are unresolved and {len(self._live)} workers live"
            )
            return f"the grace was over at {self._until:g} s, and at {record.at:g} s {left}"
        return None

    def _bound(self, at: float) -> None:
        if self._until is None or at < self._until:
            self._until = at

    def _healed(self, record: saw.Healed) -> str | None:
        if not record.complete or not self._shut:
            return None
        self.verdict = Verdict.HOLDS
        if not self._closed:
            return "nothing more can happen, and the pool that was shut down has not ended"
        return None

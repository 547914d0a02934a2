"""The safety promise about the breaker, between failed starts and further ones."""

from __future__ import annotations

from model import breaker as lifecycle
from model import history as saw
from model.checker import Checker, Watches

_FAILURES = ("init_failed", "init_timeout", "spawn_failed", "exited", "corrupt")


class OnlyProbesPass(Checker):
    """S12: no worker starts past an open breaker; so there is never a loop of failed starts."""

    promise = "S12"
    words = "an open breaker admits nothing; a half-open one only its probes"

    def __init__(self) -> None:
        super().__init__()
        self._opened: saw.Opened | None = None
        self._state = lifecycle.FIRST
        self._starting: set[int] = set()
        self._failures = 0

    def watches(self) -> Watches:
        return {
            saw.Opened: self._open,
            saw.BreakerMoved: self._breaker_moved,
            saw.StartAsked: self._start_asked,
            saw.Moved: self._worker_moved,
            saw.Told: self._told,
        }

    def _open(self, record: saw.Opened) -> None:
        self._opened = record

    def _breaker_moved(self, record: saw.BreakerMoved) -> str | None:
        move = f"{record.before} to {record.after} because {record.because}"
        if record.before != self._state:
            return f"the breaker moved from {move}, but it was {self._state}"
        if lifecycle.LEGAL.get(record.before, {}).get(record.because) != record.after:
            return f"the breaker moved from {move}, which is no legal move"
        self._state = record.after
        if record.after == lifecycle.FIRST:
            self._failures = 0
        return None

    def _start_asked(self, record: saw.StartAsked) -> str | None:
        who = f"worker {record.worker} was to start"
        if self._state == "open":
            return f"{who} while the breaker was open"
        self._starting.add(record.worker)
        probes = 1 if self._opened is None else self._opened.probes_max
        if self._state == "half_open" and len(self._starting) > probes:
            starting = len(self._starting)
            return f"{who} as number {starting} while the breaker was half open; {probes} may"
        return None

    def _worker_moved(self, record: saw.Moved) -> None:
        if record.before != "initializing":
            return
        self._starting.discard(record.worker)
        if record.because in _FAILURES:
            self._failures += 1
        elif record.because == "init_complete" and self._state == lifecycle.FIRST:
            self._failures = 0

    def _told(self, _: saw.Told) -> str | None:
        most = None if self._opened is None else self._opened.failures_max
        if most is not None and self._state == lifecycle.FIRST and self._failures >= most:
            return f"{self._failures} starts failed in a row, and the breaker is closed"
        return None

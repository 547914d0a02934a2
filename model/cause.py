"""The promise about causes: in a few words, an error says what really led to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from model import history as saw
from model.checker import Checker, Watches

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXITED: Final = (
    r"it exited"
    r"|it exited with code -?\d+"
    r"|it exited with code 70: it got a damaged frame"
    r"|it exited with code 130: it was interrupted, which a task had allowed"
    r"|its pipe was closed, perhaps by the task"
)
_CORRUPT: Final = (
    r"it sent a bad frame \([a-z]+\)"
    r"|it said twice that it was ready"
    r"|its initializer raised \S.*"
    r"|it answered a task that it does not hold"
    r"|it answered a health check that it does not owe"
)

# Why a worker failed or went: what may be said of it, written from `docs/errors.md`.
CAUSES: Final = {
    "init_failed": r"its initializer raised \S.*",
    "init_timeout": r"it took too long to start",
    "spawn_failed": r"its process was refused(: \S.*)?",
    "exited": _EXITED,
    "corrupt": _CORRUPT,
    "timeout": r"task \d+ was ended \(timeout\)",
    "cancelled": r"task \d+ was ended \(cancelled\)",
    "recovery_degrade": r"its task ran out of a resource",
    "health_check_failed": r"it did not answer a health check",
    "health_check_limit": r"it did not answer \d+ health checks in a row",
    "recycle": r"its worker was recycled: it (has|is) \S.*",
}
STARTS: Final = ("init_failed", "init_timeout", "spawn_failed", "exited", "corrupt")
TAKEN_UP: Final = r"its worker was killed"  # said of what was sent ahead to it
UNSERVED: Final = r"it was refused there"
_QUIET: Final = frozenset({"returned", "raised", "cancelled", "killed", "timeout", "shutdown"})


class CausesToldTruly(Checker):
    """S20: whatever went wrong, the words that tell its cause are those for what happened."""

    promise = "S20"
    words = "the cause that an error gives is what really led to it, in the words for that"

    def __init__(self) -> None:
        super().__init__()
        self._because: dict[int, str] = {}
        self._last = ""
        self._ended: dict[int, str] = {}

    def watches(self) -> Watches:
        return {
            saw.Moved: self._moved,
            saw.Troubled: self._troubled,
            saw.Resolved: self._resolved,
            saw.Answered: self._answered,
        }

    def _moved(self, record: saw.Moved) -> None:
        if record.because in CAUSES:
            self._because[record.worker] = self._last = record.because

    def _troubled(self, record: saw.Troubled) -> str | None:
        because = self._because.get(record.worker)
        if because is None:
            return None  # that it is said to have failed at all is for another promise
        return _unlike(f"worker {record.worker}", record.words, [CAUSES[because]])

    def _resolved(self, record: saw.Resolved) -> None:
        self._ended[record.task] = record.ending

    def _answered(self, record: saw.Answered) -> str | None:
        ending = self._ended.pop(record.task, "")
        who = f"task {record.task}, {ending},"
        if ending == "lost":
            because = self._because.get(-1 if record.worker is None else record.worker, "")
            return _unlike(who, record.words, [CAUSES.get(because, TAKEN_UP), TAKEN_UP])
        if ending == "session_lost":
            return _unlike(who, record.words, [CAUSES.get(self._last, TAKEN_UP)])
        if ending == "broken":
            return _unlike(who, record.words, [*(CAUSES[start] for start in STARTS), UNSERVED])
        if ending in _QUIET and record.words:
            return f"{who} was told with a cause, {record.words!r}, but has none"
        return None


def _unlike(who: str, told: str, patterns: Iterable[str]) -> str | None:
    """What is wrong with these words, if none of the patterns is like them."""
    expected = list(dict.fromkeys(patterns))
    if any(re.fullmatch(pattern, told or "") for pattern in expected):
        return None
    return f"{who} gave as its cause {told!r}; right is like {' or '.join(expected)}"

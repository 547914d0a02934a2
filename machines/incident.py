"""An incident's log, checked as it is read: which promises a flight recorder's file shows kept.

Read line by line and judged by the model's checkers in bounded memory, so that it may be as long as
a pool lived. Who can decide by a log alone is in `DECIDED`; the others are about values, which no
log keeps, and about when something happens, which its writer's clock blurs. What is cut short is
read up to the cut, and then no promise is known to hold to the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from machines import vocabulary
from machines.parts import POOL, Parts
from machines.retold import Retold
from machines.setting import ELSEWHERE
from model import history as saw
from model.breaker_safety import OnlyProbesPass
from model.checker import Verdict
from model.liveness import EveryTaskResolves
from model.promises import Judge
from model.session_safety import LossIsLoud, OneWorkerInOrder
from model.task_safety import CancelledStaysCancelled, ResolvesOnce, StartsOnce
from model.worker_safety import Bounded, LegalMoves
from pool.breaker import BreakerPolicy
from pool.config import PoolConfig
from pool.record import HEAD_BEGINS, Head, entry_of, head_of, older_of
from pool.recovery import Backoff, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from model.checker import Checker, Violation
    from pool.record import Entry

# These forget what has ended by themselves; the second ones remember every task.
_LASTING: Final[tuple[type[Checker], ...]] = (
    OneWorkerInOrder,
    LossIsLoud,
    LegalMoves,
    Bounded,
    OnlyProbesPass,
    EveryTaskResolves,
)
_OF_TASKS: Final[tuple[type[Checker], ...]] = (ResolvesOnce, StartsOnce, CancelledStaysCancelled)
DECIDED: Final = tuple(sorted(kind.promise for kind in (*_LASTING, *_OF_TASKS)))
TASKS: Final = 1_024  # of one generation
LINE_MAX: Final = 1 << 20


@define
class Checked:
    """What is known of a log.

    Attributes:
        events: how many were read.
        seconds: from the first to the last.
        ended: whether it goes on to its pool's end.
        cut: where it is cut, in words; empty if it is not.
        verdicts: what is known of each promise that a log can decide.
        broken: the first violation of each broken promise, and the number of the event, from 1.
    """

    events: int = 0
    seconds: float = 0.0
    ended: bool = False
    cut: str = ""
    verdicts: dict[str, Verdict] = field(factory=lambda: dict.fromkeys(DECIDED, Verdict.UNKNOWN))
    broken: dict[str, tuple[Violation, int]] = field(factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Of all promises together: `unknown` unless the log is whole and ends with its pool."""
        if self.broken:
            return Verdict.VIOLATED
        known = set(self.verdicts.values())
        whole = self.ended and not self.cut and known == {Verdict.HOLDS}
        return Verdict.HOLDS if whole else Verdict.UNKNOWN


class LogError(ValueError):
    """A file is no flight recorder's log; the message is one line."""


def check(
    path: Path, parts: Parts = POOL, after_each: Callable[[int], None] = lambda _: None
) -> Checked:
    """The log was read once, in bounded memory, and held against the promises.

    Args:
        path: what `Pool(record=…)` was given; an older file beside it belongs to it.
        parts: the core, perhaps with a bug planted in it.
        after_each: is told how many bytes each line had, for progress.

    Raises:
        LogError: it is no log of a known format, or a line of it is none.
        OSError: it cannot be read.
    """
    checked = Checked()
    reader = _Reader(path, checked, after_each)
    head = reader.head()
    if head is None:
        return checked
    try:
        config = config_of(head)
    except (ValueError, TypeError, KeyError) as error:
        raise LogError(f"{path}: its configuration is none of a pool: {error}") from error
    court, retold = _Court(), Retold(parts.core(config))
    court.observe(vocabulary.opened(config))
    first = None
    for entry in reader.entries():
        first = entry.at if first is None else first
        checked.events += 1
        checked.seconds = entry.at - first
        for record in retold.records(entry):
            checked.ended = checked.ended or isinstance(record, saw.Closed)
            for violation in court.observe(record):
                checked.broken.setdefault(violation.promise, (violation, checked.events))
    if checked.ended and not checked.cut:
        court.observe(saw.Healed(complete=True, ready=0))
    checked.verdicts = court.verdicts(ended=checked.ended and not checked.cut)
    return checked


class _Court:
    """The checkers; those that remember tasks are renewed with each generation of tasks."""

    def __init__(self) -> None:
        self._lasting = Judge(_LASTING)
        self._told_to_all: list[saw.Record] = []  # what every later generation has to know
        self._judges: dict[int, Judge] = {0: Judge(_OF_TASKS)}
        self._open: dict[int, int] = {0: 0}
        self._broken: set[str] = set()

    def observe(self, record: saw.Record) -> Iterator[Violation]:
        """The promises that the record breaks."""
        found = [self._lasting.observe(record)]
        task = getattr(record, "task", None)
        if task is None:
            found += [judge.observe(record) for judge in self._judges.values()]
            if isinstance(record, (saw.ShutdownAsked, saw.Broke)):
                self._told_to_all.append(record)
        else:
            found.append(self._judge(task, record).observe(record))
        broken = [violation for violation in found if violation is not None]
        self._broken |= {violation.promise for violation in broken}
        return iter(broken)

    def _judge(self, task: int, record: saw.Record) -> Judge:
        """The generation's; of one that was forgotten, the oldest, which never heard of it."""
        generation = task // TASKS
        if isinstance(record, saw.Submitted):
            if generation not in self._judges:
                self._begin(generation)
            self._open[generation] += 1
        elif isinstance(record, saw.Resolved) and generation in self._open:
            self._open[generation] -= 1
        return self._judges.get(generation) or self._judges[min(self._judges)]

    def _begin(self, generation: int) -> None:
        judge = self._judges[generation] = Judge(_OF_TASKS)
        self._open[generation] = 0
        for record in self._told_to_all:
            judge.observe(record)
        for old in sorted(self._judges):
            if old < generation - 1 and self._open[old] <= 0:
                del self._judges[old], self._open[old]

    def verdicts(self, *, ended: bool) -> dict[str, Verdict]:
        """What is known of each promise."""
        known = {**self._lasting.verdicts(), **self._judges[max(self._judges)].verdicts()}
        if not ended:
            known = dict.fromkeys(known, Verdict.UNKNOWN)
        known |= dict.fromkeys(self._broken, Verdict.VIOLATED)
        return dict(sorted(known.items()))


class _Reader:
    """Reads a log's files line by line, the older one first."""

    def __init__(self, path: Path, checked: Checked, after_each: Callable[[int], None]) -> None:
        self._path, self._checked, self._after_each = path, checked, after_each
        self._files: list[Path] = []

    def head(self) -> Head | None:
        """The head of the first file; None if the log is cut before its end."""
        latest, older = self._head_of(self._path), None
        if older_of(self._path).exists():
            older = self._head_of(older_of(self._path))
        follows = (
            older is not None
            and latest is not None
            and (older.run, older.segment + 1) == (latest.run, latest.segment)
        )
        if latest is None and older is None:
            self._checked.cut = "in its first line"
            return None
        self._files = [self._path]
        if older is not None and (follows or latest is None):
            self._files = [older_of(self._path), self._path]
        head = older if older is not None and self._files[0] != self._path else latest
        if head is not None and head.segment != 0:
            self._checked.cut = "at its beginning: the pool's first events were overwritten"
            return None
        return head

    def _head_of(self, path: Path) -> Head | None:
        with path.open("rb") as file:
            line = file.readline(LINE_MAX)
        written = line.rstrip(b"\0")
        if not written.startswith(HEAD_BEGINS[: len(written)]):
            raise LogError(f"{path}: it is no flight recorder's log; such a one begins with a head")
        if not line.endswith(b"\n"):
            return None
        try:
            return head_of(line)
        except ValueError as error:
            raise LogError(f"{path}: {error}") from error

    def entries(self) -> Iterator[Entry]:
        """Each whole line's event; where the log is cut is noted."""
        for path in self._files:
            with path.open("rb") as file:
                self._after_each(len(file.readline(LINE_MAX)))
                yield from self._lines(path, file)

    def _lines(self, path: Path, file: Any) -> Iterator[Entry]:
        number = 1
        while line := file.readline(LINE_MAX):
            number += 1
            self._after_each(len(line))
            if not line.endswith(b"\n"):
                if line.strip(b"\0"):  # null bytes are what its writer had reserved
                    self._checked.cut = f"in line {number}"
                if len(line) == LINE_MAX:
                    raise LogError(f"{path}: line {number} is longer than any of a log")
                return
            try:
                yield entry_of(line)
            except ValueError as error:
                raise LogError(f"{path}: line {number}: {error}") from error


def config_of(head: Head) -> PoolConfig:
    """The configuration that the core of the recorded pool went by is returned.

    Args:
        head: of its log.

    Raises:
        ValueError, TypeError, KeyError: it is none of a pool.
    """
    kept = dict(head.setting)
    retry, breaker = dict(kept.pop("retry")), kept.pop("breaker")
    retry["backoff"] = Backoff(**retry["backoff"])
    return PoolConfig(
        **{**kept, "fallback": ELSEWHERE if kept["fallback"] else None},
        retry=RetryPolicy(**retry),
        breaker=BreakerPolicy(**breaker),
    )

"""Replay: a saved counterexample, run again on any layer, any number of times, with a verdict.

A step that the pool no longer offers does not end a replay: the steps after it are tried as far as
they go, and what the pool offered instead is told.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import define, field, frozen

from machines import loop
from machines.counterexample import Counterexample, Worlds
from machines.drivers import Diverged, Layer
from machines.drivers.real import LIMIT_S, RealDriver
from machines.offers import offered
from machines.parts import POOL, Parts
from machines.plain import plain_step
from machines.run import execute
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from machines.drivers.driver import Driver, MakeDriver
    from machines.run import Report
    from machines.trace import Command, Trace
    from model.checker import Checker
    from pool.config import PoolConfig


class Answer(StrEnum):
    """What a replay says of the pool of today; later ones outweigh earlier ones."""

    HOLDS = "holds"
    STALE = "stale"
    DIVERGED = "diverged"
    VIOLATED = "violated"


EXIT: Final = {Answer.HOLDS: 0, Answer.STALE: 3, Answer.DIVERGED: 3, Answer.VIOLATED: 1}


@frozen
class Broken:
    """Which promise was broken, and where."""

    promise: str
    step: int

    def __str__(self) -> str:
        return f"{self.promise} at step {self.step + 1}"


@frozen
class Stale:
    """Where a trace went on without a step, and how far.

    Attributes:
        step: the first that the pool no longer offers.
        offered: what it offered instead.
        after: how many steps come after it.
        possible: how many of those were possible all the same.
    """

    step: int
    offered: tuple[Command, ...]
    after: int
    possible: int

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "step": self.step,
            "offered": [plain_step(command) for command in self.offered],
            "after": self.after,
            "possible": self.possible,
        }


@define
class Replay:
    """All runs of one counterexample on one layer, together.

    Attributes:
        answer: the gravest of the runs' answers.
        promise: the promise that was broken, if one was.
        step: the step that broke it, or the first that the pool no longer offers.
        sentence: what happened, for whoever reads.
        runs: how many runs came to an end.
        violated: how many of them broke a promise.
        digests: the distinct digests, in the order in which they came.
        report: of the run that gave the answer.
        saved: what the file says was broken, and where; None if it says nothing of it.
        stale: where a step was no longer offered, and what became of the rest; None if all were.
    """

    layer: Layer
    saved: Broken | None = None
    answer: Answer = Answer.HOLDS
    promise: str | None = None
    step: int | None = None
    sentence: str = ""
    runs: int = 0
    violated: int = 0
    digests: list[str] = field(factory=list)
    report: Report | None = None
    stale: Stale | None = None

    @property
    def broken(self) -> Broken | None:
        """What was broken, and where; None if nothing was."""
        if self.promise is None or self.step is None:
            return None
        return Broken(self.promise, self.step)

    @property
    def as_saved(self) -> bool:
        """Whether the promise that the file names was broken, at the step that it names."""
        return self.broken is not None and self.broken == self.saved

    def add(self, report: Report) -> None:
        """One run more is taken into account."""
        self.runs += 1
        if report.digest not in self.digests:
            self.digests.append(report.digest)
        if report.unknown:
            why = f"the run came to no end: {', '.join(report.unknown)} unknown"
            if self._grave(Answer.DIVERGED, None, why):
                self.report = report
        elif report.violation is not None:
            self.violated += 1
            if self._grave(Answer.VIOLATED, report.step, report.violation.sentence):
                self.promise, self.report = report.violation.promise, report
        elif report.impossible:
            why = "the pool no longer offers this step"
            if self._grave(Answer.STALE, report.impossible[0], why):
                self.report = report
        self.report = self.report or report

    def diverge(self, why: str) -> None:
        """One run did not come to its end."""
        self._grave(Answer.DIVERGED, None, why)

    def _grave(self, answer: Answer, step: int | None, sentence: str) -> bool:
        """Whether this answer is graver than those before, and so is the answer now."""
        order = list(Answer)
        if order.index(answer) <= order.index(self.answer):
            return False
        self.answer, self.step, self.sentence = answer, step, sentence
        return True

    def facts(self, file: str) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "file": file,
            "layer": self.layer.value,
            "verdict": self.answer.value,
            "promise": self.promise,
            "step": self.step,
            "sentence": self.sentence,
            "digest": self.digests[0] if self.digests else None,
            "digests": len(self.digests),
            "runs": self.runs,
            "violated": self.violated,
            "as_saved": self.as_saved if self.answer is Answer.VIOLATED else None,
            "stale": None if self.stale is None else self.stale.facts(),
        }


class Traced(Protocol):
    """What has a trace to replay: a counterexample, or a flight recorder's file."""

    @property
    def trace(self) -> Trace:
        """The trace."""


def replay(
    example: Traced,
    layer: Layer,
    *,
    times: int = 1,
    parts: Parts = POOL,
    limit_s: float = LIMIT_S,
    promises: Iterable[type[Checker]] = PROMISES,
    after_each: Callable[[], None] = lambda: None,
) -> Replay:
    """The counterexample has run so many times, each in a fresh pool; what came is returned.

    Args:
        example: what to replay.
        layer: where.
        times: how many runs.
        parts: the pool, perhaps with a bug planted in it.
        limit_s: wall-clock seconds that `real` waits for one operating-system fact.
        promises: what the runs are held against.
        after_each: called after each run, for progress.
    """

    def real(config: PoolConfig, parts: Parts) -> Driver:
        return RealDriver(config, parts, limit_s)

    saved = None
    if isinstance(example, Counterexample):
        saved = Broken(example.promise, example.step)
    result = Replay(layer, saved)
    for _ in range(times):
        try:
            driver = real if layer is Layer.REAL else None
            report = _run(example, layer, parts, driver, promises)
            result.add(report)
            if result.stale is None and report.impossible:
                result.stale = stale(example.trace, report, parts)
        except Diverged as error:
            result.diverge(str(error))
            break
        finally:
            after_each()
    return result


def _run(
    example: Traced,
    layer: Layer,
    parts: Parts,
    driver: MakeDriver | None,
    promises: Iterable[type[Checker]],
) -> Report:
    """One run; of a loop, as many times round as show that it is one."""
    if isinstance(example, Counterexample) and loop.begins(example) is not None:
        return loop.execute(example, layer, parts, driver=driver, promises=promises)
    return execute(example.trace, layer, parts, driver=driver, promises=promises)


def stale(whole: Trace, report: Report, parts: Parts = POOL) -> Stale:
    """Where the run went on without a step, and how far.

    Args:
        whole: the trace.
        report: of a run in which a step was impossible.
        parts: the pool, perhaps with a bug planted in it.
    """
    step, *later = report.impossible
    done = len(whole.steps) if report.step is None else min(report.step + 1, len(whole.steps))
    instead = tuple(offered(whole, step, parts))
    return Stale(step, instead, len(whole.steps) - step - 1, done - step - 1 - len(later))


def worlds(replays: Iterable[Replay]) -> Worlds | None:
    """Where a promise was broken, of the worlds that matter; None if in neither, or not tried."""
    violated = {one.layer: one.answer is Answer.VIOLATED for one in replays}
    match violated.get(Layer.SIM), violated.get(Layer.REAL):
        case True, True:
            return Worlds.BOTH
        case True, False:
            return Worlds.SIM
        case False, True:
            return Worlds.REAL
        case _:
            return None

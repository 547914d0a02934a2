"""Natural runs: what becomes of a trace whose schedule nobody dictates.

Clients and faults do what the trace says, in its order. After each of their acts everything that
can happen by itself does, except that functions wait at their gates: workers take what they are
sent, the pool hears what they say, and what it does after a moment is done. What can be seen of the
pool from outside is then the same whenever it is run, on real processes too.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from machines import trace
from machines.drivers import Layer
from machines.parts import POOL, Parts
from machines.run import Run, fair_move
from model import history as saw
from pool import effects
from pool.events import TimerKind
from pool.stats import stats_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from machines.trace import Command, Trace
    from machines.world import World
    from model.checker import Checker

# What the pool does by itself after a moment, and for how long that is waited.
_SOON: Final = (TimerKind.RETRY, TimerKind.BREAKER, TimerKind.STALL)
MOMENT_S: Final = 0.6
MOVES_MAX: Final = 1_000
# The schedule's commands; nobody outside of the pool can give them.
SCHEDULE: Final = (trace.Receive, trace.Deliver, trace.Divert)


@frozen
class View:
    """What can be seen of a pool from outside.

    Attributes:
        started: how many workers were started.
        workers: how many workers are in each state.
        breaker: the state of the breaker.
        sessions: how many sessions are in each state.
        starts: the tasks whose functions started, as often as they did.
        outcomes: how each task ended that has, and the value or exception.
    """

    started: int
    workers: Mapping[str, int]
    breaker: str
    sessions: Mapping[str, int]
    starts: tuple[int, ...]
    outcomes: Mapping[int, tuple[str, Any]]


@frozen
class Act:
    """One act of a client or of a fault.

    Attributes:
        command: what was done.
        view: what was seen when all had come to rest.
        at: virtual seconds, then.
        placed: for each worker the last task that started on it.
    """

    command: Command
    view: View
    at: float
    placed: Mapping[int, int] = field(repr=False)


@frozen
class Natural:
    """A natural run.

    Attributes:
        first: what was seen before the first act.
        acts: those that were possible.
        outcomes: how each task had ended at the end.
        ended_at: virtual seconds, then.
        broken_at: which act broke a promise, or the number of acts if the end did; None if none.
    """

    first: View
    acts: tuple[Act, ...]
    outcomes: Mapping[int, tuple[str, Any]]
    ended_at: float
    broken_at: int | None


class _Watched:
    """A run, and what can be seen of it from outside."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.world: World = run.world
        self.placed: dict[int, int] = {}
        self._starts: list[int] = []
        self._outcomes: dict[int, tuple[str, Any]] = {}
        self._read = 0

    def settle(self) -> None:
        """What happens by itself has happened, and for a moment nothing more does."""
        for _ in range(MOVES_MAX):
            moves = list(self._moves())
            for move in moves:
                self.world.do(move)
            if not moves:
                due = [at for timer, at in self.world.timers.items() if timer.kind in _SOON]
                wait = min(due, default=self.world.now + 2 * MOMENT_S) - self.world.now
                if wait > MOMENT_S:
                    return
                self.world.do(trace.Advance(max(0.0, wait)))

    def _moves(self) -> Iterator[Command]:
        for body in self.world.active.values():
            move = fair_move(body)
            if isinstance(move, trace.Deliver | trace.Receive):
                yield move

    def view(self) -> View:
        """What is seen now."""
        self._look()
        stats = stats_of(self.world.core, {})
        return View(
            stats.started,
            dict(sorted(Counter(worker.state.value for worker in stats.workers).items())),
            stats.breaker.value,
            dict(sorted((state.value, count) for state, count in stats.sessions.items())),
            tuple(sorted(self._starts)),
            dict(sorted(self._outcomes.items())),
        )

    def _look(self) -> None:
        news, self._read = self.world.log[self._read :], len(self.world.log)
        for entry in news:
            if isinstance(entry, saw.Started) and entry.worker is not None:
                self._starts.append(entry.task)
                self.placed[entry.worker] = entry.task
            elif isinstance(entry, saw.Resolved):
                self._outcomes[entry.task] = (entry.ending, entry.value)
            elif isinstance(entry, effects.RefuseTask):
                self._outcomes[entry.task] = ("refused", entry.why.value)


def natural(
    whole: Trace,
    parts: Parts = POOL,
    layer: Layer = Layer.SIM,
    *,
    promises: Iterable[type[Checker]] = (),
) -> Natural:
    """The trace's clients and faults have acted, and nature took its course.

    Args:
        whole: the trace.
        parts: the pool, perhaps with a bug planted in it.
        layer: where.
        promises: what is held against it; once one is broken nobody helps the run to its end.
    """
    broken_at = None
    acts: list[Act] = []
    with Run(whole.setting, layer, parts, promises=promises) as judged:
        watched = _Watched(judged)
        watched.settle()
        first = watched.view()
        for command in whole.steps:
            if isinstance(command, SCHEDULE) or not watched.world.do(command):
                continue
            watched.settle()
            acts.append(Act(command, watched.view(), watched.world.now, dict(watched.placed)))
            if judged.violation is not None and broken_at is None:
                broken_at = len(acts) - 1
        report = judged.finish()
        outcomes = watched.view().outcomes
        if broken_at is None and report.violation is not None:
            broken_at = len(acts)
        return Natural(first, tuple(acts), outcomes, watched.world.now, broken_at)

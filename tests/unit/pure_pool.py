"""A pool that is only a core: no processes, and a clock that a test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pool import effects as do
from pool import events as told
from pool.config import PoolConfig
from pool.core import Core
from pool.events import Reply, Timer, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pool.lifecycle import WorkerState
    from pool.sessions import SessionState

E = TypeVar("E")
# One worker, and nothing that happens by itself, unless a test wants it.
QUIET = {
    "size": 1,
    "init_timeout": None,
    "health_interval": None,
    "session_ttl": None,
    "prefetch": 0,
}


class PurePool:
    """A core, the time, the timers that are set, and everything that was asked for.

    Args:
        ready: how many of the first workers come up at once; None for all.
        settings: those of `PoolConfig` that are not as in `QUIET`.
    """

    def __init__(self, *, ready: int | None = None, **settings: Any) -> None:
        self.core = Core(PoolConfig(**{**QUIET, **settings}))
        self.now = 0.0
        self.timers: dict[Timer, float] = {}
        self.asked: list[do.Effect] = []
        self.tell(told.PoolStarted())
        starting = list(self.core.workers)
        self.ready(*starting[:ready])
        self.started = list(self.asked)

    def tell(self, *events: told.Event) -> list[do.Effect]:
        """What these events make the core ask for, in order."""
        first = len(self.asked)
        for event in events:
            for effect in self.core.handle(event, self.now):
                self.asked.append(effect)
                if isinstance(effect, do.SetTimer):
                    assert effect.at >= self.now
                    self.timers[effect.timer] = effect.at
                elif isinstance(effect, do.ClearTimer):
                    self.timers.pop(effect.timer, None)
        return self.asked[first:]

    def wait(self, seconds: float) -> list[do.Effect]:
        """What is asked for while so much time passes; timers fire when they are due."""
        first, until = len(self.asked), self.now + seconds
        while self.timers and min(self.timers.values()) <= until:
            timer = min(self.timers, key=self.timers.__getitem__)
            self.now = self.timers.pop(timer)
            self.tell(told.TimerFired(timer))
        self.now = until
        return self.asked[first:]

    def fire(self, kind: TimerKind, number: int = 0) -> list[do.Effect]:
        """A timer fires now, set or not: one that was cleared may have been on its way."""
        self.timers.pop(Timer(kind, number), None)
        return self.tell(told.TimerFired(Timer(kind, number)))

    def at(self, kind: TimerKind, number: int = 0) -> float | None:
        """When this timer is due; None if it is not set."""
        return self.timers.get(Timer(kind, number))

    # Events in short.

    def ready(self, *workers: int) -> list[do.Effect]:
        return self.tell(*map(told.WorkerReady, workers))

    def submit(self, *tasks: int, **facts: Any) -> list[do.Effect]:
        return self.tell(*(told.TaskSubmitted(task, **facts) for task in tasks))

    def reply(
        self,
        worker: int,
        task: int,
        how: Reply = Reply.RETURNED,
        *,
        attempt: int = 1,
        heavy: bool = False,
    ) -> list[do.Effect]:
        return self.tell(told.ResultReceived(worker, task, attempt, how, b"4", heavy))

    def exits(self, worker: int, *, unstarted: int = 0) -> list[do.Effect]:
        return self.tell(told.WorkerExited(worker, -9, unstarted))

    def reaped(self, worker: int, *, unstarted: int = 0) -> list[do.Effect]:
        return self.tell(told.WorkerReaped(worker, unstarted))

    def open(self, *sessions: int) -> list[do.Effect]:
        return self.tell(*map(told.SessionOpened, sessions))

    def close(self, session: int) -> list[do.Effect]:
        return self.tell(told.SessionCloseRequested(session))

    def shut(self, *, cancel_waiting: bool = False, grace: float | None = None) -> list[do.Effect]:
        return self.tell(told.ShutdownRequested(cancel_waiting, grace))

    # What is known.

    @property
    def states(self) -> dict[int, WorkerState]:
        return {number: worker.state for number, worker in self.core.workers.items()}

    @property
    def sessions(self) -> dict[int, SessionState]:
        return {number: session.state for number, session in self.core.sessions.items()}


def only(asked: Iterable[do.Effect], kind: type[E]) -> list[E]:
    return [effect for effect in asked if isinstance(effect, kind)]


def sent(asked: Iterable[do.Effect]) -> list[tuple[int, int]]:
    """Which worker was sent which task, in order."""
    return [(effect.worker, effect.task) for effect in only(asked, do.SendTask)]


def outcomes(asked: Iterable[do.Effect]) -> dict[int, do.Outcome]:
    """How tasks resolved; none of them twice."""
    resolved = only(asked, do.ResolveTask)
    ended = {effect.task: effect.outcome for effect in resolved}
    assert len(ended) == len(resolved)
    return ended


def endings(asked: Iterable[do.Effect]) -> dict[int, str]:
    return {task: outcome.ending.value for task, outcome in outcomes(asked).items()}


def becauses(asked: Iterable[do.Effect], worker: int = 0) -> list[str]:
    """What moved a worker, in order."""
    return [move.because.value for move in only(asked, do.WorkerMoved) if move.worker == worker]

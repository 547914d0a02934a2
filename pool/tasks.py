"""Tasks in the core: where they wait, how they are lost and tried again, how they resolve."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pool import effects as do
from pool.breaker import Breaker
from pool.effects import Ending, Outcome
from pool.events import Timer, TimerKind
from pool.lifecycle import WorkerState
from pool.recovery import Category, Strategy, decide, severity_of
from pool.state import MISSES_MAX, Phase, Task, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pool.config import PoolConfig
    from pool.sessions import Session
    from pool.state import Place

# What each ending is, and what was done about it, where nothing more exact is known.
USUAL: Final[Mapping[Ending, tuple[Category, Strategy]]] = MappingProxyType(
    {
        Ending.RAISED: (Category.TASK, Strategy.ABANDON),
        Ending.KILLED: (Category.TASK, Strategy.ABANDON),
        Ending.TIMEOUT: (Category.TIMEOUT, Strategy.ABANDON),
        Ending.LOST: (Category.CONNECTION, Strategy.ABANDON),
        Ending.SESSION_LOST: (Category.SESSION, Strategy.ABANDON),
        Ending.SHUTDOWN: (Category.SYSTEM, Strategy.ABANDON),
        Ending.BROKEN: (Category.INITIALIZATION, Strategy.CIRCUIT_BREAK),
    }
)

_TOUCHED: Final = (WorkerState.DEGRADED, WorkerState.TERMINATING)


class Tasks(ABC):
    """The lowest part of the core: what was accepted and is unresolved, and what is asked for.

    Args:
        config: the pool's configuration.
    """

    def __init__(self, config: PoolConfig) -> None:
        self.config = config
        self.phase = Phase.OPEN
        self.breaker = Breaker(config.breaker)
        self.tasks: dict[int, Task] = {}
        self.workers: dict[int, Worker] = {}
        self.waiting: Place = OrderedDict()  # accepted and never handed out, for any worker
        self.returning: Place = OrderedDict()  # to be handed out again, before all others
        self.resting: Place = OrderedDict()  # backing off before that
        self.away: Place = OrderedDict()  # with the fallback executor
        self.queued = 0  # in `waiting` and in the workers' own queues
        self.accepted = 0
        self.retried = 0
        self.endings: dict[Ending, int] = dict.fromkeys(Ending, 0)
        self._now = 0.0
        self._out: list[do.Effect] = []
        self._rng = random.Random(config.retry.seed)  # noqa: S311 - jitter, not a secret

    # In.

    def _accept(self, task: Task, place: Place, deadline: float | None) -> None:
        """The task is the pool's from now on, and waits."""
        number = task.number
        self.accepted += 1
        task.order = self.accepted
        self.tasks[number] = task
        task.place = place
        place[number] = task
        self.queued += 1
        if deadline is not None:
            timer = Timer(TimerKind.DEADLINE, number)
            self._out.append(do.SetTimer(timer, self._now + deadline))

    def _leave(self, task: Task) -> None:
        """The task waits no longer where it waited."""
        place, task.place = task.place, None
        if place is None:
            return
        del place[task.number]
        if place is self.resting:
            self._out.append(do.ClearTimer(Timer(TimerKind.RETRY, task.number)))
        elif place is not self.returning and place is not self.away:
            self.queued -= 1

    def _put(self, task: Task, place: Place) -> None:
        self._leave(task)
        task.place = place
        place[task.number] = task

    # Lost, and tried again.

    def _lose_task(
        self,
        task: Task,
        detail: str,
        *,
        started: bool,
        category: Category = Category.CONNECTION,
    ) -> None:
        """The task's worker is lost: it is tried again if it may be, or resolves as lost."""
        self._end_attempt(task, started=started)
        if task.session is not None:
            self._resolve(task, Ending.SESSION_LOST, detail=detail)
        elif not self._may_run_again(task) or not self._try_again(task, category, started=started):
            self._resolve(task, Ending.LOST, detail=detail, category=category)

    def _end_attempt(self, task: Task, *, started: bool) -> None:
        """No worker holds the task any more, and this attempt is counted."""
        worker, task.worker = task.worker, None
        assert worker is not None  # noqa: S101 - only what a worker holds is an attempt
        task.last_worker = worker.number
        if worker.task is task:
            worker.task = None
        task.attempt += 1
        if started:
            task.starts += 1
        else:
            task.misses += 1

    def _may_run_again(self, task: Task) -> bool:
        if self.breaker.exhausted:  # no worker will come for it
            return self._may_fail_over(task)
        return task.starts <= task.retries and task.misses <= MISSES_MAX

    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        """Whether the task waits for another attempt, at once or after a back-off."""
        strategy, delay = Strategy.IMMEDIATE_RETRY, 0.0
        if started:  # an attempt that never started is no failure of the task
            decision = decide(
                self.config.retry,
                category,
                task.starts,
                self._rng,
                touches_all=self._touches_all(),
                previous=task.waited,
            )
            if decision.strategy is Strategy.FAILOVER and self._may_fail_over(task):
                self._fail_over(task)
                return True
            if decision.delay is None:
                return False
            strategy, delay = decision.strategy, decision.delay
        task.waited = delay
        self.retried += 1
        self._out.append(do.RetryPlanned(task.number, task.attempt, delay, strategy))
        self._put(task, self.resting if delay else self.returning)
        if delay:
            timer = Timer(TimerKind.RETRY, task.number)
            self._out.append(do.SetTimer(timer, self._now + delay))
        return True

    def _rested(self, task: Task) -> None:
        """The task's back-off is over."""
        if task.place is self.resting:
            self._put(task, self.returning)

    def _touches_all(self) -> bool:
        """Whether, of several workers, none is left that is well and not on its way out."""
        return len(self.workers) > 1 and all(w.state in _TOUCHED for w in self.workers.values())

    # Given to the fallback executor.

    def _may_fail_over(self, task: Task) -> bool:
        fits = task.session is None and task.starts <= task.retries
        return self.config.fallback is not None and fits

    def _fail_over(self, task: Task) -> None:
        self._put(task, self.away)
        self._out.append(do.FailOver(task.number))

    # Out.

    def _resolve(
        self,
        task: Task,
        ending: Ending,
        payload: Any = None,
        *,
        detail: str = "",
        category: Category | None = None,
        strategy: Strategy | None = None,
    ) -> None:
        """The task's client has its one answer, and the pool forgets the task."""
        outcome = self._outcome(task, ending, payload, detail, category, strategy)
        session = task.session
        self.endings[ending] += 1
        self._forget(task)
        self._out.append(do.ResolveTask(task.number, outcome))
        if session is not None:
            self._session_task_ended(session)

    def _outcome(
        self,
        task: Task,
        ending: Ending,
        payload: Any,
        detail: str,
        category: Category | None,
        strategy: Strategy | None,
    ) -> Outcome:
        worker = task.worker
        if worker is not None:
            holder: int | None = worker.number
            attempt, started = task.attempt, True
        else:
            holder, attempt = task.last_worker, task.starts + task.misses
            started = task.starts > 0 or task.place is self.away
        session = None if task.session is None else task.session.number
        usual = USUAL.get(ending)
        if usual is None:
            return Outcome(ending, payload, holder, attempt, started, detail, session)
        category, strategy = category or usual[0], strategy or usual[1]
        touches_all = ending is Ending.LOST and self._touches_all()
        severity = severity_of(category, task.starts, touches_all=touches_all)
        return Outcome(
            ending,
            payload,
            holder,
            attempt,
            started,
            detail,
            session,
            category,
            severity,
            strategy,
        )

    def _forget(self, task: Task) -> None:
        del self.tasks[task.number]
        if task.place is not None:
            self._leave(task)
        worker, task.worker = task.worker, None
        if worker is not None and worker.task is task:
            worker.task = None  # one that was sent ahead stays there, until it is known to be out
        if task.timed:
            self._out.append(do.ClearTimer(Timer(TimerKind.DEADLINE, task.number)))

    @abstractmethod
    def _session_task_ended(self, session: Session) -> None:
        """One task fewer of this session is unresolved."""

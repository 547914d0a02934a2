"""Workers in the core: in, through their life, and out; their health, wear and replacement."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from pool import effects as do
from pool.breaker import BreakerBecause, BreakerState
from pool.effects import Ending
from pool.events import Timer, TimerKind
from pool.lifecycle import LIFECYCLE, Action, Because, Row, WorkerState, next_row
from pool.recovery import Category, Treatment, severity_of
from pool.sessions import Sessions
from pool.state import Phase, Wear, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pool.config import PoolConfig
    from pool.sessions import Session
    from pool.state import Task

# What is looked at for each task: a global costs a small part of an enumeration's member.
_INITIALIZING: Final = WorkerState.INITIALIZING
_READY: Final = WorkerState.READY
_TERMINATED: Final = WorkerState.TERMINATED
_NONE: Final = Wear.NONE
_CHECKOUT: Final = Because.CHECKOUT
_CHECKIN_SUCCESS: Final = Because.CHECKIN_SUCCESS
_CHECKIN_ERROR: Final = Because.CHECKIN_ERROR
_AT_HAND: Final = (WorkerState.READY, WorkerState.DEGRADED)
_SERVING: Final = (WorkerState.READY, WorkerState.BUSY, WorkerState.DEGRADED)
HEALTH: Final = Timer(TimerKind.HEALTH, 0)
BREAKER: Final = Timer(TimerKind.BREAKER, 0)

# What each way of failing is, and what becomes of its worker.
TROUBLES: Final[Mapping[Because, tuple[Category, Treatment]]] = MappingProxyType(
    {
        Because.INIT_FAILED: (Category.INITIALIZATION, Treatment.RETRY),
        Because.INIT_TIMEOUT: (Category.INITIALIZATION, Treatment.RETRY),
        Because.SPAWN_FAILED: (Category.RESOURCE, Treatment.RETRY),
        Because.EXITED: (Category.CONNECTION, Treatment.REPLACE),
        Because.CORRUPT: (Category.COMMUNICATION, Treatment.REPLACE),
        Because.TIMEOUT: (Category.TIMEOUT, Treatment.REPLACE),
        Because.RECOVERY_DEGRADE: (Category.RESOURCE, Treatment.DEGRADE),
        Because.HEALTH_CHECK_FAILED: (Category.HEALTH_CHECK, Treatment.DEGRADE),
        Because.HEALTH_CHECK_LIMIT: (Category.HEALTH_CHECK, Treatment.REMOVE),
    }
)


class Workers(Sessions):
    """The part of the core that starts workers, watches them and lets them go.

    Attributes:
        watched: whether anybody wants to be told of the moves to `busy` and back, too; without them
            a task costs less. All other moves are always told.

    Args:
        config: the pool's configuration.
    """

    lifecycle: ClassVar[Mapping[WorkerState, Mapping[Because, Row]]] = LIFECYCLE

    def __init__(self, config: PoolConfig) -> None:
        super().__init__(config)
        self.watched = True
        self.idle: list[Worker] = []
        self._called: list[Worker] = []  # perhaps idle, with sessions' tasks of their own
        self.starting = 0
        self.sent_ahead = 0
        self.started = 0
        self.live_most = 0
        self._actions: dict[Action, Callable[[Worker], None]] = {
            Action.SEND: self._send,
            Action.STOP: self._stop,
            Action.KILL: self._kill,
            Action.CHECK: self._check,
        }

    # In.

    def _staff_up(self) -> None:
        """Workers start while there are too few, as far as the breaker lets them."""
        demand = len(self.waiting) + len(self.returning)
        wanted = self.config.size if self.phase is Phase.OPEN and not self.config.lazy else 0
        room = self.config.size + self.config.max_overflow
        while (
            (len(self.workers) < wanted or self.starting < demand)
            and len(self.workers) < room
            and self.breaker.admits(self.starting)
        ):
            self._spawn()

    def _spawn(self) -> None:
        worker = Worker(self.started)
        self.started += 1
        self.workers[worker.number] = worker
        self.live_most = max(self.live_most, len(self.workers))
        self.starting += 1
        self._out.append(do.SpawnWorker(worker.number))
        self._set_worker_timer(TimerKind.INIT, worker, self.config.init_timeout)

    # Through its life.

    def _move(self, worker: Worker, because: Because) -> None:
        """The one place where a worker's state changes: its row fires, with the row's effects."""
        before = worker.state
        row = self.lifecycle[before].get(because)
        after, actions = row or next_row(self.lifecycle, worker.number, before, because)
        worker.state = after
        if before is _READY:
            if worker in self.idle:
                self.idle.remove(worker)
        elif before is _INITIALIZING:
            self.starting -= 1
        if self.watched or because not in (_CHECKOUT, _CHECKIN_SUCCESS, _CHECKIN_ERROR):
            self._out.append(do.WorkerMoved(worker.number, before, because, after))
        if after is _TERMINATED:
            del self.workers[worker.number]
        for action in actions:
            self._actions[action](worker)

    def _send(self, worker: Worker) -> None:
        task = worker.task
        assert task is not None  # noqa: S101 - the checkout gave it one
        if task.worker is worker:
            return  # it was sent ahead
        task.worker = worker
        session = task.session
        if session is None:
            self._out.append(do.SendTask(worker.number, task.number, task.attempt))
            return
        opens = session.sent == 0
        session.sent += 1
        self._out.append(
            do.SendTask(worker.number, task.number, task.attempt, session.number, opens)
        )

    def _stop(self, worker: Worker) -> None:
        """The worker is told to end by itself, and is killed if it does not."""
        self._out.append(do.StopWorker(worker.number))
        worker.stopping = True
        self._set_worker_timer(TimerKind.STOP, worker, self.config.grace)

    def _kill(self, worker: Worker) -> None:
        self._out.append(do.KillWorker(worker.number))

    def _drop_state(self, session: Session, worker: Worker) -> None:
        if worker.state is WorkerState.TERMINATING:
            return  # its state goes with it
        self._out.append(do.DropSession(worker.number, session.number))
        if worker in self.idle and not self._recycle_worn(worker):  # only its sessions kept it
            self._watch_spare(worker)

    def _rest(self, worker: Worker) -> None:
        """A ready worker without a task is recycled if it is worn, or idle."""
        if worker.wear is not _NONE and self._recycle_worn(worker):
            return
        self.idle.append(worker)
        if worker.queue:
            self._called.append(worker)
        self._watch_spare(worker)

    def _watch_spare(self, worker: Worker) -> None:
        if len(self.workers) > self.config.size:
            self._set_worker_timer(TimerKind.SPARE, worker, self.config.overflow_idle)

    # Its health.

    def _check_all(self) -> None:
        for worker in list(self.workers.values()):
            if worker.state is WorkerState.DEGRADED or worker in self.idle:
                self._check(worker)
        if self.phase is Phase.OPEN or self.workers:
            self._watch_health()

    def _watch_health(self) -> None:
        if self.config.health_interval is not None:
            self._out.append(do.SetTimer(HEALTH, self._now + self.config.health_interval))

    def _check(self, worker: Worker) -> None:
        if worker.check:
            return
        worker.checks += 1
        worker.check = worker.checks
        self._out.append(do.CheckWorker(worker.number, worker.check))
        self._set_worker_timer(TimerKind.CHECK, worker, self.config.health_timeout)

    def _end_check(self, worker: Worker) -> None:
        if worker.check:
            worker.check = 0
            self._clear_worker_timer(TimerKind.CHECK, worker)

    def _check_answered(self, worker: Worker, *, heavy: bool) -> None:
        self._end_check(worker)
        worker.missed = 0
        if heavy:
            worker.wear = Wear.MEMORY
        if worker.state is not WorkerState.DEGRADED:
            self._recycle_worn(worker)
        elif not self._recycle_worn(worker):
            self._move(worker, Because.HEALTH_RESTORED)
            self._rest(worker)

    def _check_missed(self, worker: Worker) -> None:
        if not worker.check:
            return  # it has answered just before this was told
        worker.check = 0
        worker.missed += 1
        if worker.state is WorkerState.READY:
            self._degrade(worker, Because.HEALTH_CHECK_FAILED, "it did not answer a health check")
        if worker.missed >= self.config.health_failures_max:
            words = f"it did not answer {worker.missed} health checks in a row"
            self._lose_worker(worker, Because.HEALTH_CHECK_LIMIT, words)
        elif self.config.health_interval is None:
            self._check(worker)  # no clock of checks will ask it again

    def _degrade(self, worker: Worker, because: Because, detail: str) -> None:
        self._move(worker, because)
        self._report(worker, because, detail)

    def _report(self, worker: Worker, because: Because, detail: str) -> None:
        trouble = TROUBLES.get(because)
        if trouble is not None:
            category, treatment = trouble
            severity = severity_of(category, worker.missed, touches_all=self._touches_all())
            self._out.append(do.Trouble(worker.number, category, severity, treatment, detail))

    # Its wear.

    def _served(self, worker: Worker, *, heavy: bool) -> None:
        """The worker answered a task."""
        worker.served += 1
        if heavy:
            worker.wear = Wear.MEMORY
        elif worker.served == self.config.tasks_max and worker.wear is _NONE:
            worker.wear = Wear.TASKS

    def _aged(self, worker: Worker) -> None:
        if worker.wear is Wear.NONE:
            worker.wear = Wear.AGE
        self._recycle_worn(worker)

    def _recycle_worn(self, worker: Worker) -> bool:
        """Whether the worker is worn and has nothing in hand, and so is recycled now.

        Sessions keep a worker from being recycled for its age or its tasks; too much memory does
        not wait for them.
        """
        if worker.wear is Wear.NONE or worker.state not in _AT_HAND:
            return False
        if worker.wear is not Wear.MEMORY and worker.sessions:
            return False
        self._recycle(worker)
        return True

    def _recycle(self, worker: Worker) -> None:
        self._forget_timers(worker)
        self._move(worker, Because.RECYCLE)
        self._lose_sessions(worker, f"its worker was recycled: {worker.wear.value}")

    def _retire_spare(self, worker: Worker) -> None:
        """A worker beyond the pool's size that has had nothing to do for a while goes."""
        if worker in self.idle and not worker.sessions and self._spare():
            self._recycle(worker)

    def _spare(self) -> bool:
        staying = sum(w.state is not WorkerState.TERMINATING for w in self.workers.values())
        return staying > self.config.size

    # Out.

    def _lose_worker(
        self,
        worker: Worker,
        because: Because,
        detail: str,
        *,
        unstarted: int | None = None,
        killed: bool = False,
    ) -> None:
        """The worker is on its way out, and what it held is lost with it.

        `unstarted` says how many of the tasks that it held certainly never started; None says
        that its own has, and that of those sent ahead it is known when the process is dead.
        """
        next_row(self.lifecycle, worker.number, worker.state, because)  # or nothing is changed
        if worker.state is WorkerState.INITIALIZING:
            self._start_failed(detail, killed=killed)  # before anything may start in its place
        self._forget_timers(worker)
        self._move(worker, because)
        self._report(worker, because, detail)
        category = TROUBLES.get(because, (Category.CONNECTION,))[0]
        self._lose_held(worker, detail, category, unstarted)
        self._lose_sessions(worker, detail)

    def _lose_held(
        self, worker: Worker, detail: str, category: Category, unstarted: int | None
    ) -> None:
        head, worker.task = worker.task, None
        held = [] if head is None else [head]
        if unstarted is not None:
            held += self._taken_from(worker)
        first = len(held) - (unstarted or 0)
        for at, task in enumerate(held):
            if task.number in self.tasks:
                self._lose_task(task, detail, started=at < first, category=category)

    def _taken_from(self, worker: Worker) -> list[Task]:
        """What was sent ahead to a worker is with it no more."""
        ahead = list(worker.ahead)
        worker.ahead.clear()
        self.sent_ahead -= len(ahead)
        return ahead

    def _reaped(self, worker: Worker, unstarted: int = 0) -> None:
        """The worker's process is no more; now it is certain what of its tasks it had begun."""
        if worker.stopping:
            self._clear_worker_timer(TimerKind.STOP, worker)
        self._move(worker, Because.REAPED)
        if worker.ahead:
            self._lose_held(worker, "its worker was killed", Category.CONNECTION, unstarted)

    def _start_failed(self, detail: str, *, killed: bool) -> None:
        because = self.breaker.failed(killed=killed)
        if because is not None:
            self._move_breaker(because)
            if self.breaker.exhausted:
                self._break(detail)
            else:
                self._out.append(do.SetTimer(BREAKER, self._now + self.breaker.cooldown))

    def _start_succeeded(self) -> None:
        because = self.breaker.succeeded()
        if because is not None:
            self._move_breaker(because)

    def _breaker_cooled(self) -> None:
        if self.breaker.state is BreakerState.OPEN:
            self._move_breaker(BreakerBecause.COOLED)

    def _move_breaker(self, because: BreakerBecause) -> None:
        before = self.breaker.state
        after = self.breaker.move(because)
        self._out.append(do.BreakerMoved(before, because, after))

    def _helpless(self) -> bool:
        """Whether no worker serves, and for now none may start."""
        if self.breaker.exhausted:
            return True
        return self.breaker.state is BreakerState.OPEN and not any(
            worker.state in _SERVING for worker in self.workers.values()
        )

    def _break(self, detail: str) -> None:
        """No further start is tried; what waits is told so, unless the fallback may have it."""
        if self.phase is Phase.OPEN:
            self.phase = Phase.BROKEN
        self._out.append(do.PoolBroke(detail))
        for task in list(self.tasks.values()):
            if task.place is not None and not self._may_fail_over(task):
                self._resolve(task, Ending.BROKEN, detail=detail)

    # Timers of one worker.

    def _set_worker_timer(self, kind: TimerKind, worker: Worker, after: float | None) -> None:
        if after is not None:
            self._out.append(do.SetTimer(Timer(kind, worker.number), self._now + after))

    def _clear_worker_timer(self, kind: TimerKind, worker: Worker) -> None:
        self._out.append(do.ClearTimer(Timer(kind, worker.number)))

    def _forget_timers(self, worker: Worker) -> None:
        """No timer of a worker that is on its way out fires any more, but that of its stop."""
        if worker.state is WorkerState.INITIALIZING:
            if self.config.init_timeout is not None:
                self._clear_worker_timer(TimerKind.INIT, worker)
            return
        self._end_check(worker)
        if self.config.age_max is not None:
            self._clear_worker_timer(TimerKind.AGE, worker)
        if self.config.max_overflow:
            self._clear_worker_timer(TimerKind.SPARE, worker)

"""The pool's mind: an event and the time go in, effects come out.

`Core` has no input or output, clock, thread or randomness of its own, and never depends on hash
order; the same events at the same times give the same effects, whichever driver performs them.
Worker states change only through the lifecycle table. A fact that comes too late (a reply from
a worker that was given up, the exit of one that is being killed) is recognised before the table
is asked, by the guards at the top of each handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pool import effects as do
from pool import events as told
from pool import exits
from pool.dispatch import QUICK_S, STALL, Dispatch
from pool.effects import Ending, Refusal
from pool.events import Reply, Timer, TimerKind
from pool.lifecycle import Because, WorkerState
from pool.recovery import Category, Strategy
from pool.state import Phase, Task, Wear, Worker
from pool.workers import BREAKER, HEALTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig
    from pool.sessions import Session

GRACE: Final = Timer(TimerKind.GRACE, 0)

# What is looked at for each task: a global costs a small part of an enumeration's member.
_OPEN: Final = Phase.OPEN
_READY: Final = WorkerState.READY
_TERMINATING: Final = WorkerState.TERMINATING
_CHECKIN_SUCCESS: Final = Because.CHECKIN_SUCCESS
_RETURNED: Final = Reply.RETURNED
_HAS_RETURNED: Final = Ending.RETURNED


class Core(Dispatch):
    """Decides everything that the pool does; remembers only what it needs for that.

    It stands on `Tasks`, `Sessions`, `Workers` and `Dispatch`, which keep the books of each; here
    events come in, and the pool itself ends.

    Args:
        config: the pool's configuration.
        watched: whether anybody watches; see `Workers.watched`.
    """

    def __init__(self, config: PoolConfig, *, watched: bool = True) -> None:
        super().__init__(config)
        self.watched = watched
        self.grace_at: float | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            told.PoolStarted: self._pool_started,
            told.TaskSubmitted: self._task_submitted,
            told.CancelRequested: self._cancel_requested,
            told.KillRequested: self._kill_requested,
            told.SessionOpened: lambda event: self._open_session(event.session),
            told.SessionReopened: lambda event: self._reopen_session(event.session),
            told.SessionCloseRequested: lambda event: self._close_session(event.session),
            told.FallbackEnded: self._fallback_ended,
            told.ShutdownRequested: self._shutdown_requested,
            told.WorkerReady: self._worker_ready,
            told.WorkerInitFailed: self._worker_init_failed,
            told.SpawnFailed: self._spawn_failed,
            told.ResultReceived: self._result_received,
            told.TasksRecalled: self._tasks_recalled,
            told.HealthReported: self._health_reported,
            told.FrameCorrupt: self._frame_corrupt,
            told.WorkerExited: self._worker_exited,
            told.WorkerReaped: self._worker_reaped,
            told.TimerFired: self._timer_fired,
        }
        self._timers: dict[TimerKind, Callable[[int], None]] = {
            TimerKind.DEADLINE: self._for_task(self._deadline_passed),
            TimerKind.RETRY: self._for_task(self._rested),
            TimerKind.INIT: self._for_worker(self._start_timed_out),
            TimerKind.CHECK: self._for_worker(self._check_missed),
            TimerKind.AGE: self._for_worker(self._aged),
            TimerKind.SPARE: self._for_worker(self._retire_spare),
            TimerKind.STOP: self._for_worker(self._kill),
            TimerKind.SESSION: self._session_expired,
            TimerKind.HEALTH: lambda _: self._check_all(),
            TimerKind.BREAKER: lambda _: self._breaker_cooled(),
            TimerKind.STALL: lambda _: self._look_for_stalls(),
            TimerKind.GRACE: lambda _: self._grace_over(),
        }

    def handle(self, event: told.Event, now: float) -> list[do.Effect]:
        """The event is taken into account, and what must be done is returned, in order.

        Args:
            event: what happened.
            now: driver seconds; never less than at the call before.

        Raises:
            LifecycleError: the event's worker has no row for it; nothing was changed for it.
        """
        self._now = now
        self._out = []
        self._handlers[type(event)](event)
        self._dispatch()
        if self.phase is not _OPEN:
            self._advance_phase()
        return self._out

    # What clients ask for.

    def _pool_started(self, _: told.PoolStarted) -> None:
        self._watch_health()

    def _task_submitted(self, event: told.TaskSubmitted) -> None:
        session = None if event.session is None else self._usable(event.session)
        if (refusal := self._refusal(event, session)) is not None:
            self._out.append(do.RefuseTask(event.task, refusal))
            return
        task = Task(event.task, event.retries, event.deadline is not None)
        if session is None:
            self._accept(task, self.waiting, event.deadline)
        else:
            self._accept_for(session, task, event.deadline)
            if session.worker is not None:
                self._called.append(session.worker)

    def _refusal(self, event: told.TaskSubmitted, session: Session | None) -> Refusal | None:
        if self.phase is not _OPEN:
            if self.phase is not Phase.BROKEN:
                return Refusal.SHUTDOWN
            if event.session is not None or not self._diverts:
                return Refusal.BROKEN
        if event.session is not None and session is None:
            return Refusal.SESSION_LOST
        limit = self.config.queue_limit
        if limit is not None and self.queued >= limit and not self._may_start_now(session):
            return Refusal.SATURATED
        return None

    def _may_start_now(self, session: Session | None) -> bool:
        if session is not None and session.worker is not None:
            return session.worker in self.idle
        return bool(self.idle) or (self._diverts and session is None and self._helpless())

    def _cancel_requested(self, event: told.CancelRequested) -> None:
        task = self.tasks.get(event.task)
        if task is None:
            return
        if task.place is None:
            self._take_back(task, Ending.CANCELLED)
        elif task.starts == 0 and task.place is not self.away:
            self._resolve(task, Ending.CANCELLED)

    def _kill_requested(self, event: told.KillRequested) -> None:
        task = self.tasks.get(event.task)
        if task is None:
            return
        if task.place is not None and task.starts == 0 and task.place is not self.away:
            self._resolve(task, Ending.CANCELLED)
        elif not self._take_back(task, Ending.KILLED):
            self._end_task(task, Ending.KILLED, Because.CANCELLED)

    def _fallback_ended(self, event: told.FallbackEnded) -> None:
        task = self.away.get(event.task)
        if task is None:
            return
        if event.reply is None:
            self._leave(task)  # it did not start there
            self._resolve(
                task,
                Ending.BROKEN,
                detail=event.detail,
                category=Category.SYSTEM,
                strategy=Strategy.FAILOVER,
            )
        else:
            ending = Ending.RETURNED if event.reply is Reply.RETURNED else Ending.RAISED
            self._resolve(task, ending, event.payload)

    def _shutdown_requested(self, event: told.ShutdownRequested) -> None:
        if self.phase is Phase.CLOSED:
            return
        self.phase = Phase.CLOSING
        if event.cancel_waiting:
            for task in list(self.tasks.values()):
                self._cancel_requested(told.CancelRequested(task.number))
        if event.grace is not None:
            self._bound_shutdown(event.grace)

    # What workers do.

    def _worker_ready(self, event: told.WorkerReady) -> None:
        worker = self.workers.get(event.worker)
        if worker is None or worker.state is WorkerState.TERMINATING:
            return
        if worker.state is not WorkerState.INITIALIZING:
            self._lose_worker(worker, Because.CORRUPT, "it said twice that it was ready")
            return
        self._forget_timers(worker)
        self._move(worker, Because.INIT_COMPLETE)
        self._start_succeeded()
        self._set_worker_timer(TimerKind.AGE, worker, self.config.age_max)
        self._rest(worker)

    def _worker_init_failed(self, event: told.WorkerInitFailed) -> None:
        worker = self.workers.get(event.worker)
        if worker is None or worker.state is WorkerState.TERMINATING:
            return
        starting = worker.state is WorkerState.INITIALIZING
        because = Because.INIT_FAILED if starting else Because.CORRUPT  # it had said it was ready
        words = f"its initializer raised {event.detail or 'an exception'}"
        self._lose_worker(worker, because, words)

    def _spawn_failed(self, event: told.SpawnFailed) -> None:
        worker = self.workers.get(event.worker)
        if worker is None:
            return
        if worker.state is WorkerState.TERMINATING:
            self._reaped(worker)  # told to stop before it was known that it never existed
        else:
            words = f"its process was refused: {event.detail}" if event.detail else _REFUSED
            self._lose_worker(worker, Because.SPAWN_FAILED, words)

    def _result_received(self, event: told.ResultReceived) -> None:
        worker = self.workers.get(event.worker)
        if worker is None or worker.state is _TERMINATING:
            self._out.append(do.ResultDropped(event.worker, event.task, event.attempt))
            return
        task = worker.task
        if task is None or task.number != event.task or task.attempt != event.attempt:
            self._lose_worker(worker, Because.CORRUPT, "it answered a task that it does not hold")
            return
        quick = self._now - worker.since <= QUICK_S
        self._served(worker, heavy=event.heavy)
        self._check_in(worker, event.reply)
        if event.reply is _RETURNED:
            self._resolve(task, _HAS_RETURNED, event.payload)
        else:
            self._failed(task, event.reply, event.payload)
        if worker.ahead:
            self._promote(worker)
        elif worker.state is _READY:
            self._rest(worker)
        if quick and self.waiting and self.config.prefetch:
            if self.idle:
                self._dispatch()
            self._send_ahead(worker)

    def _check_in(self, worker: Worker, reply: Reply) -> None:
        if reply is _RETURNED:
            self._move(worker, _CHECKIN_SUCCESS)
        elif reply is Reply.RAISED or worker.ahead or worker.wear is Wear.MEMORY:
            self._move(worker, Because.CHECKIN_ERROR)
        else:
            self._degrade(worker, Because.RECOVERY_DEGRADE, "its task ran out of a resource")

    def _failed(self, task: Task, reply: Reply, payload: Any) -> None:
        """The task's function raised: it is tried again if it may be, or its client is told."""
        category = Category.RESOURCE if reply is Reply.EXHAUSTED else Category.TASK
        self._end_attempt(task, started=True)
        again = task.session is None and self._may_run_again(task)
        if not again or not self._try_again(task, category, started=True):
            self._resolve(task, Ending.RAISED, payload, category=category)

    def _tasks_recalled(self, event: told.TasksRecalled) -> None:
        worker = self.workers.get(event.worker)
        if worker is None:
            return
        self._recalled(worker, event.tasks)

    def _health_reported(self, event: told.HealthReported) -> None:
        worker = self.workers.get(event.worker)
        if worker is None or worker.state is WorkerState.TERMINATING:
            return
        if not worker.answered < event.check <= worker.checks:
            words = "it answered a health check that it does not owe"
            self._lose_worker(worker, Because.CORRUPT, words)
            return
        worker.answered = event.check
        if event.check == worker.check:
            self._check_answered(worker, heavy=event.heavy)

    def _frame_corrupt(self, event: told.FrameCorrupt) -> None:
        worker = self.workers.get(event.worker)
        if worker is None:
            return
        if worker.state is WorkerState.TERMINATING:
            self._kill(worker)  # nothing that it says is heard any more, not even its end
            return
        self._lose_worker(worker, Because.CORRUPT, f"it sent a bad frame ({event.reason})")

    def _worker_exited(self, event: told.WorkerExited) -> None:
        worker = self.workers.get(event.worker)
        if worker is None:
            return
        if worker.state is WorkerState.TERMINATING:
            self._kill(worker)  # it stopped as it was told to; what is left of it is reaped
            return
        detail = exits.words(event.code)
        killed = exits.was_killed(event.code)
        self._lose_worker(worker, Because.EXITED, detail, unstarted=event.unstarted, killed=killed)

    def _worker_reaped(self, event: told.WorkerReaped) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None:
            self._reaped(worker, event.unstarted)

    # What the clock does.

    def _timer_fired(self, event: told.TimerFired) -> None:
        kind, number = event.timer
        self._timers[kind](number)

    def _for_task(self, act: Callable[[Task], None]) -> Callable[[int], None]:
        def fire(number: int) -> None:
            task = self.tasks.get(number)
            if task is not None:
                act(task)

        return fire

    def _for_worker(self, act: Callable[[Worker], None]) -> Callable[[int], None]:
        def fire(number: int) -> None:
            worker = self.workers.get(number)
            if worker is not None:
                act(worker)

        return fire

    def _deadline_passed(self, task: Task) -> None:
        if not self._take_back(task, Ending.TIMEOUT):
            self._end_task(task, Ending.TIMEOUT, Because.TIMEOUT)

    def _start_timed_out(self, worker: Worker) -> None:
        if worker.state is WorkerState.INITIALIZING:
            self._lose_worker(worker, Because.INIT_TIMEOUT, "it took too long to start")

    def _grace_over(self) -> None:
        for task in list(self.tasks.values()):
            self._resolve(task, Ending.SHUTDOWN)
        for worker in list(self.workers.values()):
            busy = worker.state is WorkerState.BUSY
            if worker.state is not WorkerState.TERMINATING:
                self._retire(worker)
            if not busy:  # its row has asked for that already
                self._kill(worker)

    def _end_task(self, task: Task, ending: Ending, because: Because) -> None:
        """The task resolves now; if a worker holds it, that worker ends too."""
        worker = task.worker
        self._resolve(task, ending)
        if worker is not None:
            self._lose_worker(worker, because, f"task {task.number} was ended ({because})")

    # The pool's own life.

    def _advance_phase(self) -> None:
        if not self.waiting and not self.returning and not self.resting:
            for worker in list(self.workers.values()):
                if worker.state in _DISPENSABLE and not worker.queue:
                    self._retire(worker)
        if not self.tasks and not self.workers and self.phase is not Phase.CLOSED:
            self._all_gone()

    def _retire(self, worker: Worker) -> None:
        self._forget_timers(worker)
        self._end_sessions(worker.sessions)
        self._move(worker, Because.SHUTDOWN)

    def _bound_shutdown(self, grace: float) -> None:
        at = self._now + grace
        if self.grace_at is None or at < self.grace_at:
            self.grace_at = at
            self._out.append(do.SetTimer(GRACE, at))

    def _all_gone(self) -> None:
        if self.grace_at is not None:
            self.grace_at = None
            self._out.append(do.ClearTimer(GRACE))
        self._end_sessions(self.sessions)
        if self.phase is Phase.CLOSING:
            self.phase = Phase.CLOSED
            self._out += [do.ClearTimer(HEALTH), do.ClearTimer(BREAKER), do.ClearTimer(STALL)]
            self._out.append(do.PoolClosed())


_DISPENSABLE: Final = (WorkerState.INITIALIZING, WorkerState.READY, WorkerState.DEGRADED)
_REFUSED: Final = "its process was refused"

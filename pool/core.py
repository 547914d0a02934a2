"""The pool's mind: an event and the time go in, effects come out.

`Core` has no input or output, clock, thread or randomness of its own, and never depends on hash
order; the same events at the same times give the same effects, whichever driver performs them.
Worker states change only through the lifecycle table. A fact that comes too late (a reply from
a worker that was given up, the exit of one that is being killed) is recognised before the table
is asked, by the guards at the top of each handler.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pool import effects as do
from pool import events as told
from pool.effects import Ending, Outcome, Refusal
from pool.events import Reply, Timer, TimerKind
from pool.lifecycle import LIFECYCLE, Action, Because, Row, WorkerState, next_row
from pool.state import MISSES_MAX, Phase, Task, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pool.config import PoolConfig

GRACE: Final = Timer(TimerKind.GRACE, 0)


class Core:
    """Decides everything that the pool does; remembers only what it needs for that.

    Args:
        config: the pool's configuration.
    """

    lifecycle: ClassVar[Mapping[WorkerState, Mapping[Because, Row]]] = LIFECYCLE

    def __init__(self, config: PoolConfig) -> None:
        self.config = config
        self.phase = Phase.OPEN
        self.workers: dict[int, Worker] = {}
        self.tasks: dict[int, Task] = {}
        self.waiting: OrderedDict[int, Task] = OrderedDict()
        self.returning: OrderedDict[int, Task] = OrderedDict()
        self.idle: list[Worker] = []
        self.start_failures = 0
        self.grace_at: float | None = None
        self._next_worker = 0
        self._now = 0.0
        self._out: list[do.Effect] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            told.PoolStarted: self._pool_started,
            told.TaskSubmitted: self._task_submitted,
            told.CancelRequested: self._cancel_requested,
            told.KillRequested: self._kill_requested,
            told.ShutdownRequested: self._shutdown_requested,
            told.WorkerReady: self._worker_ready,
            told.WorkerInitFailed: self._worker_init_failed,
            told.SpawnFailed: self._spawn_failed,
            told.ResultReceived: self._result_received,
            told.FrameCorrupt: self._frame_corrupt,
            told.WorkerExited: self._worker_exited,
            told.WorkerReaped: self._worker_reaped,
            told.TimerFired: self._timer_fired,
        }
        self._actions: dict[Action, Callable[[Worker], None]] = {
            Action.SEND: self._send,
            Action.STOP: self._stop,
            Action.KILL: self._kill,
            Action.REPLACE: self._replace,
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
        self._advance_phase()
        return self._out

    # What clients ask for.

    def _pool_started(self, _: told.PoolStarted) -> None:
        while len(self.workers) < self.config.size:
            self._spawn()

    def _task_submitted(self, event: told.TaskSubmitted) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._out.append(do.RefuseTask(event.task, refusal))
            return
        timed = event.deadline is not None
        task = Task(event.task, event.retries, timed)
        self.tasks[event.task] = task
        self.waiting[event.task] = task
        if event.deadline is not None:
            timer = Timer(TimerKind.DEADLINE, event.task)
            self._out.append(do.SetTimer(timer, self._now + event.deadline))

    def _refusal(self) -> Refusal | None:
        if self.phase is Phase.BROKEN:
            return Refusal.BROKEN
        if self.phase is not Phase.OPEN:
            return Refusal.SHUTDOWN
        limit = self.config.queue_limit
        if limit is not None and not self.idle and len(self.waiting) >= limit:
            return Refusal.SATURATED
        return None

    def _cancel_requested(self, event: told.CancelRequested) -> None:
        if event.task in self.waiting:
            self._resolve(self.tasks[event.task], Ending.CANCELLED)

    def _kill_requested(self, event: told.KillRequested) -> None:
        task = self.tasks.get(event.task)
        if task is None:
            return
        if task.number in self.waiting:
            self._resolve(task, Ending.CANCELLED)
        else:
            self._end_task(task, Ending.KILLED, Because.CANCELLED)

    def _shutdown_requested(self, event: told.ShutdownRequested) -> None:
        if self.phase is Phase.CLOSED:
            return
        self.phase = Phase.CLOSING
        if event.cancel_waiting:
            for task in list(self.waiting.values()):
                self._resolve(task, Ending.CANCELLED)
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
        self.start_failures = 0
        self._clear_init(worker)
        self._move(worker, Because.INIT_COMPLETE)
        self.idle.append(worker)

    def _worker_init_failed(self, event: told.WorkerInitFailed) -> None:
        worker = self.workers.get(event.worker)
        if worker is None or worker.state is WorkerState.TERMINATING:
            return
        if worker.state is WorkerState.INITIALIZING:
            self._lose_worker(worker, Because.INIT_FAILED, "its initializer raised")
        else:
            self._lose_worker(worker, Because.CORRUPT, "it failed to start after it was ready")

    def _spawn_failed(self, event: told.SpawnFailed) -> None:
        worker = self.workers.get(event.worker)
        if worker is None:
            return
        if worker.state is WorkerState.TERMINATING:
            self._reaped(worker)  # told to stop before it was known that it never existed
        else:
            self._lose_worker(worker, Because.SPAWN_FAILED, "its process was refused")

    def _result_received(self, event: told.ResultReceived) -> None:
        worker = self.workers.get(event.worker)
        if worker is None or worker.state is WorkerState.TERMINATING:
            self._out.append(do.ResultDropped(event.worker, event.task, event.attempt))
            return
        task = worker.task
        if task is None or (task.number, task.attempt) != (event.task, event.attempt):
            self._lose_worker(worker, Because.CORRUPT, "it answered a task that it does not hold")
            return
        success = event.reply is Reply.RETURNED
        self._move(worker, Because.CHECKIN_SUCCESS if success else Because.CHECKIN_ERROR)
        self._resolve(task, Ending.RETURNED if success else Ending.RAISED, event.payload)
        self.idle.append(worker)

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
        detail = "it exited" if event.code is None else f"it exited with code {event.code}"
        self._lose_worker(worker, Because.EXITED, detail, started=event.unstarted == 0)

    def _worker_reaped(self, event: told.WorkerReaped) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None:
            self._reaped(worker)

    def _reaped(self, worker: Worker) -> None:
        self._move(worker, Because.REAPED)

    # What the clock does.

    def _timer_fired(self, event: told.TimerFired) -> None:
        kind, number = event.timer
        if kind is TimerKind.DEADLINE:
            task = self.tasks.get(number)
            if task is not None:
                self._deadline_passed(task)
        elif kind is TimerKind.INIT:
            worker = self.workers.get(number)
            if worker is not None and worker.state is WorkerState.INITIALIZING:
                self._lose_worker(worker, Because.INIT_TIMEOUT, "it took too long to start")
        else:
            self._grace_over()

    def _deadline_passed(self, task: Task) -> None:
        self._end_task(task, Ending.TIMEOUT, Because.TIMEOUT)

    def _grace_over(self) -> None:
        for task in list(self.tasks.values()):
            self._resolve(task, Ending.SHUTDOWN)
        for worker in list(self.workers.values()):
            if worker.state is WorkerState.BUSY:
                self._move(worker, Because.SHUTDOWN)
                continue
            if worker.state is not WorkerState.TERMINATING:
                self._retire(worker)
            self._kill(worker)

    # Tasks: to a worker, back from it, and out.

    def _dispatch(self) -> None:
        while self.idle and (self.returning or self.waiting):
            queue = self.returning or self.waiting
            _, task = queue.popitem(last=False)
            self._checkout(self.idle.pop(), task)

    def _checkout(self, worker: Worker, task: Task) -> None:
        worker.task = task
        task.worker = worker
        task.last_worker = worker.number
        self._move(worker, Because.CHECKOUT)

    def _end_task(self, task: Task, ending: Ending, because: Because) -> None:
        """The task resolves now; if a worker holds it, that worker ends too."""
        worker = task.worker
        self._resolve(task, ending)
        if worker is not None:
            self._move(worker, because)

    def _lose_task(self, task: Task, detail: str, *, started: bool) -> None:
        """The task goes back to the head of the queue if it may run again, or resolves as lost."""
        attempt = task.attempt
        task.worker = None
        if started:
            task.starts += 1
        else:
            task.misses += 1
        if self._may_run_again(task):
            self.returning[task.number] = task
        else:
            self._resolve(task, Ending.LOST, detail=detail, attempt=attempt)

    def _may_run_again(self, task: Task) -> bool:
        if self.phase is Phase.BROKEN or self._gave_up():
            return False
        return task.starts <= task.retries and task.misses <= MISSES_MAX

    def _resolve(
        self,
        task: Task,
        ending: Ending,
        payload: Any = None,
        *,
        detail: str = "",
        attempt: int | None = None,
    ) -> None:
        held = task.worker is not None
        if attempt is None:
            attempt = task.attempt if held else task.attempt - 1
        started = held or task.starts > 0
        self._forget(task)
        outcome = Outcome(ending, payload, task.last_worker, attempt, started, detail)
        self._out.append(do.ResolveTask(task.number, outcome))

    def _forget(self, task: Task) -> None:
        del self.tasks[task.number]
        self.waiting.pop(task.number, None)
        self.returning.pop(task.number, None)
        if task.worker is not None:
            task.worker.task = None
            task.worker = None
        if task.timed:
            self._out.append(do.ClearTimer(Timer(TimerKind.DEADLINE, task.number)))

    # Workers: in, through their life, and out.

    def _spawn(self) -> None:
        worker = Worker(self._next_worker)
        self._next_worker += 1
        self.workers[worker.number] = worker
        self._out.append(do.SpawnWorker(worker.number))
        if self.config.init_timeout is not None:
            timer = Timer(TimerKind.INIT, worker.number)
            self._out.append(do.SetTimer(timer, self._now + self.config.init_timeout))

    def _move(self, worker: Worker, because: Because) -> None:
        """The one place where a worker's state changes: its row fires, with the row's effects."""
        before = worker.state
        after, actions = next_row(self.lifecycle, worker.number, before, because)
        worker.state = after
        if worker in self.idle:
            self.idle.remove(worker)
        self._out.append(do.WorkerMoved(worker.number, before, because, after))
        if after is WorkerState.TERMINATED:
            del self.workers[worker.number]
        for action in actions:
            self._actions[action](worker)

    def _send(self, worker: Worker) -> None:
        task = worker.task
        assert task is not None  # noqa: S101 - the checkout gave it one
        self._out.append(do.SendTask(worker.number, task.number, task.attempt))

    def _stop(self, worker: Worker) -> None:
        self._out.append(do.StopWorker(worker.number))

    def _kill(self, worker: Worker) -> None:
        self._out.append(do.KillWorker(worker.number))

    def _replace(self, _: Worker) -> None:
        short = len(self.workers) < self.config.size
        wanted = self.phase is Phase.OPEN or bool(self.waiting or self.returning)
        if short and wanted and not self._gave_up():
            self._spawn()

    def _gave_up(self) -> bool:
        return self.start_failures >= self.config.start_failures_max

    def _lose_worker(
        self, worker: Worker, because: Because, detail: str, *, started: bool = True
    ) -> None:
        """The worker is on its way out, and the task that it held, if any, is lost with it."""
        if worker.state is WorkerState.INITIALIZING:
            self._clear_init(worker)
            self._start_failed()
        self._move(worker, because)
        if worker.task is not None:
            task, worker.task = worker.task, None
            self._lose_task(task, detail, started=started)

    def _clear_init(self, worker: Worker) -> None:
        if self.config.init_timeout is not None:
            self._out.append(do.ClearTimer(Timer(TimerKind.INIT, worker.number)))

    def _start_failed(self) -> None:
        self.start_failures += 1
        if self.start_failures == self.config.start_failures_max:
            self._break()

    def _break(self) -> None:
        if self.phase is Phase.OPEN:
            self.phase = Phase.BROKEN
        self._out.append(do.PoolBroke())
        for task in [*self.returning.values(), *self.waiting.values()]:
            self._resolve(task, Ending.BROKEN)

    # The pool's own life.

    def _advance_phase(self) -> None:
        if self.phase not in (Phase.CLOSING, Phase.BROKEN):
            return
        if not self.waiting and not self.returning:
            for worker in list(self.workers.values()):
                if worker.state in (WorkerState.INITIALIZING, WorkerState.READY):
                    self._retire(worker)
        if not self.tasks and self.workers and self.grace_at is None:
            self._bound_shutdown(self.config.grace)
        if not self.workers:
            self._all_gone()

    def _retire(self, worker: Worker) -> None:
        if worker.state is WorkerState.INITIALIZING:
            self._clear_init(worker)
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
        if self.phase is Phase.CLOSING:
            self.phase = Phase.CLOSED
            self._out.append(do.PoolClosed())

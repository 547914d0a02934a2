"""Planted bugs in how tasks are tried again, how they end, and who may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool import effects as do
from pool.core import Core
from pool.effects import Ending
from pool.events import Timer, TimerKind
from pool.lifecycle import LIFECYCLE, Action, Because, WorkerState

if TYPE_CHECKING:
    from pool.events import CancelRequested, Reply, TaskSubmitted
    from pool.recovery import Category
    from pool.sessions import Session
    from pool.state import Place, Task, Worker


class _EarlyDeadline(Core):
    def _accept(self, task: Task, place: Place, deadline: float | None) -> None:
        super()._accept(task, place, None if deadline is None else deadline * 0.9)


class _CancelledThoughItRuns(Core):
    def _cancel_requested(self, event: CancelRequested) -> None:
        task = self.tasks.get(event.task)
        if task is None or task.worker is None or task.worker.task is not task:
            super()._cancel_requested(event)
        else:
            self._end_task(task, Ending.CANCELLED, Because.CANCELLED)


class _ResultToTheYoungest(Core):
    def _resolve(self, task: Task, ending: Ending, payload: Any = None, **told: Any) -> None:
        if ending is Ending.RETURNED:
            running = [w.task for w in self.workers.values() if w.task is not None]
            task = max([task, *running], key=lambda task: task.order)
        super()._resolve(task, ending, payload, **told)


class _OneRetryTooMany(Core):
    def _may_run_again(self, task: Task) -> bool:
        task.retries += 1
        again = super()._may_run_again(task)
        task.retries -= 1
        return again


class _ScarcityIsNoStart(Core):
    def _failed(self, task: Task, reply: Reply, payload: Any) -> None:
        starts = task.starts
        super()._failed(task, reply, payload)
        task.starts = starts


class _IdleTwice(Core):
    lifecycle = {  # noqa: RUF012 - an override of the core's own class variable
        **LIFECYCLE,
        WorkerState.BUSY: {
            **LIFECYCLE[WorkerState.BUSY],
            Because.CHECKOUT: (WorkerState.BUSY, (Action.SEND,)),
        },
    }

    def _rest(self, worker: Worker) -> None:
        super()._rest(worker)
        if worker in self.idle:
            self.idle.append(worker)


class _RefusesWithoutNeed(Core):
    def _may_start_now(self, session: Session | None) -> bool:
        del session
        return False


class _LeavesTwice(Core):
    def _leave(self, task: Task) -> None:
        if task.place is self.returning:
            self.queued -= 1
        super()._leave(task)


class _DeadlineFromDispatch(Core):
    def _task_submitted(self, event: TaskSubmitted) -> None:
        super()._task_submitted(event)
        if event.deadline is not None:
            self._out.append(do.ClearTimer(Timer(TimerKind.DEADLINE, event.task)))

    def _send(self, worker: Worker) -> None:
        super()._send(worker)
        if worker.task is not None and worker.task.timed:
            timer = Timer(TimerKind.DEADLINE, worker.task.number)
            self._out.append(do.SetTimer(timer, self._now + 1.0))


class _RetryForgetsTheDeadline(Core):
    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        tried = super()._try_again(task, category, started=started)
        if tried and task.timed:
            self._out.append(do.ClearTimer(Timer(TimerKind.DEADLINE, task.number)))
        return tried


class _CancelMissesSessions(Core):
    def _cancel_requested(self, event: CancelRequested) -> None:
        task = self.tasks.get(event.task)
        place = None if task is None else task.place
        super()._cancel_requested(event)
        if task is not None and task.session is not None and event.task not in self.tasks:
            self.tasks[task.number] = task
            task.session.pending += 1
            task.place = place
            if place is not None:
                place[task.number] = task
                self.queued += 1


class _RestsForEver(Core):
    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        tried = super()._try_again(task, category, started=started)
        timer = Timer(TimerKind.RETRY, task.number)
        self._out[:] = [e for e in self._out if not (type(e) is do.SetTimer and e.timer == timer)]
        return tried


ANSWERS: Final = (
    Mutant(
        "early-deadline",
        "S1",
        "a deadline comes a tenth too early",
        Parts(core=_EarlyDeadline),
    ),
    Mutant(
        "cancelled-though-it-runs",
        "S1",
        "a running task that is cancelled is said never to have started",
        Parts(core=_CancelledThoughItRuns),
    ),
    Mutant(
        "result-to-the-youngest",
        "S2",
        "a result is given to the youngest task that runs",
        Parts(core=_ResultToTheYoungest),
    ),
    Mutant(
        "one-retry-too-many",
        "S3",
        "a task is tried once more than it allows",
        Parts(core=_OneRetryTooMany),
    ),
    Mutant(
        "scarcity-is-no-start",
        "S3",
        "an attempt that ran out of a resource is not counted",
        Parts(core=_ScarcityIsNoStart),
    ),
    Mutant(
        "idle-twice",
        "S4",
        "a worker stands in the list of the idle twice",
        Parts(core=_IdleTwice),
    ),
    Mutant(
        "refuses-without-need",
        "S9",
        "a task is refused although a worker is idle",
        Parts(core=_RefusesWithoutNeed),
    ),
    Mutant(
        "leaves-twice",
        "S9",
        "a task that is handed out again is taken off the count of the waiting again",
        Parts(core=_LeavesTwice),
    ),
    Mutant(
        "deadline-from-dispatch",
        "S10",
        "a deadline runs only once the task is handed to a worker",
        Parts(core=_DeadlineFromDispatch),
    ),
    Mutant(
        "retry-forgets-the-deadline",
        "S10",
        "a task that is tried again has no deadline any more",
        Parts(core=_RetryForgetsTheDeadline),
    ),
    Mutant(
        "cancel-misses-sessions",
        "S11",
        "a session's cancelled task stays in its worker's queue",
        Parts(core=_CancelMissesSessions),
    ),
    Mutant(
        "rests-for-ever",
        "L1",
        "the timer that ends a task's back-off is forgotten",
        Parts(core=_RestsForEver),
    ),
)

"""Planted bugs in what becomes of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.core import Core
from pool.effects import Ending, Outcome, ResolveTask, SendTask
from pool.lifecycle import WorkerState
from pool.recovery import Category

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pool.effects import Refusal
    from pool.events import CancelRequested, ResultReceived, TaskSubmitted
    from pool.sessions import Session
    from pool.state import Task, Worker


class _LostWithItsWorker(Core):
    def _lose_task(self, task: Task, *_: Any, **__: Any) -> None:
        self._forget(task)


class _ResolvedTwiceAfterRetry(Core):
    def _lose_task(
        self, task: Task, detail: str, *, started: bool, category: Category = Category.CONNECTION
    ) -> None:
        super()._lose_task(task, detail, started=started, category=category)
        if task.number in self.returning:
            lost = Outcome(Ending.LOST, None, task.last_worker, task.attempt, started, detail)
            self._out.append(ResolveTask(task.number, lost))


class _LiesAboutStart(Core):
    def _lose_task(
        self, task: Task, detail: str, *, started: bool, category: Category = Category.CONNECTION
    ) -> None:
        if not self._may_run_again(task) or task.retries == 0:
            task.retries = task.starts = 0
            started = False
            task.misses = 100
        super()._lose_task(task, detail, started=started, category=category)


class _LateResultToTheNext(Core):
    def _result_received(self, event: ResultReceived) -> None:
        worker = self.workers.get(event.worker)
        task = worker.task if worker is not None else None
        if task is not None and event.task < task.number:
            event = attrs.evolve(event, task=task.number, attempt=task.attempt)
        super()._result_received(event)


class _StartsWhatMayHaveStarted(Core):
    def _may_run_again(self, task: Task) -> bool:
        return not self.breaker.exhausted and task.starts + task.misses <= 2


class _CheckedOutTwice(Core):
    def _dispatch(self) -> None:
        super()._dispatch()
        busy = [w for w in self.workers.values() if w.state is WorkerState.BUSY]
        if self.waiting and busy:
            _, task = self.waiting.popitem(last=False)
            self._out.append(SendTask(busy[0].number, task.number, task.attempt))


class _OneTooManyWaits(Core):
    def _refusal(self, event: TaskSubmitted, session: Session | None) -> Refusal | None:
        limit = self.config.queue_limit
        if limit is not None and self.queued == limit and event.session is None:
            return None
        return super()._refusal(event, session)


class _CancelledStillStarts(Core):
    def _cancel_requested(self, event: CancelRequested) -> None:
        task = self.waiting.get(event.task)
        super()._cancel_requested(event)
        if task is not None:
            self.tasks[task.number] = self.waiting[task.number] = task


class _TakenForTakenBack(Core):
    def _recalled(self, worker: Worker, numbers: Iterable[int]) -> None:
        del numbers
        super()._recalled(worker, [task.number for task in worker.ahead])


class _Mute(Core):
    def _resolve(self, task: Task, *_: Any, **__: Any) -> None:
        self._forget(task)


CANARY: Final = Mutant("canary", "L1", "no task ever resolves", Parts(core=_Mute))

TASKS: Final = (
    Mutant(
        "lost-with-its-worker",
        "L1",
        "a task is forgotten when its worker dies between checkout and reply",
        Parts(core=_LostWithItsWorker),
    ),
    Mutant(
        "resolved-twice-after-retry",
        "S1",
        "a task that is tried again has told its client already that it was lost",
        Parts(core=_ResolvedTwiceAfterRetry),
    ),
    Mutant(
        "lies-about-start",
        "S1",
        "a task that was lost while it ran is said never to have started",
        Parts(core=_LiesAboutStart),
    ),
    Mutant(
        "late-result-to-the-next",
        "S2",
        "a late result of an earlier task is given to the task that its worker holds now",
        Parts(core=_LateResultToTheNext),
    ),
    Mutant(
        "starts-what-may-have-started",
        "S3",
        "a lost task is started again though it was not declared idempotent",
        Parts(core=_StartsWhatMayHaveStarted),
    ),
    Mutant(
        "taken-for-taken-back",
        "S3",
        "a task that was sent ahead is handed out again though its worker has taken it up",
        Parts(core=_TakenForTakenBack),
        # Nothing is sent ahead before a worker was quick once and two tasks wait after the next.
        steps_max=12,
    ),
    Mutant(
        "checked-out-twice",
        "S4",
        "a waiting task is sent to a worker that is busy",
        Parts(core=_CheckedOutTwice),
    ),
    Mutant(
        "one-too-many-waits",
        "S9",
        "the queue takes one task more than its limit",
        Parts(core=_OneTooManyWaits),
    ),
    Mutant(
        "cancelled-still-starts",
        "S11",
        "a cancelled task stays in the queue",
        Parts(core=_CancelledStillStarts),
    ),
)

"""Dispatch in the core: which idle worker gets which task, and what is sent ahead.

While many tasks wait, a worker that answers quickly is sent a few more than the one that it
holds, so that it need not wait for the pool between two. Such a task has no worker yet in any
sense that a client could see: it is taken back, by the kernel's own arbitration, when another
worker is idle, when its deadline passes, when it is cancelled, or when the worker stalls. What
cannot be taken back has been taken up by the worker and will be its next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pool import effects as do
from pool.effects import Ending
from pool.events import Timer, TimerKind
from pool.lifecycle import Because, WorkerState
from pool.state import Recall, Wear
from pool.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pool.config import PoolConfig
    from pool.state import Task, Worker

# What is looked at for each task: a global costs a small part of an enumeration's member.
_BUSY: Final = WorkerState.BUSY
_CHECKOUT: Final = Because.CHECKOUT
_NONE: Final = Wear.NONE
_ASKED: Final = Recall.ASKED

STALL: Final = Timer(TimerKind.STALL, 0)
# A worker that answers within this is quick; tasks are sent ahead only to such.
QUICK_S: Final = 0.002
# A worker that answers nothing for so long has what was sent ahead taken back.
STALL_S: Final = 0.01


class Dispatch(Workers):
    """The part of the core that brings tasks and workers together.

    Args:
        config: the pool's configuration.
    """

    def __init__(self, config: PoolConfig) -> None:
        super().__init__(config)
        self._room = config.size + config.max_overflow
        self._diverts = config.fallback is not None
        self._stalls_watched = False

    def _dispatch(self) -> None:
        """Idle workers have what there is for them; the oldest task goes first."""
        if self.idle:
            self._hand_out()
        if self._called:
            self._called.clear()
        if len(self.workers) < self._room and (
            self.waiting or self.returning or len(self.workers) < self.config.size
        ):
            self._staff_up()
        if self._diverts and self.tasks and self._helpless():
            self._divert()

    def _hand_out(self) -> None:
        if self._called:
            self._answer_calls(before_others=True)
        while self.idle and (self.returning or self.waiting):
            queue = self.returning or self.waiting
            self._checkout(self._choose(), next(iter(queue.values())))
        if self._called:
            self._answer_calls(before_others=False)
        if self.sent_ahead and self.idle:
            self._steal()

    def _answer_calls(self, *, before_others: bool) -> None:
        """Idle workers run their own sessions' tasks; a task for any worker goes before younger."""
        for worker in self._called:
            if not worker.queue or worker not in self.idle:
                continue
            own = next(iter(worker.queue.values()))
            others = next(iter((self.returning or self.waiting).values()), None)
            if not before_others or others is None or own.order < others.order:
                self._checkout(worker, own)

    def _choose(self) -> Worker:
        """The idle worker that the next task goes to: one without sessions if there is one."""
        idle = self.idle
        if self.placed and len(idle) > 1:
            least = min(len(worker.sessions) for worker in idle)
            idle = [worker for worker in idle if len(worker.sessions) == least]
        return idle[-1] if self.config.strategy == "lifo" else idle[0]

    def _checkout(self, worker: Worker, task: Task) -> None:
        self._leave(task)
        if task.session is not None and task.session.worker is None:
            self._place_session(task.session, worker)
        self._end_check(worker)
        if len(self.workers) > self.config.size:
            self._clear_worker_timer(TimerKind.SPARE, worker)
        worker.task = task
        worker.since = self._now
        self._move(worker, _CHECKOUT)

    def _divert(self) -> None:
        """What waits although no worker can come is given to the fallback executor."""
        for place in (self.returning, self.resting, self.waiting):
            for task in list(place.values()):
                if self._may_fail_over(task):
                    self._fail_over(task)

    # Sent ahead, and taken back.

    def _send_ahead(self, worker: Worker) -> None:
        """A worker that is quick has a few more tasks at hand, while many wait."""
        if worker.state is not _BUSY or worker.queue or worker.wear is not _NONE:
            return
        if self.returning or worker.recall is _ASKED:
            return  # what waits for an idle worker must not wait for ever
        # Half a load at once: the driver writes several frames together.
        waiting, ahead, prefetch = self.waiting, worker.ahead, self.config.prefetch
        had = len(ahead)
        if had > prefetch // 2:
            return
        room = min(prefetch - had, len(waiting) // len(self.workers) - 1)
        if self.config.tasks_max is not None:
            room = min(room, self.config.tasks_max - worker.served - 1 - had)
        for _ in range(room):
            number, task = next(iter(waiting.items()))
            if task.session is not None:
                break
            del waiting[number]
            task.place = None
            task.worker = worker
            ahead.append(task)
            self._out.append(do.SendTask(worker.number, number, task.attempt, ahead=True))
        more = len(ahead) - had
        if more:
            worker.recall = Recall.NOT_ASKED
            self.queued -= more
            self.sent_ahead += more
            if not self._stalls_watched:
                self._watch_stalls()

    def _watch_stalls(self) -> None:
        self._stalls_watched = True
        self._out.append(do.SetTimer(STALL, self._now + STALL_S))

    def _promote(self, worker: Worker) -> None:
        """The worker has come to the first of what was sent ahead to it."""
        task = worker.ahead.popleft()
        self.sent_ahead -= 1
        worker.task = task
        worker.since = self._now
        if task.worker is worker:
            self._move(worker, _CHECKOUT)
            return
        # It was too late to take it back, and it has resolved; so its worker ends with it.
        task.worker = worker
        self._move(worker, _CHECKOUT)
        task.worker = worker.task = None
        because = Because.TIMEOUT if task.due is Ending.TIMEOUT else Because.CANCELLED
        self._lose_worker(worker, because, f"task {task.number} was ended ({because})")

    def _take_back(self, task: Task, due: Ending) -> bool:
        """Whether the task was sent ahead, so that this ending waits for whether it comes back."""
        worker = task.worker
        if worker is None or worker.task is task:
            return False
        task.due = due
        if worker.state is WorkerState.TERMINATING or worker.recall is Recall.DONE:
            self._end_taken(task)
        else:
            self._recall(worker)
        return True

    def _recall(self, worker: Worker) -> None:
        if worker.recall is Recall.NOT_ASKED:
            worker.recall = Recall.ASKED
            self._out.append(do.RecallTasks(worker.number))

    def _recalled(self, worker: Worker, numbers: Iterable[int]) -> None:
        """These tasks wait again, or end as they were due to; the worker has the others."""
        worker.recall = Recall.DONE
        came_back = set(numbers)
        for task in list(worker.ahead):
            if task.number in came_back:
                worker.ahead.remove(task)
                self.sent_ahead -= 1
                if task.worker is not None:
                    self._come_back(task)
            elif task.worker is not None:
                self._end_taken(task)

    def _come_back(self, task: Task) -> None:
        task.worker = None
        if task.due is None:
            self._put(task, self.returning)
        else:
            ending = Ending.CANCELLED if task.due is Ending.KILLED else task.due
            self._resolve(task, ending)

    def _end_taken(self, task: Task) -> None:
        """The worker has it or may have it: it ends in a way that admits so, or not yet."""
        if task.due is Ending.CANCELLED:
            task.due = None
        elif task.due is not None:
            self._resolve(task, task.due)

    def _steal(self) -> None:
        """What is behind one worker's task is taken back for another worker that is idle."""
        laden = [
            worker
            for worker in self.workers.values()
            if worker.ahead
            and worker.state is WorkerState.BUSY
            and worker.recall is Recall.NOT_ASKED
        ]
        if laden:
            self._recall(max(laden, key=lambda worker: len(worker.ahead)))

    def _look_for_stalls(self) -> None:
        for worker in self.workers.values():
            if worker.ahead and worker.state is WorkerState.BUSY and worker.looked == worker.served:
                self._recall(worker)
            worker.looked = worker.served
        self._stalls_watched = False
        if self.sent_ahead:
            self._watch_stalls()

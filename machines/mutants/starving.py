"""Planted bugs in who is served when: somebody starves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.core import Core

if TYPE_CHECKING:
    from pool.state import Place, Task, Worker


class _LastInFirstOut(Core):
    def _checkout(self, worker: Worker, task: Task) -> None:
        if task.place is self.waiting:
            task = next(reversed(self.waiting.values()))
        super()._checkout(worker, task)


class _SessionsFirst(Core):
    def _answer_calls(self, *, before_others: bool) -> None:
        if before_others:
            super()._answer_calls(before_others=False)


class _SessionsLast(Core):
    def _answer_calls(self, *, before_others: bool) -> None:
        if not before_others:
            super()._answer_calls(before_others=False)


class _BackOfTheLine(Core):
    def _put(self, task: Task, place: Place) -> None:
        super()._put(task, self.waiting if place is self.returning else place)
        if task.place is self.waiting:
            self.queued += 1

    def _hand_out(self) -> None:
        for task in [task for task in self.waiting.values() if task.attempt > 1]:
            self.waiting.move_to_end(task.number)
        super()._hand_out()


class _LongestWaitsLongest(Core):
    def _rest(self, worker: Worker) -> None:
        if len(worker.queue) > 1:
            worker.queue.move_to_end(next(iter(worker.queue)))
        super()._rest(worker)


class _StallsUnwatched(Core):
    def _look_for_stalls(self) -> None:
        self._stalls_watched = False


STARVING: Final = (
    Mutant(
        "last-in-first-out",
        "L4",
        "of what waits for any worker the youngest goes first",
        Parts(core=_LastInFirstOut),
    ),
    Mutant(
        "sessions-first",
        "L4",
        "a worker's sessions go before older tasks that wait for any worker",
        Parts(core=_SessionsFirst),
    ),
    Mutant(
        "sessions-last",
        "L4",
        "a worker's sessions go after younger tasks that wait for any worker",
        Parts(core=_SessionsLast),
    ),
    Mutant(
        "back-of-the-line",
        "L4",
        "a task that comes back lets everybody pass who waits",
        Parts(core=_BackOfTheLine),
        steps_max=9,
    ),
    Mutant(
        "longest-waits-longest",
        "L4",
        "a worker that has rested begins with the second of its sessions' tasks",
        Parts(core=_LongestWaitsLongest),
    ),
    Mutant(
        "stalls-unwatched",
        "L4",
        "what was sent ahead is left with a worker that does not come to it",
        Parts(core=_StallsUnwatched),
        # Nothing is sent ahead before a worker was quick once and two tasks wait after the next.
        steps_max=10,
    ),
)

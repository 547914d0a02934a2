"""The promise that nobody starves: who came first is served first, and nobody waits behind a wall.

That workers serve somebody as long as anybody waits is S16's to say; here it is said whom.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import define

from model import history as saw
from model import session as lifecycle
from model.checker import Checker, Verdict, Watches

# Seconds for which a task that was sent ahead may lie behind one that does not end.
BEHIND_S_MAX: Final = 0.05


@define
class _Task:
    """An unresolved task.

    Attributes:
        came: its place among all submissions and returns, from its submission.
        since: the same, from when it began to wait as it does now; None while it does not wait.
        due: until when it backs off before it waits again, in driver seconds; None if it does not.
    """

    number: int
    session: int | None
    came: int
    since: int | None
    due: float | None = None


class NobodyStarves(Checker):
    """L4: a worker takes nobody's task before one that waited for it before that was submitted.

    The bound is therefore nought: of the tasks that a worker could run, none is overtaken by one
    that was submitted after it had begun to wait. What waits for any worker (anonymous tasks, and
    those of sessions that live nowhere yet) is one line; a session's tasks wait for its worker
    alone, and stand in line there by the same rule. A task whose worker was lost waits again from
    then on, or from the end of its back-off. One that was sent ahead waits no more; it is begun,
    or taken back to wait again, `BEHIND_S_MAX` seconds after its living worker last answered.
    """

    promise = "L4"
    words = "nobody starves"
    at_once = False

    def __init__(self) -> None:
        super().__init__()
        self._tasks: dict[int, _Task] = {}
        self._line: dict[int, _Task] = {}  # for any worker, by since
        self._own: dict[int, dict[int, _Task]] = {}  # for one session's worker, by session
        self._home: dict[int, int] = {}
        self._resting: dict[int, _Task] = {}
        self._planned: list[_Task] = []  # its `due` counts from the time that is told next
        self._ahead: dict[int, dict[int, float | None]] = {}  # by worker and task: since when
        self._count = 0
        self._overslept = False

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.RetryPlanned: self._retry_planned,
            saw.Recalled: self._recalled,
            saw.Started: self._started,
            saw.Moved: self._moved,
            saw.Died: self._died,
            saw.Diverted: self._diverted,
            saw.Resolved: self._resolved,
            saw.SessionMoved: self._session_moved,
            saw.Overslept: self._oversleep,
            saw.Told: self._told,
            saw.Healed: self._healed,
        }

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _submitted(self, record: saw.Submitted) -> None:
        came = self._next()
        task = _Task(record.task, record.session, came, came)
        self._tasks[record.task] = task
        self._wait(task)

    def _wait(self, task: _Task) -> None:
        if task.session is not None and task.session in self._home:
            self._own.setdefault(task.session, {})[task.number] = task
        else:
            self._line[task.number] = task

    def _leave(self, task: _Task) -> None:
        task.since = task.due = None
        self._line.pop(task.number, None)
        self._resting.pop(task.number, None)
        if task.session is not None and (own := self._own.get(task.session)) is not None:
            own.pop(task.number, None)

    def _assigned(self, record: saw.Assigned) -> str | None:
        task = self._tasks.get(record.task)
        if task is None:
            return None
        self._leave(task)
        if record.ahead:
            self._ahead.setdefault(record.worker, {})[task.number] = None
        if task.session is not None and task.session not in self._home:
            self._place(task.session, record.worker)
        older = self._overtaken(record.worker, task)
        if older is None:
            return None
        waited = f"task {older.number}, which it could have run, had waited"
        return (
            f"worker {record.worker} was given task {task.number}, though {waited} since before "
            "that was submitted"
        )

    def _place(self, session: int, worker: int) -> None:
        """The session lives there; what it has waits for that worker alone from now on."""
        self._home[session] = worker
        for task in [task for task in self._line.values() if task.session == session]:
            del self._line[task.number]
            self._wait(task)

    def _overtaken(self, worker: int, task: _Task) -> _Task | None:
        """Who could have been given to this worker and was there before the task came."""
        first = next(iter(self._line.values()), None)
        candidates = [] if first is None else [first]
        for session, own in self._own.items():
            if own and self._home.get(session) == worker:
                candidates += own.values()
        before = [x for x in candidates if x.since is not None and x.since < task.came]
        return min(before, key=lambda x: x.came, default=None)

    def _retry_planned(self, record: saw.RetryPlanned) -> None:
        task = self._tasks.get(record.task)
        if task is None:
            return
        self._leave(task)
        self._forget_ahead(record.task)
        if record.delay:
            task.due = record.delay
            self._planned.append(task)
        else:
            task.since = self._next()
            self._wait(task)

    def _recalled(self, record: saw.Recalled) -> None:
        for number in record.tasks:
            self._forget_ahead(number)
            if (task := self._tasks.get(number)) is not None:
                task.since = self._next()
                self._wait(task)

    def _started(self, record: saw.Started) -> None:
        for ahead in self._ahead.values():
            if record.task in ahead:
                ahead[record.task] = math.inf  # its worker has come to it, whatever the pool knows

    def _moved(self, record: saw.Moved) -> None:
        ahead = self._ahead.get(record.worker)
        if not ahead:
            return
        if record.after in ("terminating", "terminated"):
            del self._ahead[record.worker]  # what it had is told of task by task
        elif record.because == "checkout":
            del ahead[next(iter(ahead))]  # it has come to that one
        elif record.before == "busy":
            ahead.update({task: None for task, since in ahead.items() if since != math.inf})

    def _died(self, record: saw.Died) -> None:
        self._ahead.pop(record.worker, None)  # the pool has yet to hear of it

    def _forget_ahead(self, task: int) -> None:
        for ahead in self._ahead.values():
            ahead.pop(task, None)

    def _diverted(self, record: saw.Diverted) -> None:
        if (task := self._tasks.get(record.task)) is not None:
            self._leave(task)

    def _resolved(self, record: saw.Resolved) -> None:
        self._forget_ahead(record.task)
        if (task := self._tasks.pop(record.task, None)) is not None:
            self._leave(task)

    def _session_moved(self, record: saw.SessionMoved) -> None:
        if record.because in ("worker_lost", "reopened") or record.after == lifecycle.LAST:
            self._home.pop(record.session, None)
            self._own.pop(record.session, None)  # what waited there resolves now

    def _oversleep(self, _: saw.Overslept) -> None:
        self._overslept = True

    def _told(self, record: saw.Told) -> str | None:
        for task in self._planned:
            if task.due is not None:
                task.due += record.at
                self._resting[task.number] = task
        self._planned.clear()
        if self._resting:
            self._end_rests(record.at)
        return self._behind_a_wall(record.at) if self._ahead and not self._overslept else None

    def _end_rests(self, now: float) -> None:
        # At that very time its timer may be yet to come.
        for task in [t for t in self._resting.values() if t.due is not None and t.due < now]:
            self._leave(task)
            task.since = self._next()
            self._wait(task)

    def _behind_a_wall(self, now: float) -> str | None:
        for worker, ahead in self._ahead.items():
            for number, since in ahead.items():
                if since is None:
                    ahead[number] = now
                elif now - since > BEHIND_S_MAX:
                    wall = f"worker {worker}, which has ended nothing for {now - since:g} s"
                    return f"task {number} was sent ahead, and is left with {wall}"
        return None

    def _healed(self, record: saw.Healed) -> None:
        if record.complete:
            self.verdict = Verdict.HOLDS

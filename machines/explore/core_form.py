"""How the pool's core is kept: every task, worker and session that it remembers, by name.

What is no state is left out: statistics, the number that the next worker will have, the counter of
submissions (the order is kept), and how often something was done where only whether is looked at.
Of a core with a bug planted in it the same is kept; it may remember nothing of its own.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

from machines.explore.form import (
    CLOCK,
    PLAIN,
    SESSION,
    TASK,
    WORKER,
    Enumerated,
    Fields,
    Members,
    Name,
    Plain,
    Sequence,
)
from machines.explore.names import FRESH
from pool.breaker import BreakerState
from pool.effects import Ending
from pool.lifecycle import WorkerState
from pool.sessions import Session, SessionState
from pool.state import Phase, Recall, Task, Wear, Worker

if TYPE_CHECKING:
    from machines.explore.names import Names, Naming
    from pool.core import Core

_PLACES: Final = ("waiting", "returning", "resting", "away")


class _Reference(Name):
    """An object of the core's, kept as its name; it is thawed as that, and linked afterwards."""

    def freeze(self, value: Any, _: float) -> Any:
        return None if value is None else value.number


class _AtMost(Plain):
    """A count of which only whether it is nought, or how it compares to a bound, means anything."""

    def __init__(self, most: int) -> None:
        self._most = most

    def freeze(self, value: Any, _: float) -> Any:
        return min(value, self._most)


class _Place(Plain):
    """Where a task waits: in one of the core's places, or in the queue of a worker."""

    def rename(self, frozen: Any, naming: Naming) -> Any:
        return frozen if frozen is None else naming.of(WORKER.kind, frozen)


_TASK: Final = _Reference(TASK.kind)
_WORKER: Final = _Reference(WORKER.kind)
_SESSION: Final = _Reference(SESSION.kind)

_TASK_ROW: Final = Fields(
    lambda: Task(0, 0, timed=False),
    {
        "number": TASK,
        "retries": PLAIN,
        "timed": PLAIN,
        "attempt": PLAIN,
        "session": _SESSION,
        "worker": _WORKER,
        "starts": PLAIN,
        "misses": PLAIN,
        "waited": PLAIN,
        "due": Enumerated(Ending),
        "last_worker": WORKER,
    },
)
_SESSION_ROW: Final = Fields(
    lambda: Session(0),
    {
        "number": SESSION,
        "state": Enumerated(SessionState),
        "worker": _WORKER,
        "pending": PLAIN,
        "sent": _AtMost(1),
    },
)
_COUNTS: Final = ("queued", "starting", "sent_ahead", "placed", "_stalls_watched")
_BREAKER: Final = ("failures", "openings", "killings", "_killed")
# Where in a frozen core its parts stand.
TASKS_AT, WORKERS_AT, SESSIONS_AT, IDLE_AT, PHASE_AT, BREAKER_AT = 3, 5, 7, 9, 0, 1


def _worker_row(tasks_max: int | None) -> Fields:
    served = 0 if tasks_max is None else tasks_max + 1
    return Fields(
        lambda: Worker(0),
        {
            "number": WORKER,
            "state": Enumerated(WorkerState),
            "task": _TASK,
            "ahead": Sequence(_TASK),
            "queue": Sequence(TASK),
            "sessions": Members(SESSION),
            "served": _AtMost(served),
            "recall": Enumerated(Recall),
            "check": PLAIN,
            "checks": PLAIN,
            "answered": PLAIN,
            "missed": PLAIN,
            "wear": Enumerated(Wear),
            "stopping": PLAIN,
        },
    )


class CoreForm:
    """How cores of one configuration are kept.

    Args:
        core: the one that is filled when a core is thawed.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._workers = _worker_row(core.config.tasks_max)
        self._forms: tuple[Any, ...] = (
            Enumerated(Phase),
            Fields(lambda: core.breaker, {"state": Enumerated(BreakerState)}),
            PLAIN,  # the breaker's counts
            Sequence(_TASK_ROW),
            Sequence(_Place()),
            Sequence(self._workers),
            Sequence(_WORKER),  # of these, whom the core still knows
            Sequence(_SESSION_ROW),
            Sequence(_SESSION),  # the same of sessions
            Sequence(_WORKER),  # idle
            Sequence(_TASK),  # the tasks that the core still knows
            Sequence(Sequence(TASK)),  # its places
            PLAIN,  # its counts
            CLOCK,  # until when it may take to shut down
        )

    def freeze(self, core: Core, now: float) -> Any:
        """The core as plain data, its times counted from now."""
        tasks, workers, sessions = _reachable(core)
        places = {id(getattr(core, name)): at for at, name in enumerate(_PLACES, start=-9)}
        places |= {id(worker.queue): worker.number for worker in workers}
        breaker = core.breaker
        parts = (
            core.phase,
            breaker,
            tuple([getattr(breaker, name) for name in _BREAKER]),
            tasks,
            [None if task.place is None else places.get(id(task.place)) for task in tasks],
            workers,
            [worker for worker in workers if core.workers.get(worker.number) is worker],
            sessions,
            [session for session in sessions if core.sessions.get(session.number) is session],
            core.idle,
            [task for task in tasks if core.tasks.get(task.number) is task],
            [getattr(core, name) for name in _PLACES],
            tuple([getattr(core, name) for name in _COUNTS]),
            core.grace_at,
        )
        pairs = zip(self._forms, parts, strict=True)
        return tuple([form.freeze(part, now) for form, part in pairs])

    def thaw(self, frozen: Any) -> Core:
        """The core remembers this, and nothing else."""
        pairs = zip(self._forms, frozen, strict=True)
        phase, _, counted, tasks, spots, workers, known, sessions, open_, idle, kept, *rest = [
            form.thaw(part) for form, part in pairs
        ]
        core = self._core
        tasks_by = {task.number: task for task in tasks}
        workers_by = {worker.number: worker for worker in workers}
        sessions_by = {session.number: session for session in sessions}
        places = [OrderedDict((n, tasks_by[n]) for n in place) for place in rest[0]]
        for worker in workers:
            worker.task = tasks_by.get(worker.task)
            worker.ahead = deque([tasks_by[n] for n in worker.ahead])
            worker.queue = OrderedDict((n, tasks_by[n]) for n in worker.queue)
            worker.sessions = {n: sessions_by[n] for n in sorted(worker.sessions)}
        for session in sessions:
            session.worker = workers_by.get(session.worker)
        for order, (task, spot) in enumerate(zip(tasks, spots, strict=True), start=1):
            task.order = order
            task.session = sessions_by.get(task.session)
            task.worker = workers_by.get(task.worker)
            if spot is not None:
                task.place = workers_by[spot].queue if spot >= 0 else places[spot + 9]
        held = dict(zip(_PLACES, places, strict=True)) | dict(zip(_COUNTS, rest[1], strict=True))
        for name, value in zip(_BREAKER, counted, strict=True):
            setattr(core.breaker, name, value)
        vars(core).update(
            held,
            phase=phase,
            tasks={n: tasks_by[n] for n in kept},
            workers={n: workers_by[n] for n in known},
            sessions={n: sessions_by[n] for n in open_},
            idle=[workers_by[n] for n in idle],
            accepted=len(tasks),
            started=FRESH,
            grace_at=rest[2],
            _called=[],
        )
        return core

    def rename(self, frozen: Any, naming: Naming) -> Any:
        """The same core with other names; workers and sessions stand in the order of those."""
        pairs = zip(self._forms, frozen, strict=True)
        renamed = [form.rename(part, naming) for form, part in pairs]
        for at in (WORKERS_AT, WORKERS_AT + 1, SESSIONS_AT, SESSIONS_AT + 1):
            renamed[at] = tuple(sorted(renamed[at]))
        return tuple(renamed)

    def meet(self, frozen: Any, names: Names) -> None:
        """Every name that the core remembers is met: tasks in the order of their submission."""
        for form, part in zip(self._forms, frozen, strict=True):
            form.meet(part, names)


def _reachable(core: Core) -> tuple[list[Task], list[Worker], list[Session]]:
    """All that the core remembers, also what only a bug makes it remember."""
    tasks: dict[int, Task] = dict(core.tasks)
    for name in _PLACES:
        tasks.update(getattr(core, name))
    workers: dict[int, Worker] = dict(core.workers)
    workers.update((worker.number, worker) for worker in core.idle)
    sessions: dict[int, Session] = dict(core.sessions)
    for worker in list(workers.values()):
        tasks.update(worker.queue)
        tasks.update((task.number, task) for task in worker.ahead)
        if worker.task is not None:
            tasks[worker.task.number] = worker.task
        sessions.update(worker.sessions)
    for task in tasks.values():
        if task.session is not None:
            sessions.setdefault(task.session.number, task.session)
        if task.worker is not None:
            workers.setdefault(task.worker.number, task.worker)
    for session in sessions.values():
        if session.worker is not None:
            workers.setdefault(session.worker.number, session.worker)
    return (
        sorted(tasks.values(), key=lambda task: task.order),
        sorted(workers.values(), key=lambda worker: worker.number),
        sorted(sessions.values(), key=lambda session: session.number),
    )

"""What the core remembers: of a worker, of a task, and of the pool's own life."""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pool.lifecycle import Health, WorkerState

if TYPE_CHECKING:
    from pool.effects import Ending
    from pool.sessions import Session

# A task that never started costs nothing to hand out again, but one that sits in the inbox of
# each worker that dies may be what kills them; so this is bounded too. In a storm of kills, on a
# machine that has too much to do, a worker in two may die before it begins anything.
MISSES_MAX: Final = 15


class Phase(StrEnum):
    """Where in its life the pool is."""

    OPEN = "open"
    BROKEN = "broken"
    CLOSING = "closing"
    CLOSED = "closed"


class Wear(StrEnum):
    """Why a worker is due to be recycled."""

    NONE = "it has nothing to do"
    TASKS = "it has served as many tasks as it may"
    AGE = "it has reached its age"
    MEMORY = "it is over its memory limit"


class Recall(StrEnum):
    """Whether the driver was asked to take back what was sent ahead to a worker."""

    NOT_ASKED = "not_asked"
    ASKED = "asked"
    DONE = "done"


Place = OrderedDict[int, "Task"]

_HEALTH: Final = {
    WorkerState.INITIALIZING: Health.UNKNOWN,
    WorkerState.DEGRADED: Health.UNHEALTHY,
}


@define(eq=False)
class Worker:
    """What the core remembers of one worker.

    Attributes:
        task: the task that it holds.
        ahead: what was sent to it beyond that, in order; started only after its task is answered.
        queue: the waiting tasks of the sessions that live on it, in the order submitted.
        sessions: those sessions, by number.
        since: when it was given its task, in driver seconds.
        served: how many tasks it has answered.
        looked: how many it had when it was last looked at for a stall.
        recall: whether what was sent ahead was taken back since the last of it was sent.
        check: the number of the health check that it owes an answer to; 0 for none.
        checks: how many health checks it was sent.
        answered: the number of the last one that it answered.
        missed: how many of them in a row it did not answer in time.
        wear: why it is due to be recycled, if it is.
        stopping: whether it was told to end by itself, and a timer bounds that.
    """

    number: int
    state: WorkerState = WorkerState.INITIALIZING
    task: Task | None = None
    ahead: deque[Task] = field(factory=deque)
    queue: Place = field(factory=OrderedDict)
    sessions: dict[int, Session] = field(factory=dict)
    since: float = 0.0
    served: int = 0
    looked: int = -1
    recall: Recall = Recall.NOT_ASKED
    check: int = 0
    checks: int = 0
    answered: int = 0
    missed: int = 0
    wear: Wear = Wear.NONE
    stopping: bool = False

    @property
    def health(self) -> Health:
        """What is known of its health; it takes work only when it is ready and healthy."""
        return _HEALTH.get(self.state, Health.HEALTHY)


@define(eq=False)
class Task:
    """What the core remembers of one accepted, unresolved task.

    Attributes:
        attempt: which delivery this is or would be, counted from 1; those taken back do not count.
        order: its place in the order in which tasks were accepted.
        session: the session that it belongs to.
        place: where it waits; None while a worker holds it.
        worker: who holds it.
        starts: how many lost attempts may have started its function.
        misses: how many lost attempts certainly did not.
        waited: seconds of the back-off before its last attempt.
        due: how it ends if it can be taken back from the worker to which it was sent ahead.
        last_worker: who held it in its last attempt that is over.
    """

    number: int
    retries: int
    timed: bool
    attempt: int = 1
    order: int = 0
    session: Session | None = None
    place: Place | None = None
    worker: Worker | None = None
    starts: int = 0
    misses: int = 0
    waited: float = 0.0
    due: Ending | None = None
    last_worker: int | None = None

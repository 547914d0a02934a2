"""What the core remembers: of a worker, of a task, and of the pool's own life."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import define

from pool.lifecycle import WorkerState

# A task that never started costs nothing to hand out again, but one that sits in the inbox of
# each worker that dies may be what kills them; so this is bounded too.
MISSES_MAX: Final = 3


class Phase(StrEnum):
    """Where in its life the pool is."""

    OPEN = "open"
    BROKEN = "broken"
    CLOSING = "closing"
    CLOSED = "closed"


@define(eq=False)
class Worker:
    """What the core remembers of one worker."""

    number: int
    state: WorkerState = WorkerState.INITIALIZING
    task: Task | None = None


@define(eq=False)
class Task:
    """What the core remembers of one accepted, unresolved task.

    Attributes:
        starts: how many lost attempts may have started its function.
        misses: how many lost attempts certainly did not.
    """

    number: int
    retries: int
    timed: bool
    worker: Worker | None = None
    starts: int = 0
    misses: int = 0
    last_worker: int | None = None

    @property
    def attempt(self) -> int:
        """Which delivery this is or would be, counted from 1."""
        return self.starts + self.misses + 1

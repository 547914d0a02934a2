"""Who holds which task, as a history tells it; several promises are about that.

A worker holds the task that it was handed. One that was sent ahead it holds from the moment when it
has answered the one before it, unless the pool has taken it back by then.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model import history as saw


class Holding:
    """What each worker holds, and what lies ahead of it."""

    def __init__(self) -> None:
        self.task: dict[int, int] = {}
        self.ahead: dict[int, deque[int]] = {}

    def assigned(self, record: saw.Assigned) -> None:
        """The worker holds the task, or has it ahead of it."""
        if record.ahead:
            self.ahead.setdefault(record.worker, deque()).append(record.task)
        else:
            self.task[record.worker] = record.task

    def recalled(self, record: saw.Recalled) -> None:
        """The worker has these ahead of it no more."""
        left = self.ahead.get(record.worker, deque())
        self.ahead[record.worker] = deque(task for task in left if task not in record.tasks)

    def moved(self, record: saw.Moved) -> int | None:
        """What the worker held until it left `busy` is returned; None if it did not."""
        if record.because == "checkout":
            ahead = self.ahead.get(record.worker)
            if ahead:
                self.task[record.worker] = ahead.popleft()
            return None
        return self.task.pop(record.worker, None) if record.before == "busy" else None

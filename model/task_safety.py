"""The safety promises about tasks: nothing of this ever happens to what a client submitted.

Each class is one promise of the design and quotes it.
"""

from __future__ import annotations

from typing import Any

from model import history as saw
from model.checker import Checker, Watches
from model.holding import Holding


class ResolvesOnce(Checker):
    """S1: an answer comes once, only to what was accepted, and says what is true."""

    promise = "S1"
    words = (
        "every accepted task resolves exactly once: result, its own exception, cancelled, or a "
        "typed pool error that tells the truth"
    )

    def __init__(self) -> None:
        super().__init__()
        self._deadlines: dict[int, float | None] = {}
        self._resolved: set[int] = set()
        self._started: set[int] = set()
        self._cancels: dict[int, bool] = {}
        self._holders: dict[int, list[int]] = {}
        self._dead: set[int] = set()
        self._early: dict[int, float] = {}
        self._unserved: set[int] = set()
        self._shut = self._shut_cancelling = self._broke = False

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Started: lambda r: self._started.add(r.task),
            saw.Died: lambda r: self._dead.add(r.worker),
            saw.CancelAsked: self._cancel_asked,
            saw.ShutdownAsked: self._shutdown_asked,
            saw.Broke: self._broken,
            saw.FallbackRefused: lambda r: self._unserved.add(r.task),
            saw.Refused: self._refused,
            saw.Resolved: self._resolve,
            saw.Told: self._told,
        }

    def _submitted(self, record: saw.Submitted) -> str | None:
        if record.task in self._deadlines:
            return f"task {record.task} was accepted twice"
        self._deadlines[record.task] = record.deadline_at
        return None

    def _assigned(self, record: saw.Assigned) -> None:
        self._holders.setdefault(record.task, []).append(record.worker)

    def _cancel_asked(self, record: saw.CancelAsked) -> None:
        self._cancels[record.task] = record.forcibly or self._cancels.get(record.task, False)

    def _shutdown_asked(self, record: saw.ShutdownAsked) -> None:
        self._shut = True
        self._shut_cancelling = self._shut_cancelling or record.cancels

    def _broken(self, _: saw.Broke) -> None:
        self._broke = True

    def _refused(self, record: saw.Refused) -> str | None:
        if record.why == "shutdown" and not self._shut:
            return f"task {record.task} was refused as after shutdown, but nobody had shut down"
        if record.why == "broken" and not self._broke:
            return f"task {record.task} was refused as broken, but the pool had not said that it is"
        return None

    def _resolve(self, record: saw.Resolved) -> str | None:
        task = record.task
        if task not in self._deadlines:
            return f"task {task} resolved as {record.ending}, but was never accepted"
        if task in self._resolved:
            return f"task {task} resolved a second time, as {record.ending}"
        self._resolved.add(task)
        if not record.started and task in self._started:
            return f"task {task} resolved as never started, but its function had started"
        return self._untruth(record)

    def _untruth(self, record: saw.Resolved) -> str | None:
        task = record.task
        if record.ending == "cancelled" and not (task in self._cancels or self._shut_cancelling):
            return f"task {task} resolved as cancelled, but nobody had cancelled it"
        if record.ending == "cancelled" and record.task in self._started:
            return f"task {task} resolved as cancelled, but its function had started"
        if record.ending == "killed" and not self._cancels.get(task, False):
            return f"task {task} resolved as killed, but nobody had asked for that"
        if record.ending == "shutdown" and not self._shut:
            return f"task {task} resolved as shut down, but nobody had shut the pool down"
        return self._untruth_of_failure(record)

    def _untruth_of_failure(self, record: saw.Resolved) -> str | None:
        task = record.task
        if record.ending == "broken" and not self._broke and task not in self._unserved:
            return f"task {task} resolved as broken, but the pool had not said that it is"
        if record.ending == "lost" and not self._dead.intersection(self._holders.get(task, ())):
            return f"task {task} resolved as lost, but no worker that held it has died"
        if record.ending == "timeout":
            deadline = self._deadlines[task]
            if deadline is None:
                return f"task {task} timed out, but had no deadline"
            self._early[task] = deadline
        return None

    def _told(self, record: saw.Told) -> str | None:
        if not self._early:
            return None
        early, self._early = self._early, {}
        for task, deadline in early.items():
            if record.at < deadline:
                return f"task {task} timed out at {record.at:g} s, before {deadline:g} s"
        return None


class OwnResult(Checker):
    """S2: the answer is one that the task's own function gave."""

    promise = "S2"
    words = (
        "a result is what that task's function returned in one of its executions; never another's"
    )

    def __init__(self) -> None:
        super().__init__()
        self._endings: dict[int, list[tuple[str, Any]]] = {}

    def watches(self) -> Watches:
        return {saw.Finished: self._finished, saw.Resolved: self._resolved}

    def _finished(self, record: saw.Finished) -> None:
        self._endings.setdefault(record.task, []).append((record.ending, record.value))

    def _resolved(self, record: saw.Resolved) -> str | None:
        given = self._endings.pop(record.task, [])
        if record.ending not in ("returned", "raised") or (record.ending, record.value) in given:
            return None
        own = " or ".join(f"{ending} {value!r}" for ending, value in given) or "never ended"
        answer = f"{record.ending} {record.value!r}"
        return f"task {record.task} resolved as {answer}, but its function {own}"


class StartsOnce(Checker):
    """S3: a function starts as often as its task allows."""

    promise = "S3"
    words = "a task's function starts at most once; at most 1 + retries times when idempotent"

    def __init__(self) -> None:
        super().__init__()
        self._left: dict[int, int] = {}

    def watches(self) -> Watches:
        return {saw.Submitted: self._submitted, saw.Started: self._started}

    def _submitted(self, record: saw.Submitted) -> None:
        self._left[record.task] = 1 + record.retries

    def _started(self, record: saw.Started) -> str | None:
        left = self._left.get(record.task, 0)
        if left == 0:
            return f"task {record.task} started once more than it may, on worker {record.worker}"
        self._left[record.task] = left - 1
        return None


class DeadlinesHold(Checker):
    """S10: a deadline ends its own task and that task's worker, and no other."""

    promise = "S10"
    words = (
        "past its deadline a task resolves with TaskTimeout, its worker is killed and replaced, "
        "and a late result is dropped"
    )

    def __init__(self) -> None:
        super().__init__()
        self._deadlines: dict[int, float] = {}
        self._holding = Holding()
        self._timed_out: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.Assigned: self._holding.assigned,
            saw.Recalled: self._holding.recalled,
            saw.Moved: self._moved,
            saw.Resolved: self._resolved,
            saw.Told: self._told,
        }

    def _submitted(self, record: saw.Submitted) -> None:
        if record.deadline_at is not None:
            self._deadlines[record.task] = record.deadline_at

    def _resolved(self, record: saw.Resolved) -> None:
        self._deadlines.pop(record.task, None)
        if record.ending == "timeout":
            self._timed_out.add(record.task)

    def _moved(self, record: saw.Moved) -> str | None:
        task = self._holding.moved(record)
        if record.because == "timeout" and task not in self._timed_out:
            return f"a deadline ended worker {record.worker}, which held task {task} in good time"
        return None

    def _told(self, record: saw.Told) -> str | None:
        if self._timed_out:
            for worker, task in self._holding.task.items():
                if task not in self._timed_out:
                    continue
                return f"task {task} timed out, but its worker {worker} was left to run it"
        for task, deadline in self._deadlines.items():
            if deadline < record.at:
                return f"task {task} is unresolved at {record.at:g} s, its deadline {deadline:g} s"
        return None


class CancelledStaysCancelled(Checker):
    """S11: cancelled while waiting is never run."""

    promise = "S11"
    words = "a cancelled waiting task never starts"

    def __init__(self) -> None:
        super().__init__()
        self._cancelled: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Resolved: self._resolved,
            saw.Assigned: self._assigned,
            saw.Started: self._assigned,
        }

    def _resolved(self, record: saw.Resolved) -> None:
        if record.ending == "cancelled":
            self._cancelled.add(record.task)

    def _assigned(self, record: saw.Assigned | saw.Started) -> str | None:
        if record.task in self._cancelled:
            return f"task {record.task} was cancelled, and then handed to worker {record.worker}"
        return None

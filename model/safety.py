"""The safety promises: nothing of this ever happens, whatever the faults and the schedule.

Each class is one promise of the design, in its order, and quotes it.
"""

from __future__ import annotations

from typing import Any

from model import history as saw
from model import worker as lifecycle
from model.checker import Checker, Verdict, Watches


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
        if record.ending == "killed" and not self._cancels.get(task, False):
            return f"task {task} resolved as killed, but nobody had asked for that"
        if record.ending == "shutdown" and not self._shut:
            return f"task {task} resolved as shut down, but nobody had shut the pool down"
        return self._untruth_of_failure(record)

    def _untruth_of_failure(self, record: saw.Resolved) -> str | None:
        task = record.task
        if record.ending == "broken" and not self._broke:
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


class OneTaskAtATime(Checker):
    """S4: nothing is handed to a worker that holds a task."""

    promise = "S4"
    words = "a worker runs at most one task at a time"

    def __init__(self) -> None:
        super().__init__()
        self._holds: dict[int, int] = {}

    def watches(self) -> Watches:
        return {saw.Assigned: self._assigned, saw.Moved: self._moved}

    def _assigned(self, record: saw.Assigned) -> str | None:
        held = self._holds.get(record.worker)
        if held is not None:
            return f"worker {record.worker} was given task {record.task} while it held task {held}"
        self._holds[record.worker] = record.task
        return None

    def _moved(self, record: saw.Moved) -> None:
        if record.before == "busy":
            self._holds.pop(record.worker, None)


class LegalMoves(Checker):
    """S8: workers live as the lifecycle says."""

    promise = "S8"
    words = "a worker's history uses only legal moves, from initializing to terminated"

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[int, str] = {}

    def watches(self) -> Watches:
        return {
            saw.Launched: self._launched,
            saw.Moved: self._moved,
            saw.Misfit: lambda r: r.sentence,
            saw.Closed: self._closed,
        }

    def _launched(self, record: saw.Launched) -> None:
        self._states.setdefault(record.worker, lifecycle.FIRST)

    def _moved(self, record: saw.Moved) -> str | None:
        state = self._states.get(record.worker, lifecycle.FIRST)
        self._states[record.worker] = record.after
        who = f"worker {record.worker}"
        if record.before != state:
            return f"{who} left {record.before} because {record.because}, but it was {state}"
        legal = lifecycle.LEGAL.get(state, {}).get(record.because)
        if legal is None:
            return f"{who} moved from {state} because {record.because}, which is no legal move"
        if record.after != legal:
            return f"{who} moved to {record.after} because {record.because}; legal is {legal}"
        return None

    def _closed(self, _: saw.Closed) -> str | None:
        for worker, state in self._states.items():
            if state != lifecycle.LAST:
                return f"the pool ended while worker {worker} was {state}"
        return None


class Bounded(Checker):
    """S9: neither too many processes nor too many waiting tasks, and no refusal without need."""

    promise = "S9"
    words = (
        "never more than size live workers, nor more than queue_limit waiting tasks: the next "
        "submit is refused at once with PoolSaturated"
    )

    def __init__(self) -> None:
        super().__init__()
        self._opened: saw.Opened | None = None
        self._live: set[int] = set()
        self._waiting: set[int] = set()
        self._ready: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Opened: self._open,
            saw.Launched: self._launched,
            saw.Died: lambda r: self._live.discard(r.worker),
            saw.Submitted: lambda r: self._waiting.add(r.task),
            saw.Assigned: lambda r: self._waiting.discard(r.task),
            saw.Resolved: lambda r: self._waiting.discard(r.task),
            saw.Moved: self._moved,
            saw.Refused: self._refused,
            saw.Told: self._told,
        }

    def _open(self, record: saw.Opened) -> None:
        self._opened = record

    def _launched(self, record: saw.Launched) -> str | None:
        self._live.add(record.worker)
        if self._opened is not None and len(self._live) > self._opened.size:
            return f"{len(self._live)} workers live, {self._opened.size} is the most"
        return None

    def _moved(self, record: saw.Moved) -> None:
        if record.after == "ready":
            self._ready.add(record.worker)
        else:
            self._ready.discard(record.worker)

    def _refused(self, record: saw.Refused) -> str | None:
        if record.why == "saturated" and self._ready:
            return f"task {record.task} was refused as one too many while a worker was ready"
        limit = self._opened.queue_limit if self._opened is not None else None
        if record.why == "saturated" and (limit is None or len(self._waiting) < limit):
            have = f"{len(self._waiting)} tasks waited and {limit} may"
            return f"task {record.task} was refused as one too many, but {have}"
        return None

    def _told(self, _: saw.Told) -> str | None:
        limit = self._opened.queue_limit if self._opened is not None else None
        if limit is not None and len(self._waiting) > limit:
            return f"{len(self._waiting)} tasks wait, {limit} is the most"
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
        self._holds: dict[int, int] = {}
        self._timed_out: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Submitted: self._submitted,
            saw.Assigned: self._assigned,
            saw.Moved: self._moved,
            saw.Resolved: self._resolved,
            saw.Told: self._told,
        }

    def _submitted(self, record: saw.Submitted) -> None:
        if record.deadline_at is not None:
            self._deadlines[record.task] = record.deadline_at

    def _assigned(self, record: saw.Assigned) -> None:
        self._holds[record.worker] = record.task

    def _resolved(self, record: saw.Resolved) -> None:
        self._deadlines.pop(record.task, None)
        if record.ending == "timeout":
            self._timed_out.add(record.task)

    def _moved(self, record: saw.Moved) -> str | None:
        if record.before != "busy":
            return None
        task = self._holds.pop(record.worker, None)
        if record.because == "timeout" and task not in self._timed_out:
            return f"a deadline ended worker {record.worker}, which held task {task} in good time"
        return None

    def _told(self, record: saw.Told) -> str | None:
        for worker, task in self._holds.items():
            if task in self._timed_out:
                return f"task {task} timed out, but its worker {worker} was left to run it"
        self._timed_out.clear()
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


class NothingLeft(Checker):
    """S13: the end of a pool is the end of all that it had."""

    promise = "S13"
    words = (
        "after shutdown nothing is left: process, thread, descriptor, semaphore, shared memory, "
        "temporary file"
    )
    at_once = False

    def __init__(self) -> None:
        super().__init__()
        self._live: set[int] = set()

    def watches(self) -> Watches:
        return {
            saw.Launched: lambda r: self._live.add(r.worker),
            saw.Died: lambda r: self._live.discard(r.worker),
            saw.Closed: self._closed,
            saw.LeftOver: lambda r: f"after the pool had ended there was still {r.what}",
        }

    def _closed(self, _: saw.Closed) -> str | None:
        self.verdict = Verdict.HOLDS
        if self._live:
            alive = ", ".join(str(worker) for worker in sorted(self._live))
            return f"the pool said that it had ended while these workers lived: {alive}"
        return None


class BadFramesEndTheirWorker(Checker):
    """S14: what is no frame is believed in nothing, and its sender goes."""

    promise = "S14"
    words = (
        "a frame that is cut, oversized, unknown, of a wrong checksum or for a task the worker "
        "does not hold ends that worker, and no byte of it is unpickled"
    )

    def __init__(self) -> None:
        super().__init__()
        self._ending: set[int] = set()
        self._struck: dict[int, str] = {}
        self._unpickled: list[int] = []

    def watches(self) -> Watches:
        return {
            saw.Struck: self._strike,
            saw.Moved: self._moved,
            saw.Unpickled: lambda r: self._unpickled.append(r.task),
            saw.Told: self._told,
        }

    def _strike(self, record: saw.Struck) -> None:
        self._struck[record.worker] = record.how

    def _moved(self, record: saw.Moved) -> None:
        if record.after in ("terminating", "terminated"):
            self._ending.add(record.worker)

    def _told(self, _: saw.Told) -> str | None:
        struck, self._struck = self._struck, {}
        unpickled, self._unpickled = self._unpickled, []
        for worker, how in struck.items():
            if unpickled:
                return f"a bad frame ({how}) of worker {worker} was unpickled for task {unpickled}"
            if worker not in self._ending:
                return f"worker {worker} sent a bad frame ({how}) and was kept"
        return None

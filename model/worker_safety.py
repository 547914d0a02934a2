"""The safety promises about workers, the queue and the pool's end.

Each class is one promise of the design and quotes it.
"""

from __future__ import annotations

from model import history as saw
from model import worker as lifecycle
from model.checker import Checker, Verdict, Watches
from model.holding import Holding


class OneTaskAtATime(Checker):
    """S4: nothing is handed to a worker that holds a task, and none starts two at once."""

    promise = "S4"
    words = "a worker runs at most one task at a time"

    def __init__(self) -> None:
        super().__init__()
        self._holding = Holding()
        self._running: dict[int, int] = {}

    def watches(self) -> Watches:
        return {
            saw.Assigned: self._assigned,
            saw.Recalled: self._holding.recalled,
            saw.Moved: self._moved,
            saw.Started: self._started,
            saw.Finished: self._finished,
        }

    def _assigned(self, record: saw.Assigned) -> str | None:
        held = self._holding.task.get(record.worker)
        who, what = f"worker {record.worker}", f"task {record.task}"
        if record.ahead and held is None:
            return f"{what} was sent ahead to {who}, which held none"
        if not record.ahead and held is not None:
            return f"{who} was given {what} while it held task {held}"
        self._holding.assigned(record)
        return None

    def _moved(self, record: saw.Moved) -> None:
        self._holding.moved(record)

    def _started(self, record: saw.Started) -> str | None:
        if record.worker is None:
            return None  # the fallback executor is not the pool's to order
        running = self._running.get(record.worker)
        if running is not None:
            return f"worker {record.worker} started task {record.task} while task {running} ran"
        self._running[record.worker] = record.task
        return None

    def _finished(self, record: saw.Finished) -> None:
        if record.worker is not None:
            self._running.pop(record.worker, None)


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
        "never more than size + max_overflow live workers, nor more than queue_limit waiting "
        "tasks: the next submit is refused at once with PoolSaturated"
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
            saw.Diverted: lambda r: self._waiting.discard(r.task),
            saw.Resolved: lambda r: self._waiting.discard(r.task),
            saw.Moved: self._moved,
            saw.Refused: self._refused,
            saw.Told: self._told,
        }

    def _open(self, record: saw.Opened) -> None:
        self._opened = record

    def _launched(self, record: saw.Launched) -> str | None:
        self._live.add(record.worker)
        if self._opened is None:
            return None
        most = self._opened.size + self._opened.max_overflow
        if len(self._live) > most:
            return f"{len(self._live)} workers live, {most} is the most"
        return None

    def _moved(self, record: saw.Moved) -> None:
        if record.after == "ready":
            self._ready.add(record.worker)
        else:
            self._ready.discard(record.worker)

    def _refused(self, record: saw.Refused) -> str | None:
        if record.why == "saturated" and record.session is None and self._ready:
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
        if not (self._struck or self._unpickled):
            return None
        struck, self._struck = self._struck, {}
        unpickled, self._unpickled = self._unpickled, []
        for worker, how in struck.items():
            if unpickled:
                return f"a bad frame ({how}) of worker {worker} was unpickled for task {unpickled}"
            if worker not in self._ending:
                return f"worker {worker} sent a bad frame ({how}) and was kept"
        return None

"""Telemetry: what happens in the pool, told to callbacks and to `logging`.

What is told under the desk's lock is only noted, because that costs every task; whoever has just
worked there delivers it afterwards, without the lock. So a callback may call the pool, and one
that raises harms nobody else.

Tasks that have resolved are told of in batches: what is told at once is everything else, and the
tasks before it. While tasks resolve the loop's thread looks now and then whether a batch that is
not full has waited long enough.

Events reach each callback in the order in which they happened, from one thread at a time. While
one thread delivers, the others leave to it what they have noted. Nobody is held up to deliver more
than was there when he came: what has come meanwhile is handed over to the loop's thread.

The log is `pool.events`. It gets everything but `TasksResolved`, and that too if it was to be
logged when the pool was made.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import fields

from pool import effects as do
from pool.lifecycle import WorkerState
from pool.telemetry_events import (
    BreakerMoved,
    FactsMissed,
    PoolBroke,
    PoolClosed,
    ResultDropped,
    RetryPlanned,
    SessionMoved,
    SessionRefused,
    TaskDone,
    TaskFailedOver,
    TaskRefused,
    TasksResolved,
    TelemetryEvent,
    Trouble,
    WorkerMoved,
    WorkerStarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from pool.effects import Outcome
    from pool.futures import TaskFuture

    Callback = Callable[[TelemetryEvent], object]
    Pair = tuple[TaskFuture[Any], Outcome]
    Row = tuple[Any, ...]  # the fields of a TaskDone

__all__ = [
    "BreakerMoved",
    "FactsMissed",
    "PoolBroke",
    "PoolClosed",
    "ResultDropped",
    "RetryPlanned",
    "SessionMoved",
    "SessionRefused",
    "TaskDone",
    "TaskFailedOver",
    "TaskRefused",
    "TasksResolved",
    "Telemetry",
    "TelemetryEvent",
    "Trouble",
    "WorkerMoved",
    "WorkerStarted",
]

# So many tasks that have resolved are told of together, if they come fast enough; a delivery costs
# as much as a dozen of them.
BATCH_TASKS: Final = 256
# No task is told of later than this, in seconds.
DELAY_S: Final = 0.05
# So many facts may wait for a callback that is at work; beyond that the oldest are missed.
PENDING_MAX: Final = 65_536
# What is told of these effects has the fields of the effect.
FACTS: Final[Mapping[type, type[TelemetryEvent]]] = MappingProxyType(
    {
        do.SpawnWorker: WorkerStarted,
        do.WorkerMoved: WorkerMoved,
        do.Trouble: Trouble,
        do.RetryPlanned: RetryPlanned,
        do.FailOver: TaskFailedOver,
        do.RefuseTask: TaskRefused,
        do.RefuseSession: SessionRefused,
        do.SessionMoved: SessionMoved,
        do.BreakerMoved: BreakerMoved,
        do.ResultDropped: ResultDropped,
        do.PoolBroke: PoolBroke,
        do.PoolClosed: PoolClosed,
    }
)
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in FACTS}
# What only a log that wants everything is told of, if there are no callbacks.
_QUIET: Final = frozenset(
    kind for kind, fact in FACTS.items() if fact.level is TelemetryEvent.level
)

_LOG: Final = logging.getLogger("pool")
# A program that has set up no logging is not told of each lost worker on its standard error.
_EVENTS: Final = logging.getLogger("pool.events")
_EVENTS.addHandler(logging.NullHandler())


# What makes a named tuple of its fields would look at each of them; this costs half.
_make: Final[Callable[[type[TaskDone], Row], TaskDone]] = tuple.__new__


class Telemetry:
    """Tells callbacks what happens in one pool.

    Attributes:
        per_task: whether anybody wants to be told of each task as it resolves.
        timed: whether somebody may want that, and so when it was submitted is written down.
        pending: what was noted and not yet taken to be delivered. Whoever adds to it holds the
            desk's lock, and calls `deliver` when it has released that, if this is then `due`.
        events_noted: how many events `noted` has added.
        minded: whether the loop's thread looks after what is pending, and so need not be told.

    Args:
        callbacks: each is called with every event; what it returns is not looked at.
        name_of: gives the name of a session by its number.
        hand_over: has the loop's thread call `deliver` soon.
    """

    def __init__(
        self,
        callbacks: Iterable[Callback],
        name_of: Callable[[int], Hashable],
        hand_over: Callable[[], object],
    ) -> None:
        self.pending: list[Any] = []  # of Row and TelemetryEvent
        self._callbacks: tuple[Callback, ...] = (*callbacks, _log)
        logged = _EVENTS.isEnabledFor(logging.DEBUG)
        self._of_tasks = self._callbacks if logged else tuple(callbacks)
        self.per_task = self.timed = bool(self._of_tasks)
        self._configured = len(self._callbacks)
        self._name_of = name_of
        self._hand_over = hand_over
        self._faulty: set[int] = set()
        self._closed = False
        self._left = False
        self._delivering = threading.Lock()
        self._taking = threading.Lock()
        self._missed = 0
        self.events_noted = self._events_told = 0
        self.minded = False
        self._look_at = 0.0
        self._quiet = True
        self._answered: dict[int, float] = {}  # when each worker last ended a task
        self._gone: set[int] = set()
        self._long_gone: set[int] = set()

    def add(self, callback: Callback) -> None:
        """The callback is told what happens but to tasks, and tasks' times are written down.

        Args:
            callback: called as those of the configuration.
        """
        self.timed = True
        self._callbacks = (callback, *self._callbacks)

    def remove(self, callback: Callback) -> None:
        """A callback that was added is told nothing more, but perhaps what is under way to it."""
        self._callbacks = tuple(it for it in self._callbacks if it != callback)
        self.timed = self.per_task or len(self._callbacks) > self._configured

    def add_for_tasks(self, callback: Callback) -> None:
        """A callback that was added is told of tasks, too, as they resolve from now on.

        The times of those that were submitted before it was added are zero.
        """
        self._of_tasks = (callback, *self._of_tasks)
        self.per_task = True

    def remove_for_tasks(self, callback: Callback) -> None:
        """The callback is told of tasks no more; of the others it still is."""
        self._of_tasks = tuple(it for it in self._of_tasks if it != callback)
        self.per_task = bool(self._of_tasks)

    def noted(self, effect: Any, now: float) -> None:
        """This was asked for or told; called under the desk's lock.

        Args:
            effect: one of those in `FACTS`.
            now: driver seconds.
        """
        kind = type(effect)
        self._forget_gone(effect)
        if kind in _QUIET and len(self._callbacks) < 2 and not _EVENTS.isEnabledFor(logging.DEBUG):
            return
        values = {name: getattr(effect, name) for name in _FIELDS[kind]}
        if "session" in values:
            values["session"] = self._name_of(effect.session)
        self.events_noted += 1  # first, so that whoever sees the event sees this too
        self.pending.append(FACTS[kind](now, **values))

    def resolved(self, concluded: list[Pair], now: float) -> bool:
        """These tasks have resolved; called under the desk's lock.

        Args:
            concluded: each task's future and how it resolved.
            now: driver seconds.

        Returns:
            Whether the loop's thread must be told that there is something to look after.
        """
        # One loop in one function, and not one statement more than it takes: every task pays.
        answered, put = self._answered, self.pending.append
        for future, outcome in concluded:
            worker, started_at = outcome.worker, None
            if worker is not None:
                # It came to the task when it had it, and had answered the one before.
                sent_at, before = future.sent_at, answered.get(worker, 0.0)
                answered[worker] = now
                if outcome.started:
                    started_at = sent_at if sent_at > before else before
            function: Any = future.function
            try:
                name: str = function.__qualname__
            except AttributeError:
                name = type(function).__name__
            row = (
                future.task,
                name,
                future.session,
                worker,
                outcome.ending,
                outcome.attempt,
                future.submitted_at,
                started_at,
                now,
            )
            put(row)
        if self.minded or not concluded:
            return False
        self.minded = True
        self._look_at = now + DELAY_S
        return True

    def mind(self, now: float) -> float | None:
        """When the loop's thread must look after what is pending; None if there is no need.

        It goes on looking until no task has resolved from one time to the next, so that it need
        not be told of the first one of each batch.

        Args:
            now: driver seconds.
        """
        if not self.minded or now < self._look_at:
            return self._look_at if self.minded else None
        if self._quiet and not self.pending:
            self.minded = False
            return None
        self._quiet = True
        self._look_at = now + DELAY_S
        return self._look_at

    # Delivered, without the lock.

    @property
    def due(self) -> bool:
        """Whether what is pending is worth a delivery, however short it has waited."""
        return len(self.pending) >= BATCH_TASKS or self.events_noted != self._events_told

    def deliver_late(self) -> None:
        """What is due, or has waited long enough, is delivered; called by the loop's thread."""
        if self.pending and (self.due or time.monotonic() >= self._look_at):
            self.deliver()

    def deliver(self) -> None:
        """What was noted has reached every callback, or another thread is about to see to it.

        Raises:
            KeyboardInterrupt: it came while the main thread was in a callback.
        """
        while self.pending:
            self._left = True  # before it is tried, so that whoever delivers sees it afterwards
            if not self._delivering.acquire(blocking=False):
                self._shed_excess()
                return
            try:
                self._left = False  # what others have left until now is in this batch
                self._deliver_batch()
            except KeyboardInterrupt:
                self._left = True
                raise
            finally:
                self._delivering.release()
                if self._left and not self._closed:
                    self._hand_over()
            if not self._closed:
                return

    def forked(self) -> None:
        """In a child of the pool's process nobody is told anything."""
        self._callbacks = self._of_tasks = ()
        self.per_task = False
        self.pending.clear()
        self._delivering = threading.Lock()  # a thread that the child lacks may have held it
        self._taking = threading.Lock()

    def close(self) -> None:
        """The pool has ended: there is no loop's thread any more that something is left to."""
        self._closed = True
        self.deliver()

    def _deliver_batch(self) -> None:
        self._quiet = False
        with self._taking:
            batch = self.pending[:]  # others may add to it meanwhile, at its end
            del self.pending[: len(batch)]
            missed, self._missed = self._missed, 0
        if missed:
            self._call(self._callbacks, FactsMissed(time.monotonic(), missed))
        if self.events_noted == self._events_told:  # nearly always: all of it is tasks
            self._call_for_tasks(batch)
            return
        told = 0
        try:
            for kind, group in itertools.groupby(batch, type):
                facts = list(group)
                if kind is tuple:
                    told += len(facts)
                    self._call_for_tasks(facts)
                    continue
                for event in facts:
                    told += 1
                    self._events_told += 1
                    self._call(self._callbacks, event)
        except KeyboardInterrupt:
            with self._taking:
                self.pending[:0] = batch[told:]
            raise

    def _call_for_tasks(self, rows: list[Row]) -> None:
        tasks = tuple(map(_make, itertools.repeat(TaskDone), rows))
        self._call(self._of_tasks, TasksResolved(tasks[-1].ended_at, tasks))

    def _forget_gone(self, effect: Any) -> None:
        """Of a worker whose last tasks have resolved, nothing is remembered."""
        if type(effect) is do.WorkerMoved and effect.after is WorkerState.TERMINATED:
            self._gone.add(effect.worker)  # they resolve just after this
        elif type(effect) is do.SpawnWorker:
            for worker in self._long_gone:
                self._answered.pop(worker, None)
            self._long_gone, self._gone = self._gone, set()

    def _call(self, callbacks: tuple[Callback, ...], event: TelemetryEvent) -> None:
        for callback in callbacks:
            try:
                callback(event)
            except BaseException as error:  # other people's code; even its exit is not the pool's
                in_main = threading.current_thread() is threading.main_thread()
                if isinstance(error, KeyboardInterrupt) and in_main:
                    raise
                if id(callback) not in self._faulty:
                    self._faulty.add(id(callback))
                    _LOG.exception("the telemetry callback %r raised at %r", callback, event)

    def _shed_excess(self) -> None:
        """What waits for a callback that is at work stays bounded."""
        if len(self.pending) > PENDING_MAX and self._taking.acquire(blocking=False):
            try:
                excess = max(0, len(self.pending) - PENDING_MAX // 2)
                del self.pending[:excess]
                self._missed += excess
            finally:
                self._taking.release()


def _log(event: TelemetryEvent) -> None:
    """The event is a line of the log, as loud as it is; `record.pool_event` is the event."""
    level = event.level if type(event) is not TasksResolved else logging.DEBUG
    if _EVENTS.isEnabledFor(level):
        _EVENTS.log(level, "%s", event, extra={"pool_event": event})

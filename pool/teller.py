"""The teller: what is told to the core, under one lock, and what is performed for it at once.

Starting, killing and reaping processes are chores, left to the loop's thread. Futures are concluded
after the lock is released, because their callbacks are other people's code.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from pool import effects as do
from pool import events as told
from pool.core import Core
from pool.crew import Crew, Source
from pool.effects import Ending, Outcome
from pool.futures import TaskFuture
from pool.listening import Listening
from pool.names import Names
from pool.poller import WRITE, Poller
from pool.telemetry import FACTS, Telemetry
from pool.timers import Timers
from pool.waker import Waker
from pool.watchers import watchers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pool.config import PoolConfig

_LOG: Final = logging.getLogger("pool")
Concluded = list[tuple[TaskFuture[Any], Outcome]]


class Teller:
    """One core, its processes, and everybody who waits for its answers.

    Attributes:
        chores: what the loop's thread is to perform, in order.
        left_word: what was told in the middle of another telling, and waits for the loop's thread.
        fault: a bug in the pool, after which nothing is told to the core any more.
        closed: whether the core said that the pool is closed, or there was a fault.
        served_by: the identifier of the loop's thread; 0 until it runs.

    Args:
        config: the pool's configuration.
        core: makes the core.
    """

    def __init__(self, config: PoolConfig, core: Callable[..., Core] = Core) -> None:
        # The client's own objects stay with the crew, which lets go of them when the pool ends;
        # what is here may live until the garbage collector comes.
        own = config.initializer is not None or config.initargs
        self.config = evolve(config, initializer=None, initargs=()) if own else config
        self.core = core(self.config)
        self.watchers = watchers_of(config)
        self.core.watched = False  # nobody here wants to be told of each task twice
        self.lock = threading.Lock()
        self.futures: dict[int, TaskFuture[Any]] = {}
        self.timers = Timers()
        self.chores: deque[do.Effect] = deque()
        self.left_word: deque[told.Event] = deque()
        self.fault: BaseException | None = None
        self.closed = threading.Event()
        self.served_by = 0
        self.waker = Waker()
        self.poller: Poller[Any] = Poller()
        self.poller.register(self.waker.fileno(), self.waker)
        self.listening = Listening(self.poller, self.waker)
        self.crew = Crew(config, self.poller, self.listening.ears)
        self._holder = 0
        self._names = Names()
        self.telemetry = Telemetry(config.telemetry, self._names.name, self.waker.wake)
        self._refused: do.RefuseTask | do.RefuseSession | None = None
        self._forked = False
        self._unconcluded: Concluded = []  # what was at hand when the pool failed
        self._performers: dict[type, Callable[[Any], told.Event | None]] = {
            do.RefuseTask: self._refuse,
            do.RefuseSession: self._refuse,
            do.SetTimer: self._set_timer,
            do.ClearTimer: self._clear_timer,
            do.RecallTasks: self._recall,
            do.CheckWorker: self._order,
            do.DropSession: self._order,
            do.SessionMoved: self._session_moved,
            do.SpawnWorker: self._queue_chore,
            do.StopWorker: self._stop_worker,
            do.KillWorker: self._queue_chore,
            do.FailOver: self._queue_chore,
            do.PoolClosed: self._close,
        }

    def tell_later(self, event: told.Event) -> None:
        """The loop's thread will tell this to the core; from a finaliser, at any moment."""
        self.left_word.append(event)
        self.waker.wake()

    def hear(
        self,
        told_of: Iterable[tuple[Source | None, int]],
        future: TaskFuture[Any] | None = None,
    ) -> bool:
        """What these workers have sent is told to the core.

        Args:
            told_of: the workers' sockets, and what of them.
            future: whom the leader waits for, if it is a leader that has heard this.

        Returns:
            Whether it is worth while to listen on for that future; if not, nobody leads any more.
        """
        concluded: Concluded = []
        events: list[told.Event] = []
        with self.lock:
            for source, mask in told_of:
                if source is None:
                    self.listening.nudged()
                    continue
                if mask & WRITE:
                    self.crew.flush()
                events += self.crew.news(source)
            if events and self.fault is None:
                self.take(events, concluded)
            goes_on = future is not None and future.outcome is None and self.fault is None
            if future is not None and not goes_on:
                self.listening.leave(time.monotonic())
        if concluded or self.telemetry.due:
            self.conclude(concluded)
        return goes_on

    # Telling the core, and performing what it asks.

    def tell(self, *events: told.Event) -> set[int]:
        """The core has taken the events; the tasks that they resolved are returned.

        A signal handler or a finaliser may come here while this very thread is at work on another
        event; then it only leaves word.
        """
        if self._forked:
            return set()
        if self._holder == threading.get_ident():
            self.left_word.extend(events)
            self._wake(always=True)
            return set()
        concluded: Concluded = []
        with self.lock:
            self.take(events, concluded)
        self.conclude(concluded)
        return {future.task for future, _ in concluded}

    def fire_timer(self) -> bool:
        """Whether a timer was due; the core has been told of the earliest.

        In one hold of the lock: a timer that another thread clears or sets anew is not told of
        any more. For the loop's thread alone.
        """
        concluded: Concluded = []
        with self.lock:
            timer = self.timers.take(time.monotonic())
            if timer is not None:
                self.take((told.TimerFired(timer),), concluded)
        if timer is not None:
            self.conclude(concluded)
        return timer is not None

    def take(
        self, events: Iterable[told.Event], concluded: Concluded, now: float | None = None
    ) -> None:
        """The core has taken the events; its effects are performed or queued for the loop.

        The lock is held. What has resolved is added to `concluded`, for after it is released.

        Args:
            events: in their order.
            concluded: is added to.
            now: driver seconds, if they were looked up since the lock was taken.
        """
        if self.fault is not None:
            return  # what the core holds cannot be believed any more
        self._holder = threading.get_ident()
        queue = deque(events)
        event = None
        try:
            while queue:
                event = queue.popleft()
                if type(event) is told.WorkerExited:
                    event = self.crew.recounted(event)
                queue.extendleft(reversed(self._perform(event, concluded, now)))
            if self.crew.flush():
                self._wake()
            if concluded:
                self.listening.nudge(self._holder)
        except BaseException as error:
            self.abort(error)
            if not isinstance(error, Exception):
                self._unconcluded += concluded
                raise  # an interrupt from the keyboard, say; the loop's thread does the rest
            _LOG.exception("the pool failed at %r", event)
        finally:
            wanted = concluded and self.telemetry.per_task
            if wanted and self.telemetry.resolved(concluded, time.monotonic()):
                self._wake()
            self._holder = 0

    def _perform(
        self, event: told.Event, concluded: Concluded, now: float | None
    ) -> Sequence[told.Event]:
        """The core has taken one event; what it must be told at once after that is returned."""
        if now is None:
            now = time.monotonic()
        asked = self.core.handle(event, now)
        for watcher in self.watchers:
            watcher.told(event, asked, now)
        following: list[told.Event] = []
        telemetry = self.telemetry
        for effect in asked:
            kind = type(effect)
            if kind is do.ResolveTask:
                future = self.futures.pop(effect.task, None)  # type: ignore[union-attr]
                if future is not None:
                    future.outcome = outcome = effect.outcome  # type: ignore[union-attr]
                    if future.follows:
                        self.listening.followers -= 1
                    concluded.append((future, outcome))
            elif kind is do.SendTask:
                future = self.futures[effect.task]  # type: ignore[union-attr]
                future.sent_at = now
                self.crew.send_task(effect, future.payload)  # type: ignore[arg-type]
            else:
                if kind in FACTS:
                    telemetry.noted(effect, now)
                perform = self._performers.get(kind)
                at_once = None if perform is None else perform(effect)
                if at_once is not None:
                    following.append(at_once)
        return following

    def abort(self, error: BaseException) -> None:
        """Nothing more runs; the loop's thread tells every unresolved task so as it ends."""
        self.fault = error
        self.closed.set()
        self.listening.nudge(threading.get_ident())
        self._wake()

    def conclude_faulty(self) -> None:
        """Whoever still waits is told that the pool failed."""
        words = f"the pool failed: {type(self.fault).__name__}: {self.fault}"
        outcome = Outcome(Ending.BROKEN, started=True, detail=words)
        with self.lock:
            concluded = [(future, outcome) for future in self.futures.values()]
            for future in self.futures.values():
                future.outcome = outcome
            self.futures.clear()
            if self.telemetry.per_task:
                self.telemetry.resolved(concluded, time.monotonic())
            concluded += self._unconcluded
        self.conclude(concluded)

    def conclude(self, concluded: Concluded) -> None:
        """Whoever waits for these has the answer; the lock is not held.

        Raises:
            KeyboardInterrupt: there was one meanwhile, and this is a client's thread.
        """
        interrupt: KeyboardInterrupt | None = None
        for future, outcome in concluded:
            try:
                future.conclude(outcome, self.config)
            except KeyboardInterrupt as error:
                interrupt = error
                if not future.done():
                    future.conclude(outcome, self.config)
            except BaseException:  # one client's callback must not end another's thread
                _LOG.exception("a callback of task %d's future raised", future.task)
        if self.telemetry.due:
            self.telemetry.deliver()
        if interrupt is not None and threading.get_ident() != self.served_by:
            raise interrupt

    # Each performer returns what the core must be told at once, if anything.

    def _refuse(self, effect: do.RefuseTask | do.RefuseSession) -> None:
        if isinstance(effect, do.RefuseTask):
            del self.futures[effect.task]
        self._refused = effect

    def _set_timer(self, effect: do.SetTimer) -> None:
        if self.timers.set(effect.timer, effect.at):
            self._wake()

    def _clear_timer(self, effect: do.ClearTimer) -> None:
        self.timers.clear(effect.timer)

    def _recall(self, effect: do.RecallTasks) -> told.Event:
        ahead = list(self.core.workers[effect.worker].ahead)
        # The worker may have answered one task and not yet taken the next one's token, which the
        # core takes to be begun: that one is not taken back.
        count = self.crew.recall(effect.worker, len(ahead))
        tail = ahead[len(ahead) - count :]
        return told.TasksRecalled(effect.worker, tuple(task.number for task in tail))

    def _session_moved(self, effect: do.SessionMoved) -> None:
        self._names.moved(effect.session, effect.after)

    def _order(self, effect: do.Effect) -> None:
        self.crew.send_order(effect)

    def _stop_worker(self, effect: do.StopWorker) -> None:
        if not self.crew.send_order(effect):
            self._queue_chore(effect)  # behind the start of its process

    def _queue_chore(self, effect: do.Effect) -> None:
        self.chores.append(effect)
        self._wake()

    def _close(self, _: do.PoolClosed) -> None:
        self.closed.set()
        self._wake()

    def _wake(self, *, always: bool = False) -> None:
        if always or threading.get_ident() != self.served_by:
            self.waker.wake()

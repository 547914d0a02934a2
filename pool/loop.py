"""The production driver: one thread, real processes, the wall clock, and the core.

Whoever has a fact tells it to the core under the lock and performs what costs no waiting at once:
a submit goes straight from the client's thread to an idle worker's socket. Starting, killing and
reaping processes is left to the loop's own thread. Futures are concluded after the lock is
released, because their callbacks are other people's code.
"""

from __future__ import annotations

import atexit
import contextlib
import heapq
import itertools
import logging
import selectors
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import attrs

from pool import effects as do
from pool import events as told
from pool.core import Core
from pool.crew import Crew, Source
from pool.effects import Ending, Outcome
from pool.errors import PoolBroken
from pool.futures import TaskFuture
from pool.payloads import Call, pack_call
from pool.protocol import refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pool.config import PoolConfig

# The kernel counts a wait's milliseconds in 32 bits; waking once an hour costs nothing.
PATIENCE_MAX_S: Final = 3600.0
_LOG: Final = logging.getLogger("pool")


class Loop:
    """Runs one core against real processes until the core says that the pool is closed.

    Args:
        config: the pool's configuration.
        core: makes the core; the machines plant their bugs here.
    """

    def __init__(self, config: PoolConfig, core: Callable[[PoolConfig], Core] = Core) -> None:
        self.config = config
        self._core = core(config)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._futures: dict[int, TaskFuture[Any]] = {}
        self._payloads: dict[int, bytes] = {}
        self._timers: dict[told.Timer, float] = {}
        self._due: list[tuple[float, told.Timer]] = []
        self._chores: deque[do.Effect] = deque()
        self._left_word: deque[told.Event] = deque()
        self._refused: do.RefuseTask | None = None
        self._fault: BaseException | None = None
        self._holder = 0
        self._closed = threading.Event()
        self._performers: dict[type, Callable[[Any], bool]] = {
            do.SendTask: self._send,
            do.RefuseTask: self._refuse,
            do.SetTimer: self._set_timer,
            do.ClearTimer: self._clear_timer,
            do.SpawnWorker: self._queue_chore,
            do.StopWorker: self._queue_chore,
            do.KillWorker: self._queue_chore,
            do.PoolClosed: self._close,
        }
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self._selector.register(self._wakened, selectors.EVENT_READ, None)
        self._crew = Crew(config, self._selector)
        self._thread = threading.Thread(target=self._run, name="pool-loop", daemon=True)
        self._tell(told.PoolStarted())
        # The first workers start here, in the caller's thread: before the pool has a thread that
        # a fork would not copy, and before a short program can have ended.
        self._do_chores()
        atexit.register(self._end_at_exit)
        self._thread.start()

    # For clients, from any thread.

    def submit(
        self, call: Call, *, deadline: float | None = None, retries: int = 0
    ) -> TaskFuture[Any]:
        """The task is accepted and its future returned.

        Args:
            call: function, positional and keyword arguments.
            deadline: seconds until it must have resolved; None for the configured one.
            retries: how many more times it may start after its worker was lost.

        Raises:
            PoolSaturated, PoolShutdown, PoolBroken: it was refused.
            PayloadError: it cannot be pickled.
        """
        payload = pack_call(call, self.config.frame_bytes_max)
        task = next(self._numbers)
        future: TaskFuture[Any] = TaskFuture(task, self)
        if deadline is None:
            deadline = self.config.task_timeout
        event = told.TaskSubmitted(task, deadline, retries)
        if self._holder == threading.get_ident():
            raise RuntimeError("submit was called by a signal handler or finaliser within submit")
        with self._hold():
            if self._fault is not None:
                raise PoolBroken(f"cannot submit: the pool failed: {self._fault}", task=task)
            self._futures[task] = future
            self._payloads[task] = payload
            concluded = self._handle(event)
            refused, self._refused = self._refused, None
        self._conclude(concluded)
        if refused is not None:
            raise refusal_of(task, refused.why, self.config)
        return future

    def cancel(self, task: int) -> bool:
        """The task is cancelled if it still waits; whether this call did it is returned."""
        return task in self._tell(told.CancelRequested(task))

    def kill(self, task: int) -> bool:
        """The task is ended, with its worker if it runs; whether this call did it is returned."""
        return task in self._tell(told.KillRequested(task))

    def shutdown(self, *, cancel_waiting: bool, grace: float | None) -> None:
        """The pool accepts nothing more and is on its way to its end."""
        self._tell(told.ShutdownRequested(cancel_waiting=cancel_waiting, grace=grace))

    def let_go(self) -> None:
        """Nobody holds the pool any more: it ends when what it accepted is done.

        Called by the garbage collector, at any moment and in any thread, perhaps in the middle of
        the loop's own work; so it only leaves word.
        """
        self._left_word.append(told.ShutdownRequested())
        self._wake(always=True)

    def join(self, timeout: float | None = None) -> bool:
        """Whether the pool is closed and nothing of it is left, after at most `timeout` seconds."""
        if threading.current_thread() is self._thread:
            return False  # a callback cannot wait for the thread that calls it
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def pids(self) -> dict[int, int]:
        """The process identifier of each live worker, by the worker's number."""
        return self._crew.pids()

    # Telling the core, and performing what it asks.

    @contextlib.contextmanager
    def _hold(self) -> Iterator[None]:
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = 0

    def _tell(self, event: told.Event) -> set[int]:
        """The core has taken the event; the tasks that it resolved are returned.

        A signal handler or a finaliser may come here while this very thread is at work on another
        event; then it only leaves word.
        """
        if self._holder == threading.get_ident():
            self._left_word.append(event)
            self._wake(always=True)
            return set()
        with self._hold():
            if isinstance(event, told.WorkerExited):  # a submit may have come since it was made
                event = attrs.evolve(event, unstarted=self._crew.unstarted(event.worker))
            concluded = self._handle(event)
        self._conclude(concluded)
        return {effect.task for effect in concluded}

    def _handle(self, event: told.Event) -> list[do.ResolveTask]:
        """The core has taken the event; its effects are performed or queued for the loop."""
        try:
            asked = self._core.handle(event, time.monotonic())
            return self._perform(asked)
        except BaseException as error:
            self._abort(error)
            if not isinstance(error, Exception):
                raise  # an interrupt from the keyboard, say; the loop's thread does the rest
            _LOG.exception("the pool failed at %r", event)
            return []

    def _perform(self, asked: list[do.Effect]) -> list[do.ResolveTask]:
        """What can be done at once is done; what concludes futures is returned."""
        concluded: list[do.ResolveTask] = []
        wake = False
        for effect in asked:
            if type(effect) is do.ResolveTask:
                concluded.append(effect)
            else:
                perform = self._performers.get(type(effect))
                wake = (perform is not None and perform(effect)) or wake
        if wake:
            self._wake()
        return concluded

    def _abort(self, error: BaseException) -> None:
        """Nothing more runs; the loop's thread tells every unresolved task so as it ends."""
        self._fault = error
        self._closed.set()
        self._wake()

    def _conclude_faulty(self) -> None:
        with self._hold():
            words = f"the pool failed: {type(self._fault).__name__}: {self._fault}"
            outcome = Outcome(Ending.BROKEN, started=True, detail=words)
            concluded = [do.ResolveTask(task, outcome) for task in self._futures]
        self._conclude(concluded)

    def _conclude(self, concluded: list[do.ResolveTask]) -> None:
        raised: BaseException | None = None
        for effect in concluded:
            self._payloads.pop(effect.task, None)
            future = self._futures.pop(effect.task, None)
            if future is not None:
                try:
                    future.conclude(effect.outcome, self.config)
                except BaseException as error:  # a callback's, or an interrupt from the keyboard
                    raised = error
        if raised is not None and threading.current_thread() is not self._thread:
            raise raised
        if raised is not None:  # one client's callback must not end the others' pool
            _LOG.error("a future's callback raised", exc_info=raised)

    # Each performer says whether the loop's thread has something to do about it.

    def _send(self, effect: do.SendTask) -> bool:
        if effect.attempt == 1:
            self._futures[effect.task].set_running_or_notify_cancel()
        return self._crew.send_task(effect, self._payloads[effect.task])

    def _refuse(self, effect: do.RefuseTask) -> bool:
        del self._futures[effect.task], self._payloads[effect.task]
        self._refused = effect
        return False

    def _set_timer(self, effect: do.SetTimer) -> bool:
        self._timers[effect.timer] = effect.at
        heapq.heappush(self._due, (effect.at, effect.timer))
        if len(self._due) > 64 + 2 * len(self._timers):
            self._due = [(at, timer) for timer, at in self._timers.items()]
            heapq.heapify(self._due)
        return self._due[0][1] == effect.timer

    def _clear_timer(self, effect: do.ClearTimer) -> bool:
        self._timers.pop(effect.timer, None)
        return False

    def _queue_chore(self, effect: do.Effect) -> bool:
        self._chores.append(effect)
        return True

    def _close(self, _: do.PoolClosed) -> bool:
        self._closed.set()
        return True

    def _wake(self, *, always: bool = False) -> None:
        if always or threading.current_thread() is not self._thread:
            try:
                self._waker.send(b"\0")
            except OSError:
                return  # it has been told often enough, or it has ended

    # The loop's own thread.

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                self._do_chores()
                # What came in time is heard before a timer says that it did not.
                self._listen()
                self._fire_timers()
        except BaseException as error:
            _LOG.exception("a bug in the pool: its loop ended")
            self._abort(error)
        finally:
            atexit.unregister(self._end_at_exit)
            self._crew.close()
            if self._fault is not None:
                self._conclude_faulty()
            self._selector.close()
            self._waker.close()
            self._wakened.close()

    def _end_at_exit(self) -> None:
        """The interpreter ends, but not before what was accepted is done."""
        self.shutdown(cancel_waiting=False, grace=None)
        self.join()

    def _listen(self) -> None:
        for key, mask in self._selector.select(self._patience()):
            if key.data is None:
                self._drain_wakes()
                continue
            source: Source = key.data
            if mask & selectors.EVENT_WRITE:
                with self._hold():
                    self._crew.flush(source.worker)
            if mask & selectors.EVENT_READ:
                for event in self._crew.news(source):
                    self._tell(event)

    def _do_chores(self) -> None:
        while self._left_word:
            self._tell(self._left_word.popleft())
        while self._chores:
            effect = self._chores.popleft()
            for event in self._crew.perform(effect):
                self._tell(event)
        with self._hold():
            self._crew.watch_writes()

    def _fire_timers(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            timer = self._take_due()
            if timer is not None:
                self._tell(told.TimerFired(timer))

    def _take_due(self) -> told.Timer | None:
        """The earliest timer, if it is due and was not cleared; it is forgotten in any case."""
        with self._hold():
            if not self._due or self._due[0][0] > time.monotonic():
                return None  # another thread has rebuilt the heap meanwhile
            at, timer = heapq.heappop(self._due)
            if self._timers.get(timer) != at:
                return None
            del self._timers[timer]
            return timer

    def _patience(self) -> float | None:
        """Seconds until the next timer; forgotten ones are dropped from the heap's top."""
        with self._hold():
            while self._due and self._timers.get(self._due[0][1]) != self._due[0][0]:
                heapq.heappop(self._due)
            if self._chores or self._left_word or self._closed.is_set():
                return 0.0
            if not self._due:
                return None
            return min(max(0.0, self._due[0][0] - time.monotonic()), PATIENCE_MAX_S)

    def _drain_wakes(self) -> None:
        try:
            while self._wakened.recv(4096):
                pass
        except BlockingIOError:
            return

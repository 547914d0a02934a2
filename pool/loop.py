"""The loop: the thread that starts, kills, hears and reaps one pool's processes.

It performs the chores that the core asked for at the desk, waits for whatever comes from a worker
or is due by the clock, and tells it to the core.
"""

from __future__ import annotations

import atexit
import logging
import math
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from pool import effects as do
from pool import events as told
from pool import forks
from pool.core import Core
from pool.crew import bury
from pool.desk import Desk
from pool.fallback import Fallback
from pool.listening import ATTENTION_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.config import PoolConfig

# The kernel counts a wait's milliseconds in 32 bits; waking once an hour costs nothing.
PATIENCE_MAX_S: Final = 3600.0
# A thread that was started has begun to run by then.
START_S: Final = 1.0
_LOG: Final = logging.getLogger("pool")


class Loop:
    """Runs one core against real processes until the core says that the pool is closed.

    Attributes:
        desk: where clients come.

    Args:
        config: the pool's configuration.
        core: makes the core; the machines plant their bugs here.
    """

    def __init__(self, config: PoolConfig, core: Callable[..., Core] = Core) -> None:
        self.desk = Desk(config, core)
        self._forked = False
        self._due_at = 0.0  # when the earliest timer was due, the last time that was looked at
        self._fallback = Fallback(config.fallback, self.desk.tell)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pool-loop", daemon=True)
        forks.tell_children(self)
        try:
            self.desk.tell(told.PoolStarted())
            # The first workers start here, in the caller's thread: before the pool has a thread
            # that a fork would not copy, and before a short program can have ended.
            self._do_chores()
            atexit.register(self._end_at_exit)
        except BaseException:  # an interrupt from the keyboard, say
            self._end()
            raise
        self._start_thread()

    def _start_thread(self) -> None:
        try:
            self._thread.start()
        except BaseException:  # an interrupt may come when it runs already, or before
            self.desk.closed.set()
            self.desk.waker.wake()
            if not self._ended.wait(START_S):
                self._end()
            raise

    def shutdown(self, *, cancel_waiting: bool, grace: float | None) -> None:
        """The pool accepts nothing more and is on its way to its end."""
        self.desk.tell(told.ShutdownRequested(cancel_waiting=cancel_waiting, grace=grace))

    def let_go(self) -> None:
        """Nobody holds the pool any more: it ends when what it accepted is done.

        Called by the garbage collector, at any moment and in any thread, perhaps in the middle of
        the loop's own work; so it only leaves word.
        """
        try:
            self.desk.tell_later(told.ShutdownRequested())
        except KeyboardInterrupt:  # Python tells that it ignores it here, and nobody will act on it
            self.desk.tell_later(told.ShutdownRequested(cancel_waiting=True, grace=0.0))
            raise

    def join(self, timeout: float | None = None) -> bool:
        """Whether the pool is closed and nothing of it is left, after at most `timeout` seconds."""
        if self._forked or threading.current_thread() is self._thread:
            return False  # a callback cannot wait for the thread that calls it
        # Not by the thread's own `join`: interrupted once, it believes that the thread has ended.
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not self._ended.wait(min(ATTENTION_S, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
        self._thread.join()
        return True

    def pids(self) -> dict[int, int]:
        """The process identifier of each live worker, by the worker's number."""
        return self.desk.crew.pids()

    def forked(self) -> None:
        """In a child of the pool's process: nothing of the pool is held or waited for."""
        self._forked = True
        atexit.unregister(self._end_at_exit)
        self.desk.forked()

    # The loop's own thread.

    def _run(self) -> None:
        self.desk.served_by = threading.get_ident()
        try:
            while not self.desk.closed.is_set() and not self._forked:
                self._do_chores()
                # What came in time is heard before a timer says that it did not.
                self._listen()
                self._fire_timers()
                self.desk.telemetry.deliver_late()
        except BaseException as error:
            _LOG.exception("a bug in the pool: its loop ended")
            self.desk.abort(error)
        finally:
            try:
                if not self._forked:  # in the child of a callback that forked, it is not our pool
                    self._end()
            finally:
                self._ended.set()

    def _end(self) -> None:
        atexit.unregister(self._end_at_exit)
        desk = self.desk
        with desk.lock:
            desk.crew.disband()
            desk.listening.end()
        if desk.fault is not None:
            desk.conclude_faulty()
        desk.poller.close()
        desk.waker.close()
        for watcher in desk.watchers:
            watcher.close()
        desk.telemetry.close()

    def _end_at_exit(self) -> None:
        """The interpreter ends, but not before what was accepted is done.

        After an interrupt from the keyboard that nobody caught it ends at once; so it does when one
        comes meanwhile.
        """
        interrupted = isinstance(getattr(sys, "last_value", None), KeyboardInterrupt)
        self.shutdown(cancel_waiting=interrupted, grace=0.0 if interrupted else None)
        try:
            self.join()
        except KeyboardInterrupt:
            self.shutdown(cancel_waiting=True, grace=0.0)
            self.join()
            raise

    def _listen(self) -> None:
        desk = self.desk
        told_of = []
        for source, mask in desk.poller.wait(self._patience()):
            if source is desk.waker:
                desk.waker.drain()
            elif source is desk.listening.ears:
                told_of += desk.listening.ears.wait(0.0)
            else:
                told_of.append((source, mask))
        if told_of:
            desk.hear(told_of)

    def _do_chores(self) -> None:
        while self.desk.left_word:
            self.desk.tell(self.desk.left_word.popleft())
        while self.desk.chores:
            self._do_chore(self.desk.chores.popleft())
        if not self.desk.listening.possible:  # otherwise whoever sends sees to that
            with self.desk.lock:
                self.desk.crew.watch_writes()

    def _do_chore(self, effect: do.Effect) -> None:
        if isinstance(effect, do.SpawnWorker):
            self._spawn(effect.worker)
        elif isinstance(effect, do.KillWorker):
            with self.desk.lock:
                process = self.desk.crew.discharge(effect.worker)
            if process is not None:
                self.desk.tell(told.WorkerReaped(effect.worker, bury(process)))
        elif isinstance(effect, do.FailOver):
            with self.desk.lock:
                future = self.desk.futures.get(effect.task)
            if future is not None:
                self._fallback.run(effect.task, future.payload)
        else:
            with self.desk.lock:
                self.desk.crew.send_order(effect)
                self.desk.crew.flush()

    def _spawn(self, worker: int) -> None:
        try:
            process = self.desk.crew.start(worker)
        except Exception as error:  # an initializer that cannot be pickled ends here as well
            _LOG.warning("worker %d could not be started", worker, exc_info=True)
            self.desk.tell(told.SpawnFailed(worker, f"{type(error).__name__}: {error}"))
            return
        with self.desk.lock:
            self.desk.crew.enlist(worker, process)

    def _fire_timers(self) -> None:
        while time.monotonic() >= self._due_at:
            if not self.desk.fire_timer():
                return  # what was set meanwhile has woken this thread

    def _patience(self) -> float:
        """Seconds until there is something to look after."""
        with self.desk.lock:
            if self.desk.chores or self.desk.left_word or self.desk.closed.is_set():
                return 0.0
            now = time.monotonic()
            minded = self.desk.listening.mind(now), self.desk.telemetry.mind(now)
            timer_at = self.desk.timers.next_at()
        self._due_at = now + PATIENCE_MAX_S if timer_at is None else timer_at
        next_at = min((at for at in minded if at is not None), default=self._due_at)
        return min(max(0.0, min(next_at, self._due_at) - now), PATIENCE_MAX_S)

"""The desk: where clients come, from any thread.

A submit goes straight from the client's thread to an idle worker's socket, and a client that waits
for its task hears the workers in its own thread; see `pool/teller.py` for what happens in between.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from pool import events as told
from pool.core import Core
from pool.errors import PoolBroken, PoolForked
from pool.futures import TaskFuture
from pool.payloads import Call, pack_call
from pool.protocol import refusal_of
from pool.stats import PoolStats, stats_of
from pool.teller import Concluded, Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pool.config import PoolConfig
    from pool.names import Affinity


class Desk(Teller):
    """What clients may ask of one pool.

    Args:
        config: the pool's configuration.
        core: makes the core.
    """

    def __init__(self, config: PoolConfig, core: Callable[..., Core] = Core) -> None:
        super().__init__(config, core)
        self._numbers = itertools.count()

    def submit(
        self,
        call: Call,
        *,
        deadline: float | None = None,
        retries: int = 0,
        session: Affinity | None = None,
    ) -> TaskFuture[Any]:
        """The task is accepted and its future returned.

        Args:
            call: function, positional and keyword arguments.
            deadline: seconds until it must have resolved; None for the configured one.
            retries: how many more times it may start after its worker was lost.
            session: which it belongs to; None for an anonymous task.

        Raises:
            PoolSaturated, PoolShutdown, PoolBroken, SessionLost: it was refused.
            PoolForked: this process is a child of the pool's.
            PayloadError: it cannot be pickled.
        """
        payload = pack_call(call, self.config.frame_bytes_max)
        task = next(self._numbers)
        number, name = (None, None) if session is None else session
        future: TaskFuture[Any] = TaskFuture(task, self, payload, name)
        if deadline is None:
            deadline = self.config.task_timeout
        event = told.TaskSubmitted(task, deadline, retries, number)
        concluded: Concluded = []
        now = None
        self._demand_usable(task)
        with self.lock:
            self._demand_usable(task)
            self.futures[task] = future
            if self.telemetry.timed:
                future.submitted_at = now = time.monotonic()
                future.function = call[0]
            noted = self.telemetry.events_noted
            self.take((event,), concluded, now)
            refused, self._refused = self._refused, None
            noted -= self.telemetry.events_noted
        if concluded or noted:
            self.conclude(concluded)
        if refused is not None:
            raise refusal_of(task, refused.why, self.config, name)
        return future

    def open_session(self, name: Hashable, *, reopen: int | None = None) -> int:
        """The session of this name is open, or lost and not reopened; its number is returned.

        Args:
            name: as the client gave it.
            reopen: the number of a session that may be lost, closed or expired and is wanted
                again.

        Raises:
            PoolShutdown, PoolBroken: it was refused.
        """
        self._demand_usable(0)
        concluded: Concluded = []
        with self.lock:
            number = self._names.number(name) if reopen is None else reopen
            self._names.keep(name, number)
            kind = told.SessionOpened if reopen is None else told.SessionReopened
            self.take((kind(number),), concluded)
            refused, self._refused = self._refused, None
            if refused is not None:
                self._names.forget(number)
        self.conclude(concluded)
        if refused is not None:
            raise refusal_of(0, refused.why, self.config, name)
        return number

    def close_session(self, session: int) -> None:
        """Nothing more is accepted for the session; what was accepted still runs."""
        self.tell(told.SessionCloseRequested(session))

    def cancel(self, task: int) -> bool:
        """The task is cancelled if it still waits; whether this call did it is returned."""
        return task in self.tell(told.CancelRequested(task))

    def kill(self, task: int) -> bool:
        """The task is ended, with its worker if it runs; whether this call did it is returned."""
        return task in self.tell(told.KillRequested(task))

    def runs(self, task: int) -> bool:
        """Whether a worker holds the task and is not busy with another."""
        known = self.core.tasks.get(task)
        worker = None if known is None else known.worker
        return worker is not None and worker.task is known

    def listen(self, future: TaskFuture[Any], timeout: float | None) -> None:
        """This thread has listened to the workers itself, until the future resolved if it may.

        Args:
            future: whom it waits for.
            timeout: seconds to listen; None for no bound.
        """
        thread = threading.get_ident()
        if self._forked or thread == self.served_by or not self.listening.possible:
            return
        with self.lock:
            if future.outcome is not None or self.fault is not None:
                return
            if not self.listening.lead(thread):
                self.listening.followers += 1
                future.follows = True
                return
        until = None if timeout is None else time.monotonic() + timeout
        try:
            left = timeout
            while self.hear(self.listening.wait(left), future):
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return
        finally:  # also after an interrupt from the keyboard
            if self.listening.leader == thread:
                with self.lock:
                    if not self._forked:  # by a callback, say
                        self.listening.leave(time.monotonic())

    def stats(self) -> PoolStats:
        """What the pool has done and is doing at this moment."""
        if self._forked:
            raise PoolForked("this pool belongs to the parent of this process")
        if self._holder == threading.get_ident():  # a signal handler, within a call
            return stats_of(self.core, self.crew.pids())
        with self.lock:
            return stats_of(self.core, self.crew.pids())

    def forked(self) -> None:
        """In a child of the pool's process: nothing of it is held, and nobody waits for it."""
        self._forked = True
        self.lock = threading.Lock()  # the parent's may have been held at the fork
        self.listening.close()
        self.poller.close()
        self.waker.close()
        for watcher in self.watchers:
            watcher.forked()
        self.telemetry.forked()
        words = f"the pool belongs to process {os.getppid()}, not to its child"
        for task, future in list(self.futures.items()):
            # The parent goes on with it, so that nobody here can say that it never started.
            future.orphan(PoolForked(words, task=task, session=future.session, started=True))
        self.futures.clear()

    def _demand_usable(self, task: int) -> None:
        if self._forked:
            raise PoolForked("this pool belongs to the parent of this process", task=task)
        if self._holder == threading.get_ident():
            raise RuntimeError("the pool was called by a signal handler or finaliser within a call")
        if self.fault is not None:
            words = f"{type(self.fault).__name__}: {self.fault}"
            raise PoolBroken(f"cannot submit: the pool failed: {words}", task=task)

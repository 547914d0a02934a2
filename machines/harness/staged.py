"""The staged pool: the pool's core on `sim`, `wire` or `real`, with a schedule instead of luck.

It looks like a pool to its client. Nothing moves by itself: whoever waits for something makes the
moves of a fair schedule until it is there, and the clock jumps to what is due when nothing moves.
At its end the whole run is judged by every promise.
"""

from __future__ import annotations

import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from machines import trace
from machines.body import FRAMES, Condition, FactKind
from machines.drivers import Layer
from machines.parts import POOL, Parts
from machines.run import MOVES_MAX, Run, awaited, fair_move, heal
from machines.workload import NEVER
from model import history as saw
from pool import effects
from pool.protocol import error_of, refusal_of
from pool.stats import PoolStats, stats_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from machines.body import Body
    from machines.run import Report
    from machines.setting import Setting
    from machines.trace import Command

_READ: Final = (*FRAMES, FactKind.BAD)


class Violated(AssertionError):
    """The pool has broken a promise.

    Attributes:
        promise: which one.
    """

    def __init__(self, promise: str, words: str) -> None:
        super().__init__(f"{promise}: {words}")
        self.promise = promise


class TaskRaised(Exception):
    """The task's function raised; on these layers its exception is told in canonical words."""


class StagedFuture(concurrent.futures.Future[Any]):
    """One task of a staged pool; to wait for it makes the schedule go on.

    Attributes:
        task: its number.
        pool: whose it is.
    """

    def __init__(self, pool: StagedPool, task: int) -> None:
        super().__init__()
        self.task = task
        self.pool = pool

    def result(self, timeout: float | None = None) -> Any:
        """What the task's function returned.

        Args:
            timeout: virtual seconds until it must be there; None for as many as it takes.

        Raises:
            TimeoutError: it is not.
            Exception: the task has ended otherwise.
        """
        self.pool.go_on(self.done, timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task ended with; for the arguments see `result`."""
        self.pool.go_on(self.done, timeout)
        return super().exception(0)

    def cancel(self) -> bool:
        """Whether the task will never start, because its client has changed its mind."""
        self.pool.do(trace.Cancel(self.task))
        return self.cancelled()


class _Observed(Run):
    """A run that also tells somebody else what it sees."""

    def __init__(
        self, setting: Setting, layer: Layer, parts: Parts, told: Callable[[saw.Record], None]
    ) -> None:
        self._told_too = told
        super().__init__(setting, layer, parts)

    def _watch(self, record: saw.Record) -> None:
        super()._watch(record)
        self._told_too(record)


class StagedPool:
    """A fresh pool on one layer, driven by whoever waits.

    Attributes:
        layer: where it runs.
        run: the run that it is.
        started: each start of a task's function: the task's number and the worker's.
        answers: how often each task was resolved.
        deaf: workers whose frames do not reach the pool.
        mute: workers that nothing from the pool reaches.
        stopped: workers that do not go on, though the schedule is fair.
        watchers: each is told every record of the run.

    Args:
        setting: what of the pool's configuration is chosen.
        layer: where it runs.
        parts: the pool, perhaps with a bug planted in it.
    """

    def __init__(self, setting: Setting, layer: Layer, parts: Parts = POOL) -> None:
        self.layer = layer
        self.started: list[tuple[int, int | None]] = []
        self.answers: dict[int, int] = {}
        self.deaf: set[int] = set()
        self.mute: set[int] = set()
        self.stopped: set[int] = set()
        self.watchers: list[Callable[[saw.Record], None]] = []
        self._lock = threading.RLock()
        self._futures: dict[int, StagedFuture] = {}
        self._tasks = self._sessions = 0
        self._closed = False
        self._report: Report
        self.run = _Observed(setting, layer, parts, self._saw)
        self.config = setting.config()

    # What clients do.

    def submit(
        self,
        operation: str = "echo",
        *,
        deadline: float | None = None,
        retries: int = 0,
        session: int | None = None,
    ) -> StagedFuture:
        """The named operation is accepted, and its future returned.

        Args:
            operation: one of `machines.workload.OPERATIONS`; these layers run nothing else.
            deadline: virtual seconds from now until it must have resolved.
            retries: how many times its function may be started again.
            session: the number of its session; None for an anonymous task.

        Raises:
            ValueError: there is no such operation, a number is out of its range, or it never ends
                and has no deadline, so that no pool could ever answer.
            PoolError: the pool refuses it.
            Violated: the pool has broken a promise.
        """
        if operation in NEVER and deadline is None:
            raise ValueError(f"operation {operation!r} never ends: it needs a deadline, in seconds")
        with self._lock:
            command = trace.Submit(self._tasks, operation, deadline, retries, session)
            future = self._futures[self._tasks] = StagedFuture(self, self._tasks)
            self._tasks += 1
            before = len(self.run.world.log)
            self.do(command)
            for entry in self.run.world.log[before:]:
                if isinstance(entry, effects.RefuseTask) and entry.task == command.task:
                    del self._futures[command.task]
                    raise refusal_of(command.task, entry.why, self.config, session)
            return future

    def session(self) -> StagedSession:
        """A session that is open is returned, as a new one."""
        with self._lock:
            self.do(trace.OpenSession(self._sessions))
            self._sessions += 1
            return StagedSession(self, self._sessions - 1)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """The pool accepts nothing more, and has ended if `wait` is true.

        Args:
            wait: whether to go on until nothing of it is left.
            cancel_futures: whether waiting tasks are cancelled instead of run.
        """
        self.do(trace.Shutdown(cancel_futures))
        if wait:
            self.go_on(lambda: self.run.world.closed)

    # What is seen from outside.

    def stats(self) -> PoolStats:
        """What the pool has done and is doing at this moment, as one frozen value."""
        with self._lock:
            return stats_of(self.run.world.core, self.pids())

    def pids(self) -> dict[int, int]:
        """The process identifier of each live worker that has a process, by its number."""
        if self.layer is not Layer.REAL:
            return {}
        members: Any = self.run._driver._workers  # type: ignore[attr-defined]  # noqa: SLF001
        return {n: m.process.pid for n, m in sorted(members.items()) if not m.dead}

    def workers(self) -> list[int]:
        """The numbers of the workers that live, in order."""
        return [body.number for body in self.run.world.bodies.values() if body.alive]

    def now(self) -> float:
        """Virtual seconds since the pool was made."""
        return self.run.world.now

    # The schedule.

    def do(self, command: Command) -> bool:
        """The command is the next step; whether it was possible is returned.

        Raises:
            Violated: the pool has broken a promise.
        """
        with self._lock:
            possible = self.run.do(command)
            violation = self.run.violation
            if violation is not None:
                raise Violated(violation.promise, violation.sentence)
            return possible

    def step(self) -> bool:
        """Every worker that can has moved, or the clock has; whether anything did is returned.

        Raises:
            Violated: the pool has broken a promise.
        """
        with self._lock:
            world = self.run.world
            moves = [move for body in world.active.values() if (move := self._move(body))]
            moves += [trace.Divert(task) for task in world.diverted]
            for move in moves:
                self.do(move)
            if moves:
                return True
            due = awaited(world)
            if due is not None:
                self.do(trace.Advance(max(0.0, due - world.now)))
            return due is not None

    def go_on(self, enough: Callable[[], bool], timeout: float | None = None) -> None:
        """The schedule has gone on until this was so.

        Args:
            enough: says whether it is.
            timeout: virtual seconds; None for as many as it takes.

        Raises:
            TimeoutError: nothing more can happen, or the time is over, and it is not so.
        """
        until = None if timeout is None else self.now() + timeout
        for _ in range(MOVES_MAX):
            with self._lock:
                if enough():
                    return
                due = awaited(self.run.world)
                late = until is not None and self._idle() and (due is None or due > until)
                if late or not self.step():
                    break
        waited = "for ever" if timeout is None else f"{timeout:g} virtual seconds"
        raise TimeoutError(f"it did not come, however long one waits: {waited} at {self.now():g} s")

    def finish(self) -> Report:
        """Faults stop, all is delivered, the pool has ended, and the run is judged.

        Raises:
            Violated: the pool has broken a promise.
        """
        with self._lock:
            if self._closed:
                return self._report
            self.deaf.clear()
            self.mute.clear()
            self.stopped.clear()
            report = self._report = self.run.finish()
            self.close()
            if report.violation is not None:
                raise Violated(report.violation.promise, report.violation.sentence)
            return report

    def heal(self) -> None:
        """Everything that is under way has come to rest, with the pool still there."""
        with self._lock:
            heal(self.run.world)

    def close(self) -> None:
        """Nothing of the run is left, however it stands."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self.run.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        self.close()

    def _move(self, body: Body) -> Command | None:
        """What is next for this worker, unless a fault is in the way."""
        move = fair_move(body)
        if isinstance(move, trace.Continue) and body.number in self.stopped:
            move = trace.Deliver(body.number) if body.facts else None
        heard = isinstance(move, trace.Deliver)
        if heard and body.number in self.deaf and body.facts[0].kind in _READ:
            silent = body.condition is Condition.RUNNING
            opening = body.openable and body.at_gate is not None and silent
            if opening and body.at_gate is not None:
                return trace.Open(body.at_gate.number)
            move = trace.Receive(body.number) if silent and body.receptive else None
        if isinstance(move, trace.Receive) and body.number in self.mute:
            return None
        return move

    def _idle(self) -> bool:
        world = self.run.world
        return not world.diverted and not any(map(self._move, world.active.values()))

    def _saw(self, record: saw.Record) -> None:
        if isinstance(record, saw.Started):
            self.started.append((record.task, record.worker))
        elif isinstance(record, saw.Resolved):
            self.answers[record.task] = self.answers.get(record.task, 0) + 1
            future = self._futures.get(record.task)
            if future is not None and not future.done():
                self._resolve(future, record)
        for watcher in self.watchers:
            watcher(record)

    def _resolve(self, future: StagedFuture, record: saw.Resolved) -> None:
        if record.ending == effects.Ending.RETURNED:
            future.set_result(record.value)
        elif record.ending == effects.Ending.RAISED:
            future.set_exception(TaskRaised(*record.value))
        elif record.ending == effects.Ending.CANCELLED:
            concurrent.futures.Future.cancel(future)
            future.set_running_or_notify_cancel()
        else:
            outcome = next(
                entry.outcome
                for entry in reversed(self.run.world.log)
                if isinstance(entry, effects.ResolveTask) and entry.task == record.task
            )
            session = self.run.world.session_of.get(record.task)
            future.set_exception(error_of(record.task, outcome, self.config, session))


class StagedSession:
    """A session of a staged pool.

    Attributes:
        number: the session's.
    """

    def __init__(self, pool: StagedPool, number: int) -> None:
        self.number = number
        self.pool = pool

    def submit(self, operation: str = "echo", *, deadline: float | None = None) -> StagedFuture:
        """The named operation is accepted for the session's worker; see `StagedPool.submit`."""
        return self.pool.submit(operation, deadline=deadline, session=self.number)

    def reopen(self) -> Self:
        """The session takes tasks again, with an empty state if its old one is gone."""
        self.pool.do(trace.Reopen(self.number))
        return self

    def close(self) -> None:
        """Nothing more is accepted for it."""
        self.pool.do(trace.CloseSession(self.number))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

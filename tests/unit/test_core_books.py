"""Whatever happens, the core's books balance, and fair treatment brings every task to its end."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pure_pool import PurePool, only

from pool import effects as do
from pool import events as told
from pool.breaker import BreakerPolicy, BreakerState
from pool.events import Reply, TimerKind
from pool.lifecycle import WorkerState
from pool.state import Phase, Worker

OF_TASKS = (TimerKind.DEADLINE, TimerKind.RETRY)
OF_POOL = (TimerKind.GRACE, TimerKind.HEALTH, TimerKind.BREAKER, TimerKind.STALL)
STEPS_MAX = 2000


def from_worker(worker: Worker) -> list[told.Event]:
    """What this worker's driver may tell next; the first of it is what a healthy one does."""
    number = worker.number
    if worker.state is WorkerState.INITIALIZING:
        return [told.WorkerReady(number), told.SpawnFailed(number), told.WorkerInitFailed(number)]
    if worker.state is WorkerState.TERMINATING:
        return [told.WorkerReaped(number, len(worker.ahead)), told.WorkerReaped(number)]
    exits = [told.WorkerExited(number, -9, 0), told.WorkerExited(number, -9, 1)]
    if worker.task is not None:
        task, attempt = worker.task.number, worker.task.attempt
        replies = [told.ResultReceived(number, task, attempt, reply, b"") for reply in Reply]
        heavy = told.ResultReceived(number, task, attempt, Reply.RETURNED, b"", heavy=True)
        return [*replies, heavy, told.FrameCorrupt(number, "crc"), *exits]
    if worker.check:
        return [told.HealthReported(number, worker.check), *exits]
    return [*exits]


def from_client(pool: PurePool, task: int) -> list[list[told.Event]]:
    """What a client may ask for next, each in one go."""
    asked: list[list[told.Event]] = [
        [told.TaskSubmitted(task + more, None, more % 3) for more in range(10)],
        [told.TaskSubmitted(task, 2.0, 2)],
        [told.SessionReopened(0)],
        [told.SessionCloseRequested(0)],
    ]
    for session in (0, 1):
        submits = [told.TaskSubmitted(task + more, 2.0, 2, session) for more in range(3)]
        asked.append([told.SessionOpened(session), *submits])
    if pool.core.tasks:
        third = sorted(pool.core.tasks)[:3][-1]  # often one that was sent ahead
        asked += [[told.CancelRequested(third)], [told.KillRequested(third)]]
    return asked


class Books:
    """A pool, what was accepted, and what has resolved; each step is checked."""

    def __init__(self, **settings: Any) -> None:
        self.pool = PurePool(**settings)
        self.tasks = 0
        self.accepted: set[int] = set()
        self.resolved: set[int] = set()

    def tell(self, event: told.Event) -> None:
        asked = self.pool.tell(event)
        if isinstance(event, told.TaskSubmitted):
            self.tasks += 1
            if not only(asked, do.RefuseTask):
                self.accepted.add(event.task)
        for resolved in only(asked, do.ResolveTask):
            assert resolved.task in self.accepted - self.resolved
            self.resolved.add(resolved.task)
        self.check()
        for effect in only(asked, do.RecallTasks):  # half of what is ahead has not been come to
            ahead = list(self.pool.core.workers[effect.worker].ahead)
            back = tuple(task.number for task in ahead[len(ahead) // 2 :])
            self.tell(told.TasksRecalled(effect.worker, back))

    def check(self) -> None:
        core = self.pool.core
        workers = core.workers.values()
        assert core.queued == len(core.waiting) + sum(len(worker.queue) for worker in workers)
        assert core.sent_ahead == sum(len(worker.ahead) for worker in workers)
        assert core.placed == sum(len(worker.sessions) for worker in workers)
        assert core.starting == sum(w.state is WorkerState.INITIALIZING for w in workers)
        assert len(core.workers) <= core.config.size + core.config.max_overflow
        assert sorted(w.number for w in core.idle) == [
            w.number for w in workers if w.state is WorkerState.READY
        ]
        assert not core.idle or not (core.waiting or core.returning)
        for worker in workers:
            assert (worker.task is not None) == (worker.state is WorkerState.BUSY)
        for task in core.tasks.values():
            assert (task.place is None) == (task.worker is not None)
            assert task.place is None or task.place[task.number] is task
        for session in core.sessions.values():
            held = [task for task in core.tasks.values() if task.session is session]
            assert session.pending == len(held)
        for timer in self.pool.timers:
            assert timer.kind in OF_POOL or timer.number in self.owners(timer.kind)
        assert set(core.tasks) == self.accepted - self.resolved

    def owners(self, kind: TimerKind) -> Any:
        core = self.pool.core
        if kind in OF_TASKS:
            return core.tasks
        return core.sessions if kind is TimerKind.SESSION else core.workers

    def fire(self) -> None:
        timer = min(self.pool.timers, key=self.pool.timers.__getitem__)
        self.pool.now = max(self.pool.now, self.pool.timers.pop(timer))
        self.tell(told.TimerFired(timer))

    def step(self, choice: int) -> None:
        events = from_client(self.pool, self.tasks)
        for worker in self.pool.core.workers.values():
            events += [[event] for event in from_worker(worker)]
        if self.pool.timers:
            events.append([])
        chosen = events[choice % len(events)]
        for event in chosen:
            self.tell(event)
        if not chosen:
            self.fire()

    def settled(self) -> bool:
        core = self.pool.core
        if core.phase is not Phase.OPEN:
            return not core.tasks and not core.workers
        whole = len(core.idle) == len(core.workers) >= core.config.size
        return not core.tasks and whole and core.breaker.state is not BreakerState.OPEN

    def settle(self) -> None:
        """Every worker is well and answers, and time passes, until nothing is left to do."""
        for _ in range(STEPS_MAX):
            if self.settled():
                return
            doing = [from_worker(worker) for worker in self.pool.core.workers.values()]
            healthy = [
                events[0] for events in doing if not isinstance(events[0], told.WorkerExited)
            ]
            if healthy:
                self.tell(healthy[0])
            else:
                self.fire()
        raise AssertionError(f"not settled: {self.pool.core.tasks}, {self.pool.states}")


CONFIG = st.fixed_dictionaries(
    {
        "ready": st.sampled_from([None, 0]),
        "size": st.sampled_from([1, 2]),
        "max_overflow": st.sampled_from([0, 1]),
        "overflow_idle": st.just(0.5),
        "prefetch": st.sampled_from([0, 2, 4]),
        "tasks_max": st.sampled_from([None, 3]),
        "age_max": st.sampled_from([None, 5.0]),
        "health_interval": st.sampled_from([None, 3.0]),
        "session_ttl": st.sampled_from([None, 4.0]),
        "breaker": st.just(BreakerPolicy(failures_max=2, openings_max=1, cooldown=1.0)),
    }
)


@given(CONFIG, st.lists(st.integers(0, 10_000), min_size=10, max_size=40), st.booleans())
@settings(max_examples=300, deadline=None)
def test_books_balance_after_each_step_and_everything_settles(
    config: dict[str, Any], choices: list[int], shut: bool
) -> None:
    books = Books(**config)
    for choice in choices:
        books.step(choice)
    if shut:
        books.tell(told.ShutdownRequested())
    books.settle()
    assert books.accepted == books.resolved
    assert not shut or books.pool.timers == {}

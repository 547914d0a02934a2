"""The whole pool as a Hypothesis machine: clients, deliveries, clock and nemesis on one pool.

Rules choose among what is possible, by index; what they do is recorded as commands that name
what they mean, so that a failing example leaves a trace that needs neither Hypothesis nor this
machine. The nemesis is the second half of the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from machines import trace
from machines.body import FRAMES, Condition, FactKind
from machines.drivers import Diverged
from machines.gate import Start
from machines.run import Run, fair_moves
from machines.trace import How, Setting, Trace
from machines.workload import OPERATIONS
from model.promises import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from machines.body import Body
    from machines.run import Report
    from model.checker import Violation

WHICH = st.integers(0, 7)
DEADLINES = st.none() | st.sampled_from([1.0, 2.0, 5.0])
GRACES = st.none() | st.sampled_from([0.0, 1.0, 5.0])
SECONDS = st.sampled_from([1.0, 2.0, 5.0, 1.0, 2.0, 5.0, 1.0, 60.0])
SESSIONS = st.integers(0, 2)
# What else of the configuration is chosen; what comes first is what a failure is shrunk to.
FLAVOURS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"prefetch": 2},
    {"openings_max": 1},
    {"session_ttl": 10.0},
    {"health_interval": 30.0},
    {"tasks_max": 2},
    {"age_max": 20.0},
    {"prefetch": 3, "health_interval": 30.0, "tasks_max": 3, "session_ttl": 10.0},
)
RARELY = st.integers(0, 7).map(lambda drawn: drawn == 7)


class PromiseBroken(AssertionError):
    """A run broke a promise; one subclass for each promise, so that Hypothesis tells them apart.

    Args:
        violation: the promise and what happened.
        trace: the commands that led there.
    """

    def __init__(self, violation: Violation, trace: Trace) -> None:
        super().__init__(f"{violation.promise}: {violation.sentence}")
        self.violation = violation
        self.trace = trace


BROKEN: Final[dict[str, type[PromiseBroken]]] = {
    promise: type(f"{promise}Broken", (PromiseBroken,), {}) for promise in WORDS
}


class PoolMachine(RuleBasedStateMachine):
    """One pool from its start to its verified end.

    Args:
        begin: makes the run, on whatever layer and with whatever bug.
        done: is given each finished run and its report.
    """

    def __init__(
        self, begin: Callable[[Setting], Run], done: Callable[[Run, Report], None]
    ) -> None:
        super().__init__()
        self._begin = begin
        self._done = done
        self.run: Run | None = None
        self.tasks = 0
        self.sessions: list[int] = []

    @initialize(
        size=st.integers(1, 3),
        queue_limit=st.none() | st.integers(0, 3),
        flavour=st.sampled_from(FLAVOURS),
    )
    def start(self, size: int, queue_limit: int | None, flavour: dict[str, Any]) -> None:
        """A fresh pool starts."""
        self.run = self._begin(Setting(size=size, queue_limit=queue_limit, **flavour))
        self._check()

    # Clients.

    @rule(
        operation=st.sampled_from(sorted(OPERATIONS)),
        deadline=DEADLINES,
        retries=st.integers(0, 2),
    )
    def submit(self, operation: str, deadline: float | None, retries: int) -> None:
        """A client submits a task."""
        self._do(trace.Submit(self.tasks, operation, deadline, retries))
        self.tasks += 1

    @rule(count=st.integers(2, 6))
    def submit_several(self, count: int) -> None:
        """A client submits more than the workers can take at once."""
        for _ in range(count):
            self._do(trace.Submit(self.tasks))
            self.tasks += 1

    @rule(session=SESSIONS)
    def open_session(self, session: int) -> None:
        """A client opens a session, whether or not it is open."""
        self._do(trace.OpenSession(session))
        if session not in self.sessions:
            self.sessions.append(session)

    @precondition(lambda self: self.sessions)
    @rule(which=WHICH, operation=st.sampled_from(sorted(OPERATIONS)), deadline=DEADLINES)
    def submit_to_session(self, which: int, operation: str, deadline: float | None) -> None:
        """A client submits a task to a session, in whatever state it is."""
        for session in self._choose(which, self.sessions):
            self._do(trace.Submit(self.tasks, operation, deadline, session=session))
            self.tasks += 1

    @precondition(lambda self: self.sessions)
    @rule(which=WHICH)
    def reopen(self, which: int) -> None:
        """A client wants a session again, lost or not."""
        self._pick(which, self.sessions, trace.Reopen)

    @precondition(lambda self: self.sessions)
    @rule(which=WHICH, surely=st.booleans())
    def close_session(self, which: int, surely: bool) -> None:
        """A client closes a session, in whatever state it is."""
        if surely:
            self._pick(which, self.sessions, trace.CloseSession)

    @precondition(lambda self: self.tasks > 0)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        """A client cancels a task, in whatever state it is."""
        self._pick(which, range(self.tasks), trace.Cancel)

    @precondition(lambda self: self.tasks > 0)
    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        """A client has a task ended, in whatever state it is."""
        self._pick(which, range(self.tasks), trace.Kill)

    @rule(cancel_waiting=st.booleans(), grace=GRACES, surely=RARELY)
    def shutdown(self, cancel_waiting: bool, grace: float | None, surely: bool) -> None:
        """A client shuts the pool down; seldom, because little can happen afterwards."""
        if surely:
            self._do(trace.Shutdown(cancel_waiting, grace))

    # The schedule.

    @precondition(lambda self: self.sending())
    @rule(which=WHICH)
    def deliver(self, which: int) -> None:
        """The pool hears the next fact from a worker."""
        self._pick(which, self.sending(), trace.Deliver)

    @precondition(lambda self: self.receptive())
    @rule(which=WHICH)
    def receive(self, which: int) -> None:
        """A worker takes the next frame that was sent to it."""
        self._pick(which, self.receptive(), trace.Receive)

    @precondition(lambda self: self.at_gates())
    @rule(which=WHICH)
    def open_gate(self, which: int) -> None:
        """A started function may end."""
        self._pick(which, self.at_gates(), trace.Open)

    @rule(seconds=SECONDS)
    def advance(self, seconds: float) -> None:
        """The clock moves."""
        self._do(trace.Advance(seconds))

    @rule(moves=st.integers(1, 8))
    def proceed(self, moves: int) -> None:
        """For a while everything goes as it should."""
        for _ in range(moves):
            for move in fair_moves(self._world)[:1]:
                self._do(move)

    @precondition(lambda self: self.receptive())
    @rule(which=WHICH, moves=st.integers(1, 4))
    def work_on(self, which: int, moves: int) -> None:
        """A worker works while the pool hears nothing of it."""
        for worker in self._choose(which, self.receptive()):
            body = self._world.bodies[worker]
            for _ in range(moves):
                if body.receptive:
                    self._do(trace.Receive(worker))
                elif body.openable and body.at_gate is not None:
                    self._do(trace.Open(body.at_gate.number))

    # The nemesis.

    @precondition(lambda self: self.living())
    @rule(which=WHICH)
    def crash(self, which: int) -> None:
        """A worker's process is killed."""
        self._pick(which, self.living(), trace.Crash)

    @precondition(lambda self: self.in_condition(Condition.RUNNING))
    @rule(which=WHICH)
    def stop(self, which: int) -> None:
        """A worker's process is stopped."""
        self._pick(which, self.in_condition(Condition.RUNNING), trace.Stop)

    @precondition(lambda self: self.in_condition(Condition.STOPPED))
    @rule(which=WHICH)
    def go_on(self, which: int) -> None:
        """A stopped process continues."""
        self._pick(which, self.in_condition(Condition.STOPPED), trace.Continue)

    @precondition(lambda self: self.sending_frames())
    @rule(which=WHICH, how=st.sampled_from(How))
    def mangle(self, which: int, how: How) -> None:
        """The next frame from a worker is damaged."""
        self._pick(which, self.sending_frames(), lambda worker: trace.Mangle(worker, how))

    @rule(how=st.sampled_from([start for start in Start if start is not Start.NORMAL]))
    def next_start(self, how: Start) -> None:
        """The next worker's start goes wrong."""
        self._do(trace.NextStart(how))

    @precondition(lambda self: self.at_gates())
    @rule(which=WHICH)
    def late_reply(self, which: int) -> None:
        """A function ends, its deadline passes, and only then its reply is heard."""
        for task in self._choose(which, self.at_gates()):
            worker = next(
                b.number for b in self._bodies() if b.at_gate and b.at_gate.number == task
            )
            self._do(trace.Open(task))
            self._do(trace.Advance(5.0))
            self._do(trace.Deliver(worker))

    def teardown(self) -> None:
        """Faults stop, everything is delivered, and quiescence is demanded."""
        run, self.run = self.run, None
        if run is None:
            return
        with run:
            if run.violation is None:
                report = run.finish()
                self._done(run, report)
                self._raise_if_broken(run)
                if report.unknown:
                    raise Diverged(f"the run came to no end: {', '.join(report.unknown)} unknown")

    @property
    def _world(self) -> Any:
        assert self.run is not None  # noqa: S101 - initialize came first
        return self.run.world

    def _bodies(self) -> list[Body]:
        return list(self._world.bodies.values())

    def workers(self, condition: Callable[[Body], bool]) -> list[int]:
        """The numbers of the workers of which this is true."""
        return [body.number for body in self._bodies() if condition(body)]

    def in_condition(self, condition: Condition) -> list[int]:
        """The workers whose process is in this condition."""
        return self.workers(lambda body: body.condition is condition)

    def living(self) -> list[int]:
        """The workers that have a living process."""
        return self.workers(lambda body: body.alive)

    def receptive(self) -> list[int]:
        """The workers that can take a frame now."""
        return self.workers(lambda body: body.receptive)

    def sending(self) -> list[int]:
        """The workers of which the pool has something to hear."""
        return self.workers(lambda body: bool(body.facts))

    def sending_frames(self) -> list[int]:
        """The workers from which a sound frame comes next; replies first, they are rarer."""
        first = {body.number: body.facts[0] for body in self._bodies() if body.facts}
        sound = [n for n, fact in first.items() if fact.kind in FRAMES and not fact.struck]
        return sorted(sound, key=lambda number: first[number].kind is not FactKind.REPLY)

    def at_gates(self) -> list[int]:
        """The tasks whose functions wait to be let on."""
        waiting = [body.at_gate for body in self._bodies() if body.openable]
        return [order.number for order in waiting if order is not None]

    def _choose(self, which: int, among: Sequence[int]) -> Sequence[int]:
        return [among[which % len(among)]] if among else []

    def _pick(self, which: int, among: Sequence[int], make: Callable[[int], trace.Command]) -> None:
        for number in self._choose(which, among):
            self._do(make(number))

    def _do(self, command: trace.Command) -> None:
        assert self.run is not None  # noqa: S101 - initialize came first
        self.run.do(command)
        self._check()

    def _check(self) -> None:
        assert self.run is not None  # noqa: S101 - called where it was made
        self._raise_if_broken(self.run)

    def _raise_if_broken(self, run: Run) -> None:
        if run.violation is not None:
            trace_ = Trace(run.setting, tuple(run.steps))
            raise BROKEN[run.violation.promise](run.violation, trace_)

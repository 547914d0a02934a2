"""The clients: the rules by which tasks and sessions are asked for, and the pool is shut down."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machines import trace
from machines.machine import WHICH, Machine
from machines.workload import OPERATIONS

DEADLINES: Final = st.none() | st.sampled_from([1.0, 2.0, 5.0])
GRACES: Final = st.none() | st.sampled_from([0.0, 1.0, 5.0])
RARELY: Final = st.integers(0, 7).map(lambda drawn: drawn == 7)
SESSIONS: Final = st.integers(0, 2)


class Clients(Machine):
    """Clients of anonymous tasks, who also cancel and kill those of others."""

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


class SessionClients(Machine):
    """Clients of sessions."""

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

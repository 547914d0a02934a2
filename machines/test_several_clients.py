"""Several clients at once: they flood the pool, cancel each other's tasks, and one shuts it down.

Goal: find an interleaving of clients after which one of them has no answer, two, or another's.
Method: up to four clients take turns in whatever order, each with its own tasks and session and
with its hands on everybody's; after a while one of them shuts the pool down, and the others go on
as if they had not noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from machines import trace
from machines.clients import DEADLINES, GRACES
from machines.machine import WHICH
from machines.nemesis import Nemesis
from machines.schedule import Schedule
from machines.swarm import OFF
from machines.trace import Cancel, CloseSession, Kill, OpenSession, Reopen, Setting, Submit
from machines.workload import OPERATIONS

if TYPE_CHECKING:
    from machines.prove import Prove

CLIENTS: Final = 4
WHO: Final = st.integers(0, CLIENTS - 1)


class SeveralClientsMachine(Schedule, Nemesis):
    """Clients who take turns at one pool, each with tasks and a session of its own."""

    @initialize(
        size=st.integers(1, 2),
        queue_limit=st.none() | st.integers(1, 4),
        prefetch=st.sampled_from([0, 2, 4]),
        patience=st.integers(5, 40),
        off=OFF,
    )
    def start(
        self, size: int, queue_limit: int | None, prefetch: int, patience: int, off: frozenset[str]
    ) -> None:
        """A fresh pool starts, of which one client will have had enough after so many turns."""
        self.tasks_of: list[list[int]] = [[] for _ in range(CLIENTS)]
        self.patience = patience
        self.begin(Setting(size=size, queue_limit=queue_limit, prefetch=prefetch), off)

    @rule(who=WHO, operation=st.sampled_from(sorted(OPERATIONS)), deadline=DEADLINES)
    def submit(self, who: int, operation: str, deadline: float | None) -> None:
        """A client submits a task."""
        self._submit(who, operation=operation, deadline=deadline)

    @rule(who=WHO, count=st.integers(3, 12))
    def flood(self, who: int, count: int) -> None:
        """A client submits more than the pool can take, without waiting for anything."""
        for _ in range(count):
            self._submit(who)

    @rule(who=WHO, count=st.integers(1, 3))
    def talk(self, who: int, count: int) -> None:
        """A client talks to its session."""
        self._do(OpenSession(who))
        for _ in range(count):
            self._submit(who, session=who)

    @rule(who=WHO, whose=WHO)
    def intrude(self, who: int, whose: int) -> None:
        """A client submits to a session, whosever it is."""
        self._submit(who, session=whose)

    @rule(whose=WHO, end=st.sampled_from([CloseSession, Reopen]))
    def end_talk(self, whose: int, end: type[CloseSession | Reopen]) -> None:
        """A client closes a session or begins it anew, whosever it is."""
        self._do(end(whose))

    @rule(whose=WHO, which=WHICH, ask=st.sampled_from([Cancel, Kill]))
    def give_up(self, whose: int, which: int, ask: type[Cancel | Kill]) -> None:
        """A client has a task ended, whosever it is."""
        self._pick(which, self.tasks_of[whose], ask)

    @rule(whose=WHO)
    def give_up_all(self, whose: int) -> None:
        """A client cancels all tasks of one, as an executor's map does when it fails."""
        for task in self.tasks_of[whose]:
            self._do(Cancel(task))

    @rule(cancel_waiting=st.booleans(), grace=GRACES)
    def leave(self, cancel_waiting: bool, grace: float | None) -> None:
        """A client that has had enough shuts the pool down, under the others' hands."""
        if self.patience <= 0:
            self._do(trace.Shutdown(cancel_waiting, grace))

    def _submit(
        self,
        who: int,
        *,
        operation: str = "echo",
        deadline: float | None = None,
        session: int | None = None,
    ) -> None:
        self.patience -= 1
        self._do(Submit(self.tasks, operation, deadline, session=session))
        self.tasks_of[who].append(self.tasks)
        self.tasks += 1


def test_clients_do_not_get_into_each_others_way(poolcheck_prove: Prove) -> None:
    """However they interleave, each has its own answers, once."""
    poolcheck_prove(SeveralClientsMachine)

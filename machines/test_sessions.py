"""Sessions: clients that keep state in workers, while those are killed, recycled and reused.

Goal: find a sequence after which a session's task ran on another worker, out of order, with
another's state or with a silently empty one (S5, S6, S7). Method: clients talk to three sessions
in bursts, lose them with their workers, ask for them again and close them; sessions expire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from machines.clients import SessionClients
from machines.machine import WHICH
from machines.nemesis import Nemesis
from machines.schedule import Schedule
from machines.swarm import OFF
from machines.trace import Crash, Deliver, OpenSession, Reopen, Setting, Submit

if TYPE_CHECKING:
    from machines.body import Body
    from machines.prove import Prove

FLAVOURS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"session_ttl": 5.0},
    {"prefetch": 3},
    {"tasks_max": 2},
    {"age_max": 10.0, "session_ttl": 10.0},
    {"queue_limit": 2},
    {"max_overflow": 1},
    {"lazy": True, "strategy": "fifo"},
)


def is_home(body: Body) -> bool:
    """Whether the state of some session lives in this worker."""
    return body.alive and bool(body.marks)


class SessionMachine(SessionClients, Schedule, Nemesis):
    """Sessions on few workers, and what becomes of them with their workers."""

    @initialize(size=st.integers(1, 3), flavour=st.sampled_from(FLAVOURS), off=OFF)
    def start(self, size: int, flavour: dict[str, Any], off: frozenset[str]) -> None:
        """A fresh pool starts."""
        self.begin(Setting(size=size, **flavour), off)

    @precondition(lambda self: self.sessions)
    @rule(which=WHICH, count=st.integers(2, 4), moves=st.integers(0, 6))
    def converse(self, which: int, count: int, moves: int) -> None:
        """A client submits one task after the other to its session; some are served at once."""
        for session in self._choose(which, self.sessions):
            for _ in range(count):
                self._do(Submit(self.tasks, session=session))
                self.tasks += 1
            self.go_on_fairly(moves)

    @precondition(lambda self: self.workers(is_home))
    @rule(which=WHICH)
    def lose_home(self, which: int) -> None:
        """A worker is killed in which sessions live, and the pool hears of it."""
        for worker in self._choose(which, self.workers(is_home)):
            self._do(Crash(worker))
            for _ in self._world.bodies[worker].facts.copy():
                self._do(Deliver(worker))

    @precondition(lambda self: self.sessions)
    @rule(which=WHICH, again=st.sampled_from([Reopen, OpenSession]))
    def come_back(self, which: int, again: type[Reopen | OpenSession]) -> None:
        """A client asks for its session again, and goes on talking to it."""
        for session in self._choose(which, self.sessions):
            self._do(again(session))
            self._do(Submit(self.tasks, session=session))
            self.tasks += 1


def test_sessions_keep_their_worker_order_and_state(poolcheck_prove: Prove) -> None:
    """Whatever happens to their workers, or it is said aloud that they are lost."""
    poolcheck_prove(SessionMachine)

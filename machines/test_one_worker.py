"""One worker, every fault: a pool of one is struck wherever in its work it is.

Goal: find a point in a worker's work at which a fault breaks a promise. Method: the machine brings
the only worker to a chosen point (starting, idle, sent a task, running, its reply on the way,
ending), and then does to it whatever the nemesis can think of.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from machines.body import FactKind, Gate
from machines.clients import Clients
from machines.machine import WHICH
from machines.nemesis import Nemesis
from machines.schedule import Schedule
from machines.swarm import OFF
from machines.trace import (
    Advance,
    Cancel,
    Crash,
    Exit,
    Kill,
    OpenSession,
    Setting,
    Stop,
    Submit,
    Way,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.body import Body
    from machines.prove import Prove
    from machines.trace import Command

FLAVOURS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"prefetch": 2},
    {"openings_max": 2},
    {"health_interval": 30.0},
    {"tasks_max": 2, "prefetch": 2},
)
MOVES_MAX: Final = 12
WISHES: Final = st.sampled_from([{"session": 0}, {"retries": 1}, {}])
BLOWS: Final[list[Callable[[int], Command]]] = [
    Crash,
    Stop,
    functools.partial(Exit, how=Way.CODE),
    functools.partial(Exit, how=Way.TERMINATED),
]

POINTS: Final[dict[str, Callable[[Body], bool]]] = {
    "idle": lambda body: not body.facts and not body.inbox and body.gate is Gate.EMPTY,
    "starting": lambda body: bool(body.facts) and body.facts[0].kind is FactKind.READY,
    "sent a task": lambda body: bool(body.inbox),
    "running": lambda body: body.gate is Gate.CLOSED,
    "replied": lambda body: bool(body.facts) and body.facts[0].kind is FactKind.REPLY,
    "ending": lambda body: not body.alive and bool(body.facts),
}


class OneWorkerMachine(Clients, Schedule, Nemesis):
    """A pool of one worker, brought to a point and struck there."""

    @initialize(flavour=st.sampled_from(FLAVOURS), off=OFF)
    def start(self, flavour: dict[str, Any], off: frozenset[str]) -> None:
        """A fresh pool of one starts; its client has a session too."""
        self.begin(Setting(size=1, **flavour), off)
        self._do(OpenSession(0))

    @rule(point=st.sampled_from(sorted(POINTS)), wishes=WISHES)
    def reach(self, point: str, wishes: dict[str, Any]) -> None:
        """With the help of a task, the worker comes to this point of its work."""
        self._do(Submit(self.tasks, **wishes))
        if point == "ending":
            self._do(Kill(self.tasks))
        self.tasks += 1
        self.go_on_fairly(MOVES_MAX, until=lambda: any(map(POINTS[point], self._bodies()[-1:])))

    @rule(point=st.sampled_from(sorted(POINTS)), wishes=WISHES, blow=st.sampled_from(BLOWS))
    def strike(self, point: str, wishes: dict[str, Any], blow: Callable[[int], Command]) -> None:
        """It comes to this point of its work, and is struck there at once."""
        self.reach(point, wishes)
        self._pick(0, self.living(), blow)

    @rule(count=st.integers(3, 6), unheard=st.integers(1, 6), which=WHICH, changes=st.booleans())
    def hurry(self, count: int, unheard: int, which: int, changes: bool) -> None:
        """It was quick once, so more is sent ahead; it works unheard, until someone loses patience.

        Either a client changes its mind about a task, or the pool hears for too long of none.
        """
        for _ in range(count):
            self._do(Submit(self.tasks))
            self.tasks += 1
        self.go_on_fairly(MOVES_MAX, until=self._is_ahead)
        self.work_on(0, unheard)
        self._do(Cancel(self.tasks - 1 - which % count) if changes else Advance(1.0))

    def _is_ahead(self) -> bool:
        return any(order.ahead for body in self._bodies() for order in body.inbox)


def test_one_worker_bears_every_fault_at_every_point(poolcheck_prove: Prove) -> None:
    """Whatever strikes it, its clients are told the truth and it is replaced."""
    poolcheck_prove(OneWorkerMachine)

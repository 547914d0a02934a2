"""The worker lifecycle: every legal move happens, on every layer, in a few short stories.

Goal: no row of the specified lifecycle stands that no run can fire, and none of the pool's rows
is another than specified. Method: the stories below fire every row; what they fired is compared
with `model/worker.py`, and the model judges each move on the way. The machine then lives through
many such lives at once: workers that come only when there is work, wear out, get old and unwell,
and die.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from machines.body import FactKind
from machines.clients import Clients
from machines.firings import legal_moves
from machines.gate import Start
from machines.machine import WHICH
from machines.nemesis import Nemesis
from machines.run import Run, execute
from machines.schedule import Schedule
from machines.swarm import OFF
from machines.trace import (
    Advance,
    Command,
    Crash,
    Deliver,
    How,
    Kill,
    Mangle,
    NextStart,
    Open,
    Receive,
    Setting,
    Shutdown,
    Stop,
    Submit,
    Trace,
)

if TYPE_CHECKING:
    from machines.body import Body
    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.prove import Prove
    from machines.tally import Tally

_BUSY: Final[tuple[Command, ...]] = (Deliver(0), Submit(0), Receive(0))
_DIES: Final[tuple[Command, ...]] = (Crash(0), Deliver(0), Deliver(0))
_READY_DIES: Final[tuple[Command, ...]] = (Deliver(0), *_DIES)

_UNWELL: Final[tuple[Command, ...]] = (
    Deliver(0),
    Submit(0, "exhaust"),
    Receive(0),
    Open(0),
    Deliver(0),
)
PLAIN: Final = Setting(size=1)

STORIES: Final[dict[str, tuple[Command, ...]]] = {
    "a task returns": (*_BUSY, Open(0), Deliver(0)),
    "a task raises": (Deliver(0), Submit(0, "fail"), Receive(0), Open(0), Deliver(0)),
    "a busy worker is killed": (*_BUSY, *_DIES),
    "an idle worker is killed": _READY_DIES,
    "a reply is damaged": (*_BUSY, Open(0), Mangle(0), Deliver(0)),
    "an idle worker's greeting comes twice": (
        Mangle(0, Mangle(0).how.DOUBLED),
        Deliver(0),
        Deliver(0),
    ),
    "a greeting is damaged": (Mangle(0), Deliver(0)),
    "a deadline passes": (Deliver(0), Submit(0, deadline=1.0), Receive(0), Advance(2.0)),
    "a running task is killed": (*_BUSY, Kill(0)),
    "the grace is over": (*_BUSY, Shutdown(grace=1.0), Advance(2.0)),
    "shutdown while starting": (Shutdown(),),
    "a replacement is refused": (NextStart(Start.REFUSED), *_READY_DIES, Deliver(1)),
    "a replacement's initializer raises": (NextStart(Start.RAISES), *_READY_DIES, Deliver(1)),
    "a replacement's initializer hangs": (NextStart(Start.HANGS), *_READY_DIES, Advance(61.0)),
    "a replacement exits": (NextStart(Start.EXITS), *_READY_DIES, Deliver(1)),
    "an unwell worker recovers": (*_UNWELL, Receive(0), Deliver(0)),
    "an unwell worker is killed": (*_UNWELL, *_DIES),
    "an unwell worker's report is damaged": (*_UNWELL, Receive(0), Mangle(0), Deliver(0)),
    "an unwell worker is told to stop": (*_UNWELL, Shutdown()),
    "an unwell worker does not recover": (*_UNWELL, Stop(0), Advance(16.0)),
    "an idle worker becomes unwell": (Deliver(0), Stop(0), Advance(36.0)),
    "an unwell worker gets old": (*_UNWELL, Stop(0), Advance(11.0)),
    "a worker has served enough": (*_BUSY, Open(0), Deliver(0)),
}
SETTINGS: Final = {
    "an idle worker becomes unwell": Setting(size=1, health_interval=30.0),
    "an unwell worker gets old": Setting(size=1, age_max=10.0),
    "a worker has served enough": Setting(size=1, tasks_max=1),
}


IDLE: Final[dict[str, tuple[Command, ...]]] = {
    "starting": (Shutdown(),),
    "ready": (Deliver(0), Shutdown()),
}


def seconds_to_end(layer: Layer, parts: Parts, steps: tuple[Command, ...]) -> float:
    """How far the clock had to move until a pool without tasks had ended."""
    with Run(PLAIN, layer, parts) as run:
        for step in steps:
            run.do(step)
        run.finish()
        return run.world.now


def test_idle_workers_end_by_themselves(
    poolcheck_layer: Layer, poolcheck_tally: Tally, poolcheck_parts: Parts
) -> None:
    """A pool without tasks needs none of its grace: its workers stop when they are told to."""
    for title, steps in IDLE.items():
        assert seconds_to_end(poolcheck_layer, poolcheck_parts, steps) == 0.0, title
        poolcheck_tally.replays += 1


def test_every_legal_move_fires(
    poolcheck_layer: Layer, poolcheck_tally: Tally, poolcheck_parts: Parts
) -> None:
    """What fired over all stories is the specified lifecycle, no row more and none less."""
    fired: set[str] = set()
    for title, steps in STORIES.items():
        setting = SETTINGS.get(title, PLAIN)
        report = execute(Trace(setting, steps), poolcheck_layer, poolcheck_parts)
        assert report.violation is None, f"{title}: {report.violation}"
        assert not report.impossible, f"{title}: steps {report.impossible} were impossible"
        fired |= report.coverage.moves("worker")
        poolcheck_tally.replayed(report)
    assert fired == legal_moves("worker")


LIVES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"tasks_max": 1},
    {"tasks_max": 3, "prefetch": 2},
    {"age_max": 10.0},
    {"health_interval": 30.0},
    {"health_interval": 30.0, "health_failures_max": 1},
    {"lazy": True},
    {"max_overflow": 2},
    {"lazy": True, "max_overflow": 1, "strategy": "fifo", "tasks_max": 2},
)


REPORT_MOVES_MAX: Final = 12


def is_reporting(body: Body) -> bool:
    """Whether the pool hears next how this worker is."""
    return bool(body.facts) and body.facts[0].kind is FactKind.HEALTH and not body.facts[0].struck


class LifecycleMachine(Clients, Schedule, Nemesis):
    """Workers from their start to their end, whatever ends them."""

    @initialize(size=st.integers(1, 2), life=st.sampled_from(LIVES), off=OFF)
    def start(self, size: int, life: dict[str, Any], off: frozenset[str]) -> None:
        """A fresh pool starts, whose workers live in one way or another."""
        self.begin(Setting(size=size, **life), off)

    @rule(moves=st.integers(3, 6))
    def wear_out(self, moves: int) -> None:
        """A worker's task takes all the memory, and leaves it unwell; or it recovers at once."""
        self._do(Submit(self.tasks, "exhaust"))
        self.tasks += 1
        self.go_on_fairly(moves)

    @rule(count=st.integers(3, 6))
    def rush(self, count: int) -> None:
        """More tasks than workers come at once, and then there is nothing to do."""
        for _ in range(count):
            self._do(Submit(self.tasks))
            self.tasks += 1
        self.go_on_fairly(4 * count)

    @rule(which=WHICH)
    def report_twice(self, which: int) -> None:
        """A worker's answer to a health check comes twice; one becomes unwell first if need be."""
        if not self.workers(is_reporting):
            self._do(Submit(self.tasks, "exhaust"))
            self.tasks += 1
            self.go_on_fairly(REPORT_MOVES_MAX, until=lambda: bool(self.workers(is_reporting)))
        twice = How.DOUBLED
        self._pick(which, self.workers(is_reporting), lambda worker: Mangle(worker, twice))

    @rule(seconds=st.sampled_from([5.0, 10.0, 30.0, 35.0]))
    def grow_older(self, seconds: float) -> None:
        """Time enough passes for checks, for their limits, and for workers to get old."""
        self._do(Advance(seconds))

    @precondition(lambda self: self.living())
    @rule()
    def die_at_once(self) -> None:
        """Every worker is killed before the pool hears of any."""
        for worker in self.living():
            self._do(Crash(worker))


def test_workers_live_as_specified(poolcheck_prove: Prove) -> None:
    """However they live and whatever ends them, no promise is broken."""
    poolcheck_prove(LifecycleMachine)

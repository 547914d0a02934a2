"""Recovery and breaker: tasks that are tried again, and workers that do not come up.

Goal: find a sequence after which a task ran once more than it may, a pool hung or went on starting
workers for ever, or a breaker let through what it must not (S3, S12, L1, L2). Method: idempotent
tasks lose their workers again and again, under every strategy and shape of back-off, while starts
fail in rows long enough to open the breaker, and it cools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from machines.clients import Clients
from machines.gate import Start
from machines.machine import WHICH
from machines.nemesis import Nemesis
from machines.run import execute
from machines.schedule import Schedule
from machines.swarm import OFF
from machines.trace import (
    Advance,
    Crash,
    Deliver,
    Divert,
    Elsewhere,
    NextStart,
    Setting,
    Submit,
    Trace,
)
from pool.recovery import Shape, Strategy

if TYPE_CHECKING:
    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.prove import Prove
    from machines.tally import Tally

LOST: Final = st.sampled_from(
    [
        Strategy.IMMEDIATE_RETRY,
        Strategy.BACKOFF_RETRY,
        Strategy.FAILOVER,
        Strategy.CIRCUIT_BREAK,
        Strategy.ABANDON,
    ]
)
BAD_STARTS: Final = st.sampled_from([Start.REFUSED, Start.RAISES, Start.EXITS, Start.HANGS])


class RecoveryMachine(Clients, Schedule, Nemesis):
    """What is lost and tried again, and what fails to start and is tried again."""

    @initialize(
        size=st.integers(1, 2),
        failures_max=st.integers(1, 3),
        openings_max=st.integers(0, 2),
        probes_max=st.integers(1, 2),
        lost=LOST,
        backoff=st.sampled_from(Shape),
        fallback=st.booleans(),
        off=OFF,
    )
    def start(
        self,
        size: int,
        failures_max: int,
        openings_max: int,
        probes_max: int,
        lost: Strategy,
        backoff: Shape,
        fallback: bool,
        off: frozenset[str],
    ) -> None:
        """A fresh pool starts, with a breaker and a way to try again."""
        setting = Setting(
            size=size,
            start_failures_max=failures_max,
            openings_max=openings_max,
            probes_max=probes_max,
            lost=lost.value,
            backoff=backoff.value,
            fallback=fallback,
        )
        self.begin(setting, off)

    @rule(retries=st.integers(1, 6), deadline=st.none() | st.just(5.0))
    def submit_idempotent(self, retries: int, deadline: float | None) -> None:
        """A client submits a task that may be started again."""
        self._do(Submit(self.tasks, deadline=deadline, retries=retries))
        self.tasks += 1

    @precondition(lambda self: self.at_gates())
    @rule(which=WHICH, seconds=st.sampled_from([0.0, 0.1, 0.2, 1.0, 2.0, 4.0]))
    def lose_running(self, which: int, seconds: float) -> None:
        """A worker is killed while it runs a task, the pool hears of it, and some time passes."""
        running = self.workers(lambda body: body.openable)
        for worker in self._choose(which, running):
            self._do(Crash(worker))
            self._hear_all(worker)
            self._do(Advance(seconds))

    @precondition(lambda self: self.living())
    @rule(which=WHICH, count=st.integers(1, 4), how=BAD_STARTS)
    def fail_to_start(self, which: int, count: int, how: Start) -> None:
        """A worker is killed, and so many replacements in a row fail to start."""
        for worker in self._choose(which, self.living()):
            self._do(Crash(worker))
            dying = worker
            for _ in range(count):
                self._do(NextStart(how))
                self._hear_all(dying)
                dying = max(self._world.bodies)

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0]))
    def cool_down(self, seconds: float) -> None:
        """An open breaker may try again after so long."""
        self._do(Advance(seconds))

    def _hear_all(self, worker: int) -> None:
        while self._world.bodies[worker].facts:
            self._do(Deliver(worker))


def test_what_fails_is_tried_again_as_often_as_it_may(poolcheck_prove: Prove) -> None:
    """And no more often: neither a task nor the start of a worker."""
    poolcheck_prove(RecoveryMachine)


_HELPLESS: Final = (
    Deliver(0),
    Crash(0),
    NextStart(Start.REFUSED),
    Deliver(0),
    Deliver(0),
    Deliver(1),
)


@pytest.mark.parametrize("how", Elsewhere)
def test_what_no_worker_will_run_the_fallback_may_have_though_none_may_wait(
    how: Elsewhere, poolcheck_layer: Layer, poolcheck_tally: Tally, poolcheck_parts: Parts
) -> None:
    """The breaker is open and the queue has no place, and yet a task is not one too many."""
    setting = Setting(1, queue_limit=0, start_failures_max=1, openings_max=1, fallback=True)
    story = Trace(setting, (*_HELPLESS, Submit(0), Divert(0, how)))
    report = execute(story, poolcheck_layer, poolcheck_parts)
    assert report.violation is None, report.violation
    assert not report.impossible
    poolcheck_tally.replays += 1

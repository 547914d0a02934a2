"""The driver of real processes: it waits for facts, however slow a worker is."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from machines.drivers import Layer
from machines.drivers.real import RealDriver
from machines.run import execute
from machines.trace import Deliver, Exit, Open, Receive, Setting, Shutdown, Submit, Trace, Way

if TYPE_CHECKING:
    from machines.drivers.real import _Worker

pytestmark = pytest.mark.integration


class SlowReader(RealDriver):
    """What a worker was sent it reads only when somebody waits for its answer."""

    def receive(self, worker: int) -> None:
        """The worker is stopped first, unless it must show that it has started a task."""
        process = self._workers[worker].process
        if self._workers[worker].orders[0] == "check":
            os.kill(process.pid, signal.SIGSTOP)
        super().receive(worker)

    def _collect(self, worker: int, member: _Worker) -> None:
        if member.owed and not member.dead:
            os.kill(member.process.pid, signal.SIGCONT)
        super()._collect(worker, member)


def test_worker_that_dies_reading_has_answered_what_it_had_read_before() -> None:
    steps = (
        Deliver(0),
        Submit(0, "exhaust"),
        Receive(0),
        Open(0),
        Deliver(0),
        Receive(0),  # a health check
        Shutdown(),
        Exit(0, Way.READING),
    )
    trace = Trace(Setting(size=1), steps)
    report = execute(trace, Layer.REAL, driver=lambda *made: SlowReader(*made, 2.0))
    assert not report.impossible
    assert report.violation is None
    assert report.digest == execute(trace).digest

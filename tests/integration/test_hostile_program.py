"""A program that takes exit statuses, collects garbage at bad moments, or raises in callbacks."""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
import weakref
from typing import TYPE_CHECKING

import pytest

from pool import Pool, WorkerLost
from pool.core import Core
from pool.loop import Loop

if TYPE_CHECKING:
    from pathlib import Path

    from pool.effects import Effect
    from pool.events import Event

pytestmark = pytest.mark.integration

LIMIT = 30


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # fork is asked for
def test_exit_statuses_that_somebody_else_takes_cost_nothing() -> None:
    usual = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps at once
    try:
        with Pool(size=1, start_method="fork") as pool:
            lost = pool.submit(signal.raise_signal, signal.SIGKILL)
            error = lost.exception(LIMIT)
            assert isinstance(error, WorkerLost)
            assert "it exited; it may have started" in str(error)
            assert pool.submit(abs, -1).result(LIMIT) == 1
    finally:
        signal.signal(signal.SIGCHLD, usual)


class CollectingCore(Core):
    """Collects garbage in the middle of its work, as any allocation may."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        gc.collect()
        return super().handle(event, now)


class Holder:
    """Keeps a pool in a cycle, so that only the garbage collector can drop it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.myself = self


def test_a_pool_collected_while_its_own_lock_is_held_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pool.pool.Loop", functools.partial(Loop, core=CollectingCore))
    pool = Pool(size=1)
    loop, dropped = pool._loop, weakref.ref(pool)
    gc.disable()
    try:
        Holder(pool)
        del pool
        future = loop.desk.submit((abs, (-1,), {}))
        assert dropped() is None
    finally:
        gc.enable()
    assert future.result(LIMIT) == 1
    assert loop.join(LIMIT)


def test_a_callback_that_exits_ends_nobody_elses_pool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with Pool(size=1) as pool:
        held = pool.submit(gate.read_text)
        held.add_done_callback(lambda _: sys.exit(3))
        gate.write_text("open")
        assert held.result(LIMIT) == "open"
        assert pool.submit(abs, -2).result(LIMIT) == 2
    assert [record.message for record in caplog.records] == ["a callback of task 0's future raised"]

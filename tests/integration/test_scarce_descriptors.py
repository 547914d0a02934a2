"""Wherever descriptors run out while a worker starts, nothing is left and the next one starts."""

from __future__ import annotations

import os
from multiprocessing import forkserver
from typing import Any

import pytest

from machines.harness.limits import Resource, exhausted
from pool import PoolConfig
from pool.crew import bury
from pool.processes import WorkerProcess, context_for
from pool.worker import WorkerSetup

pytestmark = pytest.mark.integration

# A start takes fewer than these.
ENOUGH = 24


def test_a_start_that_has_too_few_descriptors_leaves_none_and_the_forkserver_lives() -> None:
    context = context_for(PoolConfig())
    bury(WorkerProcess(0, context, WorkerSetup()))  # what stands once for all stands now
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    before, pid = sorted(os.listdir("/proc/self/fd")), server._forkserver_pid
    refused = 0
    for headroom in range(ENOUGH + 1):
        try:
            with exhausted(os.getpid(), Resource.DESCRIPTORS, headroom):
                process = WorkerProcess(headroom, context, WorkerSetup())
        except OSError:
            refused += 1
        else:
            bury(process)
        assert sorted(os.listdir("/proc/self/fd")) == before, f"with {headroom} descriptors"
        assert server._forkserver_pid == pid
        bury(WorkerProcess(headroom, context, WorkerSetup()))
        assert server._forkserver_pid == pid, f"after {headroom} descriptors"
    assert 0 < refused <= ENOUGH

"""Who adopted an orphan sees to it when it is dead; whoever started a child does so itself."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import psutil
import pytest

from machines.harness import adoption, isolated
from machines.harness.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt"),
    pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning"),
]

# The orphan lives until nobody can write to its input any more.
ORPHAN = "exec 3<&0; cat <&3 >/dev/null & echo $!"


def is_dead(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def orphaned() -> tuple[int, int]:
    """The number of an orphan, and the descriptor that keeps it alive."""
    source, keeper = os.pipe()
    made = subprocess.run(
        ["/bin/sh", "-c", ORPHAN], stdin=source, stdout=subprocess.PIPE, check=True
    )
    os.close(source)
    return int(made.stdout), keeper


def test_an_orphan_that_died_is_no_leak_of_an_instance() -> None:
    with isolated("free"):
        orphan, keeper = orphaned()
        os.close(keeper)
        wait_for(lambda: is_dead(orphan), 10.0)
    assert not psutil.pid_exists(orphan)


def test_a_dead_orphan_is_reaped_and_an_own_child_is_left_to_its_owner() -> None:
    own = multiprocessing.get_context("fork").Process(target=os.getpid)
    with adoption.adopting():
        orphan, keeper = orphaned()
        os.close(keeper)
        own.start()
        assert own.pid is not None
        dead = [orphan, own.pid]
        try:
            wait_for(lambda: all(map(is_dead, dead)), 10.0)
            adoption.reap_adopted(dead)
            assert not psutil.pid_exists(orphan)
            assert is_dead(own.pid)
        finally:
            own.join()
    assert own.exitcode == 0

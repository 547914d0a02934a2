"""Where no process can be had a run falls back from `real`, says so, and is not counted so."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

import pytest

from machines.harness import FellBack, Instance, isolated, wait_for
from machines.harness.fixtures import counted_as
from machines.harness.foothold import missing
from machines.harness.instance import Plan
from machines.harness.limits import Resource, exhausted
from pool import PoolConfig

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def refuse(*_: Any) -> None:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


@pytest.fixture
def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system refuses every new process, as it does beyond a limit of processes."""
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)


def test_where_processes_can_be_had_nothing_falls_back() -> None:
    assert missing(PoolConfig()) == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with isolated("real", otherwise="wire") as instance:
            assert (instance.layer, instance.fell_back) == ("real", "")
            assert instance.pool.pids()
            assert counted_as(instance) == "real"


@pytest.mark.parametrize("below", ["wire", "sim"])
@pytest.mark.usefixtures("without_processes")
def test_a_run_falls_back_and_says_so(below: str) -> None:
    instance = Instance(Plan(layer="real", otherwise=below))
    words = f"runs on {below} instead of real: no process starts: .*temporarily unavailable"
    with pytest.warns(FellBack, match=words):
        instance.start()
    try:
        assert instance.layer == below
        assert "Resource temporarily unavailable" in instance.fell_back
        assert instance.pool.layer == below
        assert instance.pool.pids() == {}
        assert instance.pool.submit("echo").result()[0] == "echo"
        assert counted_as(instance) == f"{below} INSTEAD OF real ({instance.fell_back})"
    finally:
        instance.close()


@pytest.mark.usefixtures("without_processes")
def test_a_run_that_may_not_fall_back_does_not_start() -> None:
    with pytest.raises(OSError, match="temporarily unavailable"):
        Instance(Plan(layer="real")).start()


def test_descriptors_that_have_run_out_are_a_reason_too() -> None:
    forkserver.ensure_running()
    with exhausted(os.getpid(), Resource.DESCRIPTORS):
        why = missing(PoolConfig())
    assert "Too many open files" in why
    # The forkserver dies of a client that connects and has no descriptors to send; then comes
    # another.
    wait_for(lambda: missing(PoolConfig()) == "")


@pytest.mark.parametrize(
    ("layer", "otherwise"), [("real", "free"), ("free", "wire"), ("wire", "sim"), ("real", "real")]
)
def test_only_from_real_one_falls_and_only_to_what_needs_no_process(
    layer: str, otherwise: str
) -> None:
    with pytest.raises(ValueError, match="from real one falls to sim or wire"):
        Plan(layer=layer, otherwise=otherwise)


TEST = """
import errno, os, pytest
from machines.harness import isolated

def refuse(*_):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

@pytest.fixture(autouse=True)
def _(monkeypatch):
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)

@isolated("real", otherwise="wire")
def test_an_answer_comes(isolated_pool):
    assert isolated_pool.submit("echo").result()
"""


def test_pytest_s_summary_counts_it_under_no_layer_s_own_name(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    shown = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert shown.returncode == 0, shown.stdout
    assert "wire INSTEAD OF real (no process starts: [Errno 11] Resource" in shown.stdout
    assert "1 tests, 1 passed" in shown.stdout
    assert "FellBack" in shown.stdout
    assert "\nreal:" not in shown.stdout
    assert "\nwire:" not in shown.stdout

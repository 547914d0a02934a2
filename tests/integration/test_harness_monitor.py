"""The monitor: what it says of a pool is what the pool did, on every layer."""

from __future__ import annotations

import io
import json
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from rich.console import Console

from machines.free.work import LINGER_S, linger
from machines.harness import (
    inject_failure,
    isolated,
    live_view,
    start_pool_monitor,
    wait_for,
    with_pool_monitoring,
)

pytestmark = pytest.mark.integration

STAGED = ("sim", "wire", "real")


def hold(path: str) -> str:
    """Until somebody writes into the pipe."""
    return Path(path).read_text()


def fail(value: int) -> None:
    raise ValueError(value)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_what_a_pool_is_at_is_in_a_sample(pipe: Path) -> None:
    with (
        isolated("free", {"size": 1, "prefetch": 0}) as instance,
        with_pool_monitoring(instance) as monitor,
    ):
        futures = [instance.pool.submit(hold, str(pipe)) for _ in range(3)]
        wait_for(lambda: monitor.sample().running)
        busy = monitor.sample()
        assert (busy.queue, busy.running, busy.utilisation, busy.workers) == (2, 1, 1.0, 1)
        for future in futures:
            pipe.write_text("go on")
            assert future.result(20) == "go on"
        wait_for(lambda: not monitor.sample().running)
        idle = monitor.sample()
        assert (idle.queue, idle.running, idle.utilisation, idle.resolved) == (0, 0, 0.0, 3)
    assert monitor.endings == {"returned": 3}


def test_every_task_is_counted_by_its_ending_and_latencies_are_of_those_looked_at() -> None:
    with isolated("free") as instance, with_pool_monitoring(instance.pool) as monitor:
        good = [instance.pool.submit(abs, -1) for _ in range(20)]
        bad = [instance.pool.submit(fail, 1) for _ in range(5)]
        assert all(future.exception() is None for future in good)
        assert all(future.exception() is not None for future in bad)
    assert monitor.endings == {"returned": 20, "raised": 5}
    assert monitor.series[-1].resolved == 25
    assert 0 < monitor.looked_at <= 25
    median, longest = monitor.percentile(50.0), monitor.percentile(100.0)
    assert 0.0 < median <= longest < 20.0
    assert monitor.percentile(100.0, "ran") <= longest


def test_latencies_are_those_that_the_tasks_had() -> None:
    with isolated("free", {"size": 1}) as instance, with_pool_monitoring(instance) as monitor:
        for _ in range(3):
            instance.pool.submit(linger, 0).result()
    assert monitor.looked_at == 3
    assert monitor.percentile(0.0) >= LINGER_S
    assert monitor.percentile(0.0, "ran") >= LINGER_S
    with pytest.raises(ValueError, match="latency 'slept': latencies are waited, ran, total"):
        monitor.percentile(50.0, "slept")


def test_a_busy_pool_is_listened_to_in_windows_and_all_of_it_is_counted() -> None:
    with isolated("free") as instance, start_pool_monitor(instance, 0.05) as monitor:
        for _ in range(10):
            list(instance.pool.map(abs, range(1_000)))
    assert monitor.endings == {"returned": 10_000}
    assert 0 < monitor.looked_at < 10_000
    assert max(sample.rate for sample in monitor.series) > 100


def test_lost_workers_are_restarts_and_events() -> None:
    with isolated("free") as instance, with_pool_monitoring(instance) as monitor:
        with inject_failure("crash", instance):
            pass
        sample = monitor.sample()
        assert sample.restarted == 1
        assert monitor.events["WorkerStarted"] == 1
        assert monitor.events["Trouble"] == 1


def test_each_workers_memory_and_processor_time_are_seen_from_outside() -> None:
    with isolated("free") as instance, with_pool_monitoring(instance) as monitor:
        list(instance.pool.map(sum, [range(1_000_000)] * 4))
        sample = monitor.sample()
        assert set(sample.memory) == set(sample.processor) == {0, 1}
        assert all(resident > 1 << 20 for resident in sample.memory.values())
        assert sum(sample.processor.values()) > 0.0


@pytest.mark.parametrize("layer", STAGED)
def test_a_pool_on_a_schedule_is_watched_in_its_own_time(layer: str) -> None:
    with isolated(layer) as instance, with_pool_monitoring(instance) as monitor:
        pool = instance.pool
        futures = [pool.submit("echo") for _ in range(3)]
        assert monitor.sample().queue == 1
        assert all(future.result() for future in futures)
        with inject_failure("timeout", instance), inject_failure("timeout", instance, worker=1):
            late = pool.submit("echo", deadline=3.0)
            assert late.exception() is not None
    assert monitor.endings == {"returned": 3, "timeout": 1}
    assert monitor.percentile(100.0) == pytest.approx(3.0, rel=0.01)
    assert monitor.series[-1].at >= 3.0
    assert monitor.events["Resolved"] == 4


def test_of_another_pool_its_processes_are_seen() -> None:
    make = lambda: ProcessPoolExecutor(2, mp_context=get_context("forkserver"))  # noqa: E731
    with isolated(make=make) as instance, with_pool_monitoring(instance) as monitor:
        assert list(instance.pool.map(abs, [-1, -2])) == [1, 2]
        sample = monitor.sample()
        assert sample.workers == len(sample.memory) > 0


def test_the_series_is_written_a_sample_a_line(tmp_path: Path) -> None:
    with isolated("sim") as instance, with_pool_monitoring(instance) as monitor:
        instance.pool.submit("echo").result()
    monitor.write(tmp_path / "series.jsonl")
    lines = (tmp_path / "series.jsonl").read_text().splitlines()
    assert [json.loads(line)["resolved"] for line in lines][-1] == 1
    assert len(lines) == len(monitor.series)


def test_the_live_view_shows_the_last_sample() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=120)
    with (
        isolated("sim") as instance,
        with_pool_monitoring(instance) as monitor,
        live_view(monitor, console),
    ):
        instance.pool.submit("echo").result()
        monitor.sample()
    text = shown.getvalue()
    assert "1 (" in text
    assert "1 returned" in text
    assert "2, 0% busy" in text


def test_a_monitor_leaves_nothing_and_what_it_watched_goes_on() -> None:
    with isolated("free") as instance:
        telemetry = instance.pool._desk.telemetry
        for _ in range(3):
            monitor = start_pool_monitor(instance)
            assert telemetry.timed
            monitor.stop()
            monitor.stop()
        assert not telemetry.timed
        assert not telemetry.per_task
        assert "harness-monitor" not in {thread.name for thread in threading.enumerate()}
        assert instance.pool.submit(abs, -1).result() == 1


def test_what_cannot_be_watched_is_refused() -> None:
    with isolated("sim") as instance, pytest.raises(ValueError, match="more than 0 seconds"):
        start_pool_monitor(instance, 0.0)
    with pytest.raises(TypeError, match="does not say which processes"):
        start_pool_monitor(object())

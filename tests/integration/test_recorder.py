"""The flight recorder of real pools: it survives its pool's process, and tells what happened."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from pool import Pool
from pool import effects as do
from pool import events as told
from pool.core import Core
from pool.record import older_of, read_record

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from pool import PoolConfig

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning"),
]

LIMIT: Final = 30.0

# Answers each line on its standard input with the number of the task that has just resolved.
PROGRAM = """
import sys
from pool import Pool

def double(value):
    return 2 * value

if __name__ == "__main__":
    method, path, bytes_max = sys.argv[1:]
    with Pool(size=2, start_method=method, record=path, record_bytes_max=int(bytes_max)) as pool:
        while True:
            futures = [pool.submit(double, value) for value in range(50)]
            for future in futures:
                future.result()
            print(futures[-1].task, flush=True)
"""


def square(value: int) -> int:
    return value * value


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_program(tmp_path: Path, method: str, bytes_max: int, answers: int) -> tuple[Path, int]:
    """The record of a program that was killed at work, and the last task that it said resolved."""
    program, path = tmp_path / "program.py", tmp_path / "record.jsonl"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), method, str(path), str(bytes_max)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        last = [int(running.stdout.readline()) for _ in range(answers)][-1]
        running.kill()
        rest = running.stdout.read().split()
    return path, max([last, *map(int, rest)])


def outcomes(path: Path, config: PoolConfig) -> dict[int, do.Ending]:
    """How each task resolves when a core is told what the record says."""
    core, resolved = Core(config), {}
    for entry in read_record(path):
        for effect in core.handle(entry.event, entry.at):
            if isinstance(effect, do.ResolveTask):
                resolved[effect.task] = effect.outcome.ending
    return resolved


# Killed.


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_killed_parent_loses_no_event_that_anybody_can_know_of(
    method: str, tmp_path: Path
) -> None:
    path, last = killed_program(tmp_path, method, 1 << 26, answers=20)
    found = read_record(path)
    events = [entry.event for entry in found]
    assert found.complete
    assert events[0] == told.PoolStarted()
    submitted = [event.task for event in events if isinstance(event, told.TaskSubmitted)]
    assert submitted == list(range(len(submitted)))
    answered = {event.task for event in events if isinstance(event, told.ResultReceived)}
    assert answered >= set(range(last + 1))


def test_wherever_the_parent_is_killed_what_it_left_is_one_piece(tmp_path: Path) -> None:
    """The bound is so small that a kill also hits the change from one file to the next."""
    for answers in range(1, 13):
        folder = tmp_path / str(answers)
        folder.mkdir()
        path, last = killed_program(folder, "fork", 1 << 16, answers=10 * answers)
        found = read_record(path)
        submitted = [
            entry.event.task for entry in found if isinstance(entry.event, told.TaskSubmitted)
        ]
        assert submitted == list(range(submitted[0], submitted[-1] + 1))
        assert submitted[-1] >= last
        assert path.stat().st_size + older_of(path).stat().st_size <= (1 << 16) + 1000


# What it says.


def test_a_core_that_is_told_the_record_decides_as_the_pool_did(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    seen: dict[int, do.Ending] = {}

    def keep(event: Any) -> None:
        seen.update((done.task, done.ending) for done in getattr(event, "tasks", ()))

    with Pool(size=2, record=path, telemetry=keep) as pool:
        config = pool.config
        futures: list[Future[Any]] = [pool.submit(square, value) for value in range(200)]
        futures += [pool.submit(die) for _ in range(2)]
        futures += [pool.options(deadline=LIMIT).submit(square, value) for value in range(200)]
        futures[-1].cancel()
        with pool.session("s") as session:
            futures += [session.submit(dict.__len__), pool.submit(int, "no number")]
        for future in futures:
            if not future.cancel():
                future.exception(LIMIT)
    found = read_record(path)
    assert (found.complete, found.torn) == (True, False)
    assert len(seen) == len(futures)
    assert outcomes(path, config) == seen


def test_a_child_of_the_pools_process_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    with Pool(size=1, record=path) as pool:
        pool.submit(square, 2).result(LIMIT)
        child = os.fork()
        if child == 0:
            try:
                pool.shutdown(wait=False)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert pool.submit(square, 3).result(LIMIT) == 9
    stops = [it for it in read_record(path) if isinstance(it.event, told.ShutdownRequested)]
    assert len(stops) == 1


def test_a_path_that_cannot_be_recorded_to_is_told_when_the_pool_is_made(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError, match="cannot record there"):
        Pool(size=1, record=tmp_path / "no folder" / "record.jsonl")
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(TypeError, match="record must be the path of a file"):
        Pool(size=1, record=3)


def test_a_full_disk_ends_the_record_and_not_the_pool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "record.jsonl"
    with Pool(size=1, record=path) as pool:
        # As on a full disk, a file cannot grow beyond this.
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 4096, limits[1]))
        try:
            assert list(pool.map(square, range(9000)))[-1] == 8999 * 8999
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert pool.submit(square, 3).result(LIMIT) == 9
    (said,) = [it for it in caplog.records if it.levelno >= logging.ERROR]
    assert said.getMessage().startswith(f"the flight recorder stops: {path}: ")
    events = [entry.event for entry in read_record(path)]
    assert events[0] == told.PoolStarted()
    assert 1000 < len(events) < 18_000

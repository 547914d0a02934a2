"""Workers end with their parent, however it dies, and the next run tidies up after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from machines import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PYTEST = Path(sys.executable).with_name("pytest")

POOL_PROGRAM = textwrap.dedent(
    """
    import os
    import sys
    import threading

    from pool import Pool

    def hold(path):
        with open(path, "w") as pipe:
            print(os.getpid(), file=pipe, flush=True)
        threading.Event().wait()

    if __name__ == "__main__":
        pool = Pool(size=2, start_method=sys.argv[1])
        futures = [pool.submit(hold, sys.argv[2]) for _ in range(2)]
        futures[0].result()
    """
)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder whose path is short enough for the forkserver's socket."""
    with tempfile.TemporaryDirectory(prefix="pc-") as folder:
        yield Path(folder)


def start_pool(
    tmp_path: Path, temporary: Path, method: str
) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A program with a pool of two busy workers, and those workers' process identifiers."""
    program = tmp_path / "program.py"
    program.write_text(POOL_PROGRAM)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    parent = subprocess.Popen(
        [sys.executable, program, method, pipe],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    pids: list[int] = []
    while len(pids) < 2:
        pids += [int(line) for line in pipe.read_text().split()]
    return parent, pids


def alive_after(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still live then; a dead orphan which init has not buried yet does not."""
    _, left = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in left if not is_dead(process)]


def is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
def test_workers_die_with_a_killed_parent_even_when_stopped(
    tmp_path: Path, temporary: Path, method: str
) -> None:
    parent, pids = start_pool(tmp_path, temporary, method)
    workers = [psutil.Process(pid) for pid in pids]
    workers[0].send_signal(signal.SIGSTOP)
    parent.kill()
    parent.wait()
    assert alive_after(workers, 2.0) == []


def start_machines(temporary: Path, saved: Path) -> subprocess.Popen[bytes]:
    """A long run of the pool machine on real processes."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    arguments = ["machines/test_pool.py", "--layer", "real", "--hypothesis-profile", "nightly"]
    arguments += ["--counterexamples", str(saved), "-p", "no:cacheprovider"]
    return subprocess.Popen(
        [PYTEST, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )


def wait_for_workers(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Every descendant of a run, as soon as two workers' processes are among them."""
    while run.poll() is None:
        family = psutil.Process(run.pid).children(recursive=True)
        if len(family) >= 4:  # the forkserver, the resource tracker, and at least two workers
            return family
    raise AssertionError("the run ended before it had workers")


def test_a_killed_run_leaves_no_process_and_the_next_run_no_file(
    tmp_path: Path, temporary: Path
) -> None:
    run = start_machines(temporary, tmp_path)
    family = wait_for_workers(run)
    run.kill()
    run.wait()
    assert alive_after(family, 2.0) == []
    left = list(temporary.glob(f"{scratch.PREFIX}*"))
    assert len(left) == 1, "a killed run cannot remove its scratch folder itself"
    again = subprocess.run(
        [PYTEST, "machines/test_worker_lifecycle.py", "--layer", "real", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout.decode()
    assert list(temporary.iterdir()) == []

"""A fork of the pool's own process: the child touches nothing, the parent goes on as before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hostile import LIMIT, alive_after, among_others, is_dead, two_workers

from pool import Pool, PoolForked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pool import TaskFuture

__all__ = ["two_workers"]  # the fixture `pool`

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning"),
]

FORKED = "PoolForked: this pool belongs to the parent of this process"
ORPHANED = "PoolForked: the pool belongs to process {parent}, not to its child"


def in_child(work: Callable[[], Any]) -> str:
    """What the work returned or raised in a child that was forked here."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(int(LIMIT))  # the system ends a child that hangs
        try:
            words = repr(work())
        except BaseException as error:
            words = f"{type(error).__name__}: {error}"
        os.write(write_end, words.encode())
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as told:
        words = told.read().decode()
    assert os.waitpid(child, 0) == (child, 0), "the child hung"
    return words


def pass_gate(gate: Path, value: Any) -> Any:
    """Returns when the test opens the gate."""
    with gate.open("rb", buffering=0) as end:
        end.read(1)
    return value


class Busy:
    """A pool with both workers at a gate, and more tasks waiting behind them.

    Attributes:
        held: the tasks that run.
        waiting: those that wait.
    """

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.gates = [folder / f"gate-{number}" for number in range(2)]
        for gate in self.gates:
            os.mkfifo(gate)
        self.held = [pool.submit(pass_gate, gate, gate.name) for gate in self.gates]
        self.ends = [gate.open("wb", buffering=0) for gate in self.gates]  # both have begun
        self.waiting = [pool.submit(abs, -number) for number in range(20)]

    def open(self) -> None:
        """Everything ends as if there had been no fork."""
        for end in self.ends:
            if not end.closed:
                end.write(b"o")
                end.close()
        assert [held.result(LIMIT) for held in self.held] == [gate.name for gate in self.gates]
        assert [future.result(LIMIT) for future in self.waiting] == list(range(20))


@pytest.fixture
def busy(pool: Pool, tmp_path: Path) -> Iterator[Busy]:
    """The pool is busy; its workers are the same when the test is over."""
    workers = dict(pool.pids())
    busy = Busy(pool, tmp_path)
    yield busy
    busy.open()
    assert pool.pids() == workers
    assert among_others(pool, abs, -1).result() == 1


USES: dict[str, Callable[[Pool], Any]] = {
    "submit": lambda pool: pool.submit(abs, -1),
    "submit with options": lambda pool: pool.options(idempotent=True).submit(abs, -1),
    "map": lambda pool: list(pool.map(abs, [-1])),
    "session": lambda pool: pool.session("a"),
    "stats": lambda pool: pool.stats(),
}


@pytest.mark.parametrize("use", USES)
def test_child_that_uses_the_idle_pool_is_told_so(pool: Pool, use: str) -> None:
    workers = set(among_others(pool, abs, -1) and pool.pids())
    assert in_child(lambda: USES[use](pool)).startswith(FORKED)
    assert among_others(pool, abs, -2).result() == 2
    assert set(pool.pids()) == workers


@pytest.mark.parametrize("use", USES)
def test_child_that_uses_the_busy_pool_is_told_so(pool: Pool, busy: Busy, use: str) -> None:
    assert busy.held[0].running()
    assert in_child(lambda: USES[use](pool)).startswith(FORKED)


@pytest.mark.parametrize("which", ["held", "waiting"])
def test_child_that_waits_for_a_task_of_the_parent_is_told_so(
    pool: Pool, busy: Busy, which: str
) -> None:
    futures: list[TaskFuture[Any]] = getattr(busy, which)
    assert pool.pids()
    assert in_child(lambda: futures[0].result(LIMIT)) == ORPHANED.format(parent=os.getpid())
    assert in_child(futures[-1].exception).startswith("PoolForked(")


def test_child_has_the_results_that_had_come(pool: Pool) -> None:
    future = among_others(pool, abs, -7)
    assert in_child(future.result) == "7"


def test_child_can_neither_cancel_nor_kill_a_task_of_the_parent(pool: Pool, busy: Busy) -> None:
    assert pool.pids()
    assert in_child(busy.waiting[0].cancel) == "False"
    assert in_child(busy.held[0].kill) == "False"


def test_callback_of_the_parent_is_not_called_in_the_child(
    pool: Pool, busy: Busy, tmp_path: Path
) -> None:
    note, noted = tmp_path / "note", threading.Event()

    def take_note(_: object) -> None:
        with note.open("a") as file:
            file.write(f"{os.getpid()}\n")
        noted.set()

    busy.waiting[0].add_done_callback(take_note)
    assert pool.pids()
    assert in_child(busy.waiting[0].done) == "True"
    busy.open()
    assert noted.wait(LIMIT)
    assert note.read_text() == f"{os.getpid()}\n"


def leave_the_block(pool: Pool) -> None:
    with pool:
        pass


@pytest.mark.parametrize("end", [Pool.shutdown, leave_the_block])
def test_child_that_shuts_the_pool_down_ends_nothing(
    pool: Pool, busy: Busy, end: Callable[[Pool], None]
) -> None:
    assert busy.held[0].running()
    assert in_child(lambda: end(pool)) == "None"


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_child_may_have_a_pool_of_its_own(pool: Pool, busy: Busy, method: str) -> None:
    def use_own_pool() -> list[int]:
        with Pool(size=2, start_method=method) as own:
            return list(own.map(abs, range(-3, 0)))

    assert busy.held[0].running()
    assert pool.pids()
    assert in_child(use_own_pool) == "[3, 2, 1]"
    assert in_child(use_own_pool) == "[3, 2, 1]"


def test_child_holds_none_of_the_pools_descriptors(pool: Pool, busy: Busy) -> None:
    before = int(in_child(lambda: psutil.Process().num_fds()))
    assert busy.held[0].running()
    with Pool(size=2, start_method=pool.config.start_method) as other:
        among_others(other, abs, -1)
        # For each process multiprocessing keeps two of its own, which harm nobody.
        assert int(in_child(lambda: psutil.Process().num_fds())) <= before + 4


def test_forks_in_many_threads_while_workers_come_and_go_harm_nothing(pool: Pool) -> None:
    told: list[str] = []

    def fork_often() -> None:
        told.extend(in_child(lambda: pool.submit(abs, -1)) for _ in range(10))

    threads = [threading.Thread(target=fork_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    lost = [pool.submit(os._exit, 3) for _ in range(20)]
    fine = [pool.options(idempotent=True, retries=20).submit(abs, -n) for n in range(200)]
    assert [future.result(LIMIT) for future in fine] == list(range(200))
    assert {type(future.exception(LIMIT)).__name__ for future in lost} == {"WorkerLost"}
    for thread in threads:
        thread.join(LIMIT)
    assert told == [FORKED] * 30


# A child that ends like a program, and one that outlives its parent.

PROGRAM = textwrap.dedent(
    """
    import os
    import signal
    import sys

    from pool import Pool

    def hold(path):
        with open(path, "rb", buffering=0) as gate:
            return gate.read(1)

    def main(method, gate, end):
        pool = Pool(size=2, start_method=method)
        pool.submit(abs, -1).result()
        held = pool.submit(hold, gate)
        with open(gate, "wb", buffering=0) as opener:
            print(*pool.pids().values(), flush=True)
            child = os.fork()
            if child == 0:
                if end == "lives":
                    opener.close()
                    print(os.getpid(), flush=True)
                    signal.pause()
                elif end == "raises":
                    raise SystemExit(5)
                elif end == "drops":
                    held = pool = None
                return
            if end == "lives":
                signal.pause()
            print(os.waitpid(child, 0)[1] >> 8, flush=True)
            opener.write(b"x")
        print(held.result(), pool.submit(abs, -2).result(), flush=True)
        pool.shutdown()

    if __name__ == "__main__":
        main(*sys.argv[1:])
    """
)


def command(tmp_path: Path, method: str, end: str) -> list[str]:
    program, gate = tmp_path / "program.py", tmp_path / "gate"
    program.write_text(PROGRAM)
    os.mkfifo(gate)
    ignored = ["-W", "ignore::DeprecationWarning"]
    return [sys.executable, *ignored, str(program), method, str(gate), end]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize(("end", "code"), [("returns", 0), ("raises", 5), ("drops", 0)])
def test_child_that_ends_like_a_program_says_nothing_and_ends_nothing(
    tmp_path: Path, method: str, end: str, code: int
) -> None:
    ran = subprocess.run(
        command(tmp_path, method, end),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[1:] == [str(code), "b'x' 2"]
    assert ran.returncode == 0


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_die_with_a_killed_parent_although_its_child_lives_on(
    tmp_path: Path, method: str
) -> None:
    with subprocess.Popen(
        command(tmp_path, method, "lives"), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait(LIMIT)
        try:
            assert alive_after(workers, LIMIT) == []
            assert not is_dead(child)
        finally:
            os.kill(child, signal.SIGKILL)


def test_error_of_a_forked_child_is_a_pool_error_and_a_runtime_error() -> None:
    assert issubclass(PoolForked, RuntimeError)

"""What tasks leave in their workers: children, threads, signal handlers, stopped processes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest
from hostile import FORK, LIMIT, among_others, is_dead, lost, two_workers

from pool import Pool, TaskTimeout, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["two_workers"]  # the fixture `pool`

pytestmark = pytest.mark.integration


@contextlib.contextmanager
def living(pid: int) -> Iterator[None]:
    """The process lives all the while, and not afterwards."""
    assert not is_dead(pid)
    try:
        yield
        assert not is_dead(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


# Children.


def fork_and_go_on() -> tuple[int, int]:
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    return os.getpid(), child


def fork_and_die() -> None:
    _, child = fork_and_go_on()
    os.write(2, b"")
    os._exit(child % 200)


def fork_and_both_return() -> tuple[int, int]:
    """The child speaks first, if it speaks at all."""
    child = os.fork()
    if child != 0:
        os.waitpid(child, 0)
    return os.getpid(), child


def fork_and_both_raise() -> None:
    raise LookupError(*map(str, fork_and_both_return()))


def test_child_that_lives_on_keeps_neither_its_worker_nor_the_pool_alive(pool: Pool) -> None:
    worker, child = among_others(pool, fork_and_go_on).result()
    with living(child):
        assert worker in pool.pids().values()
        pool.shutdown()
        assert pool.pids() == {}
        assert is_dead(worker)


def test_death_of_a_worker_is_seen_although_its_child_lives_on(pool: Pool) -> None:
    worker, child = among_others(pool, fork_and_go_on).result()
    with living(child):
        number = next(number for number, pid in pool.pids().items() if pid == worker)
        os.kill(worker, signal.SIGKILL)
        among_others(pool, abs, -1)
        while number in pool.pids():
            among_others(pool, abs, -1)


def note_and_die(path: Path) -> None:
    _, child = fork_and_go_on()
    path.write_text(str(child))
    os._exit(9)


def test_exit_code_of_a_worker_is_told_although_its_child_lives_on(
    pool: Pool, tmp_path: Path
) -> None:
    future = among_others(pool, note_and_die, tmp_path / "child")
    with living(int((tmp_path / "child").read_text())):
        lost(future, "it exited with code 9")


def test_child_that_returns_from_the_task_does_not_answer_for_its_worker(pool: Pool) -> None:
    for _ in range(5):
        worker, child = among_others(pool, fork_and_both_return).result()
        assert worker in pool.pids().values()
        assert child != 0


def test_child_that_raises_in_the_task_does_not_answer_for_its_worker(pool: Pool) -> None:
    error = among_others(pool, fork_and_both_raise).exception()
    assert isinstance(error, LookupError)
    assert int(error.args[0]) in pool.pids().values()


def compute_in_a_child() -> list[int]:
    context = get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=send_squares, args=(theirs,))
    child.start()
    squares: list[int] = ours.recv()
    child.join()
    return squares


def send_squares(pipe: Any) -> None:
    pipe.send([number * number for number in range(4)])


def compute_in_a_pool(method: str) -> list[int]:
    with Pool(size=2, start_method=method) as pool:
        return list(pool.map(pow, range(4), [2] * 4))


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_task_may_use_a_pool_of_its_own(pool: Pool, method: str) -> None:
    for _ in range(2):
        assert among_others(pool, compute_in_a_pool, method).result() == [0, 1, 4, 9]
    assert among_others(pool, abs, -1).result() == 1


def test_task_may_use_processes_of_its_own(pool: Pool) -> None:
    for _ in range(2):
        assert among_others(pool, compute_in_a_child).result() == [0, 1, 4, 9]
    assert among_others(pool, abs, -1).result() == 1


# Threads.


def start_a_thread(*, daemon: bool) -> int:
    threading.Thread(target=threading.Event().wait, daemon=daemon).start()
    return os.getpid()


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "no daemon"])
@pytest.mark.parametrize("method", ["forkserver", FORK])
def test_thread_that_never_ends_does_not_keep_the_pool_from_ending(
    method: str, daemon: bool
) -> None:
    with Pool(size=2, start_method=method, grace=0.2) as pool:
        workers = [
            pool.submit(start_a_thread, daemon=daemon).result(LIMIT),
            among_others(pool, os.getpid).result(),
        ]
    assert [pid for pid in workers if not is_dead(pid)] == []


def fail_in_a_thread() -> None:
    threading.excepthook = lambda _: None
    thread = threading.Thread(target=os.close, args=(-1,))
    thread.start()
    thread.join()


def test_thread_that_raises_is_nobody_elses_affair(pool: Pool) -> None:
    assert among_others(pool, fail_in_a_thread).result() is None


# Signals.


def reset_signals() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGTERM else signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return os.getpid()


def test_task_that_resets_signal_handlers_harms_nobody_and_can_be_ended(pool: Pool) -> None:
    worker = among_others(pool, reset_signals).result()
    assert worker in pool.pids().values()
    os.kill(worker, signal.SIGTERM)
    among_others(pool, abs, -1)
    assert worker in pool.pids().values()


@pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
def test_interrupt_that_a_task_let_through_ends_its_idle_worker_quietly(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Pool(size=1, start_method="fork") as pool:
        worker = pool.submit(reset_signals).result(LIMIT)
        os.kill(worker, signal.SIGINT)
        while worker in pool.pids().values():
            assert pool.options(idempotent=True).submit(abs, -1).result(LIMIT) == 1
    assert capfd.readouterr().err == ""


def stop_myself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def test_task_that_stops_its_process_is_ended_at_its_deadline(pool: Pool) -> None:
    before = among_others(pool, abs, -1) and dict(pool.pids())
    stopped = pool.options(deadline=0.5).submit(stop_myself)
    assert among_others(pool, abs, -1).result() == 1
    error = stopped.exception(LIMIT)
    assert type(error) is TaskTimeout
    assert str(error) == f"task {stopped.task} passed its deadline; it may have started"
    assert error.worker in before
    while error.worker in pool.pids():
        assert among_others(pool, abs, -1).result() == 1


def kill_the_forkserver() -> int:
    os.kill(os.getppid(), signal.SIGKILL)
    return os.getpid()


def test_pool_survives_its_forkserver() -> None:
    with Pool(size=2, start_method="forkserver") as pool:
        orphan = pool.submit(kill_the_forkserver).result(LIMIT)
        workers = set(pool.pids().values())
        assert orphan in workers
        while workers & set(pool.pids().values()):
            # Nobody is left who would know the exit code.
            assert isinstance(among_others(pool, os._exit, 3).exception(), WorkerLost)
    assert [pid for pid in workers if not is_dead(pid)] == []

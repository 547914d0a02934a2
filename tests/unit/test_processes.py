"""One worker process: its tokens, its count, its end, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
from multiprocessing import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import psutil
import pytest

from pool import PoolConfig, lifeline, processes
from pool.processes import MainFile, WorkerProcess, context_for
from pool.worker import RUN, SKIP, WorkerSetup

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")

LIMIT = 30.0
FORK = context_for(PoolConfig(start_method="fork"))


# What the processes run: they do what single bytes through their channel tell them.


def obey(channel: socket.socket, held: int, mark: mmap.mmap, tokens: int, _: WorkerSetup) -> int:
    """`t` takes a token and sends it, `b` counts a task as begun, `e` ends with code 5.

    `c` closes the channel and lives on, `f` ends and says so, but waits before its last step.
    """
    assert os.fstat(held)
    while order := channel.recv(1):
        if order == b"t":
            channel.sendall(os.read(tokens, 1))
        elif order == b"b":
            mark[0] = (mark[0] + 1) & 0xFF
            channel.sendall(b"b")
        elif order == b"f":
            util.Finalize(None, say_and_wait, exitpriority=1)
            break
        elif order == b"c":
            channel.close()
            signal.pause()
        else:
            break
    return 5


SAID = os.pipe()
MAY_END = os.pipe()


def say_and_wait() -> None:
    os.write(SAID[1], b"x")
    os.read(MAY_END[0], 1)


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    with started() as worker:
        yield worker


@contextlib.contextmanager
def started(body: Callable[..., int] = obey, context: Any = FORK) -> Iterator[WorkerProcess]:
    """A process, of which nothing is left afterwards."""
    process = WorkerProcess(3, context, WorkerSetup(), body)
    process.channel.settimeout(LIMIT)
    try:
        yield process
    finally:
        if process.exit_fd >= 0:
            process.kill()
            assert process.reap(LIMIT)
        process.close()


def ordered(worker: WorkerProcess, orders: bytes) -> bytes:
    """What the process answers to these orders, one byte each."""
    worker.channel.sendall(orders)
    answer = b""
    while len(answer) < len(orders):
        answer += worker.channel.recv(len(orders))
    return answer


def descriptors() -> int:
    return psutil.Process().num_fds()


# Tokens.


def test_tokens_that_are_given_arrive(worker: WorkerProcess) -> None:
    worker.give(3)
    assert ordered(worker, b"ttt") == 3 * RUN


def test_tokens_that_were_not_taken_can_be_taken_back_and_the_tasks_are_skipped(
    worker: WorkerProcess,
) -> None:
    worker.sent = 5
    worker.give(5)
    assert ordered(worker, b"tt") == 2 * RUN
    assert worker.recall() == 3
    assert worker.sent == 2
    assert ordered(worker, b"ttt") == 3 * SKIP


def test_only_the_last_tokens_are_taken_back_if_not_all_may_be(worker: WorkerProcess) -> None:
    worker.sent = 5
    worker.give(5)
    assert worker.recall(2) == 2
    assert worker.sent == 3
    assert ordered(worker, b"ttttt") == 3 * RUN + 2 * SKIP


def test_what_was_taken_back_once_is_not_taken_back_again(worker: WorkerProcess) -> None:
    worker.sent = 3
    worker.give(2)
    assert worker.recall() == 2
    worker.give(1)
    assert worker.recall() == 1
    assert worker.recall() == 0
    assert ordered(worker, b"ttt") == 3 * SKIP


def test_nothing_is_taken_back_where_nothing_was_given(worker: WorkerProcess) -> None:
    assert worker.recall() == 0
    worker.give(1)
    assert worker.recall(0) == 0
    assert ordered(worker, b"t") == RUN


def test_tokens_may_be_given_to_a_process_that_is_dead(worker: WorkerProcess) -> None:
    worker.kill()
    worker.reap(LIMIT)
    worker.sent = 2
    worker.give(2)
    assert worker.recall() == 2


# The count of tasks begun.


def test_tasks_that_were_sent_and_not_begun_are_counted(worker: WorkerProcess) -> None:
    assert worker.unstarted == 0
    worker.sent = 3
    assert ordered(worker, b"b") == b"b"
    assert worker.unstarted == 2


def test_count_is_right_beyond_a_byte(worker: WorkerProcess) -> None:
    worker.sent = 300
    assert ordered(worker, 299 * b"b") == 299 * b"b"
    assert worker.unstarted == 1


# Its end.


def test_process_that_lives_is_not_reaped(worker: WorkerProcess) -> None:
    assert worker.reap(0.0) is False
    assert worker.code is None


def test_exit_code_is_what_the_body_returned(worker: WorkerProcess) -> None:
    worker.channel.sendall(b"e")
    assert worker.reap() is True
    assert worker.code == 5


@pytest.mark.parametrize("stopped", [False, True])
def test_killed_process_is_dead_even_if_it_was_stopped(
    worker: WorkerProcess, stopped: bool
) -> None:
    if stopped:
        os.kill(worker.pid, signal.SIGSTOP)
        os.waitpid(worker.pid, os.WUNTRACED)
    worker.kill()
    assert worker.reap(LIMIT)
    assert worker.code == -signal.SIGKILL
    worker.kill()  # it is no error, whoever has its number now
    assert worker.reap(0.0)


def test_hang_up_does_not_precede_the_exit_of_a_body_that_returned(worker: WorkerProcess) -> None:
    worker.channel.sendall(b"f")
    assert os.read(SAID[0], 1) == b"x"  # the body has returned, and the process is not dead
    assert not lifeline.readable(worker.channel.fileno(), 0.0)
    os.write(MAY_END[1], b"x")
    assert worker.channel.recv(1) == b""
    assert worker.reap(LIMIT)
    assert worker.code == 5


def test_process_that_closed_its_channel_lives_on(worker: WorkerProcess) -> None:
    worker.channel.sendall(b"c")
    assert worker.channel.recv(1) == b""
    assert worker.reap(0.0) is False


def test_exit_status_that_somebody_else_took_is_unknown(worker: WorkerProcess) -> None:
    worker.channel.sendall(b"e")
    assert os.waitpid(worker.pid, 0)[1] >> 8 == 5
    assert worker.reap(LIMIT)
    assert worker.code is None
    assert worker.process.exitcode == 0  # multiprocessing would ask for ever


def test_closed_process_may_be_closed_again() -> None:
    with started() as worker:
        worker.kill()
        worker.reap(LIMIT)
        worker.close()
        assert worker.exit_fd == -1
        worker.close()


# What is left of it.


@pytest.mark.parametrize("missing", ["nothing", "pidfd_open", "memfd_create"])
def test_no_descriptor_is_left_of_a_closed_process(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delattr(os, missing, raising=False)
    before = descriptors()
    with started() as worker:
        worker.give(1)
        assert ordered(worker, b"tb") == RUN + b"b"
        worker.sent = 1
        assert worker.unstarted == 0
        worker.kill()
        assert worker.reap(LIMIT)
        assert worker.code == -signal.SIGKILL
    assert descriptors() == before


def test_process_that_ended_before_it_was_looked_at_can_be_reaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: int) -> int:
        raise ProcessLookupError

    monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)
    with started() as worker:
        worker.channel.sendall(b"e")
        assert worker.reap(LIMIT)
        assert worker.code == 5


def test_nothing_is_left_of_a_process_that_could_not_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: object) -> None:
        raise BlockingIOError("no process can be had")

    before = descriptors()
    monkeypatch.setattr(FORK.Process, "start", refuse)
    with pytest.raises(BlockingIOError):
        WorkerProcess(0, FORK, WorkerSetup(), obey)
    assert descriptors() == before


def test_nothing_is_left_of_a_process_that_was_started_in_vain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    def refuse(process: Any) -> None:
        seen.append(process)
        raise KeyboardInterrupt

    before = descriptors()
    monkeypatch.setattr(processes, "_exit_descriptor", refuse)
    with pytest.raises(KeyboardInterrupt):
        WorkerProcess(0, FORK, WorkerSetup(), obey)
    (process,) = seen
    assert process.exitcode == -signal.SIGKILL
    process.close()
    assert descriptors() == before


def test_keeper_holds_a_process_unless_making_it_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[WorkerProcess] = []
    worker = WorkerProcess(0, FORK, WorkerSetup(), obey, kept)
    assert kept == [worker]

    def refuse(_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(processes, "_exit_descriptor", refuse)
        with pytest.raises(KeyboardInterrupt):
            WorkerProcess(1, FORK, WorkerSetup(), obey, kept)
    assert kept == [worker]
    worker.kill()
    worker.reap(LIMIT)
    worker.close()


def test_process_waits_for_orders_and_tokens_whatever_the_default_timeout_is() -> None:
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        with started() as worker:
            worker.channel.sendall(b"t")
            assert worker.reap(0.1) is False  # it waits for its token
            worker.give(1)
            assert worker.channel.recv(1) == RUN
            assert worker.reap(0.1) is False  # it waits for its next order
    finally:
        socket.setdefaulttimeout(usual)


# The start methods.


def test_forkserver_preloads_what_the_workers_and_the_program_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context_for(PoolConfig(start_method="forkserver"))  # it runs now, and with what it needs
    told: list[list[str]] = []
    kind = type(multiprocessing.get_context("forkserver"))
    monkeypatch.setattr(kind, "set_forkserver_preload", lambda _, names: told.append(names))
    context_for(PoolConfig(start_method="forkserver", preload=("json",)))
    assert told == [["pool.main_module", "pool.worker", "json", "pool.preloaded"]]


def test_pool_runs_where_the_forkserver_cannot_import_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    root = Path(processes.__file__).parents[1]
    site = Path(attrs.__file__).parents[1]
    program.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path += [{str(root)!r}, {str(site)!r}]
            from pool import Pool

            if __name__ == "__main__":
                with Pool(size=2, start_method="forkserver") as pool:
                    print(list(pool.map(abs, range(-3, 0))))
            """
        )
    )
    bare = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "-S", program],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[3, 2, 1]\n", "")


def test_forkserver_of_another_process_is_left_and_one_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: Any = processes.forkserver._forkserver  # type: ignore[attr-defined]
    context_for(PoolConfig(start_method="forkserver"))
    own = server._forkserver_pid
    context_for(PoolConfig(start_method="forkserver"))
    assert server._forkserver_pid == own
    kept = dict(vars(server))
    alive = os.dup(server._forkserver_alive_fd)
    monkeypatch.setattr(server, "_forkserver_pid", os.getppid())
    monkeypatch.setattr(server, "_forkserver_alive_fd", alive)
    context_for(PoolConfig(start_method="forkserver"))
    assert server._forkserver_pid not in {own, os.getppid()}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(alive)
    os.close(server._forkserver_alive_fd)  # it ends
    os.waitpid(server._forkserver_pid, 0)
    monkeypatch.undo()
    vars(server).update(kept)


def test_main_module_that_forgot_its_file_is_reminded() -> None:
    program = (
        "import sys; from pool.processes import MainFile;"
        "main = sys.modules['__main__']; main.__file__ = 'program.py'; file = MainFile();"
        "assert not file.restored(); del main.__file__;"
        "assert file.restored(); assert main.__file__ == 'program.py'"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_main_module_without_a_file_stays_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    assert MainFile().restored() is False
    assert not hasattr(sys.modules["__main__"], "__file__")


# In a child of this process.


def test_child_holds_nothing_of_a_process() -> None:
    with started() as worker:
        child = os.fork()
        if child == 0:
            closed = worker.channel.fileno() == worker._lifeline == worker.exit_fd == -1
            os._exit(0 if closed else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert ordered(worker, b"b") == b"b"

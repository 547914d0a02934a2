"""An interrupt from the keyboard: everything ends, once, and without a wall of tracebacks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import textwrap
from typing import TYPE_CHECKING, Final

import psutil
import pytest
from hostile import LIMIT, alive_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

PROGRAM: Final = textwrap.dedent(
    """
    import asyncio
    import concurrent.futures
    import os
    import signal
    import sys
    import threading

    from pool import Pool

    def begin():
        with open(os.environ["BEGUN"], "wb", buffering=0) as begun:
            begun.write(b"x")

    def hold(number):
        begin()
        threading.Event().wait()

    def spin(number):
        begin()
        while True:
            pass

    def note(number):
        begin()
        return number

    def in_a_block(method):
        with Pool(size=2, start_method=method) as pool:
            for _ in pool.map(hold, range(50)):
                pass

    def without_a_block(method):
        pool = Pool(size=2, start_method=method)
        list(pool.map(hold, range(50)))

    def at_work(method):
        with Pool(size=2, start_method=method) as pool:
            list(pool.map(spin, range(50), chunksize=5))

    def at_one_result(method):
        with Pool(size=2, start_method=method) as pool:
            others = [pool.submit(hold, number) for number in range(50)]
            others[1].result()

    def at_many_results(method):
        with Pool(size=2, start_method=method) as pool:
            others = [pool.submit(hold, number) for number in range(50)]
            for future in concurrent.futures.as_completed(others):
                future.result()

    def in_a_session(method):
        with Pool(size=2, start_method=method) as pool, pool.session("a") as session:
            pool.submit(hold, 1)
            session.submit(hold_with_state).result()

    def hold_with_state(state):
        hold(0)

    def in_a_loop(method):
        async def main():
            with Pool(size=2, start_method=method) as pool:
                loop = asyncio.get_running_loop()
                jobs = (loop.run_in_executor(pool, hold, number) for number in range(50))
                try:
                    await asyncio.gather(*jobs)
                finally:
                    begin()

        asyncio.run(main())

    def at_the_end(method):
        pool = Pool(size=2, start_method=method)
        for number in range(50):
            pool.submit(hold, number)

    def leaving_the_block(method):
        with Pool(size=2, start_method=method) as pool:
            for number in range(50):
                pool.submit(hold, number)

    def starting(method):
        begin()
        with Pool(size=2, start_method=method) as pool:
            list(pool.map(hold, range(50)))

    def in_a_storm(method):
        with Pool(size=2, start_method=method) as pool:
            while True:
                list(pool.map(note, range(200)))

    if __name__ == "__main__":
        globals()[sys.argv[1]](sys.argv[2])
    """
)
METHODS: Final = ("forkserver", "fork", "spawn")
WAITS: Final = (
    "in_a_block",
    "without_a_block",
    "at_work",
    "at_one_result",
    "at_many_results",
    "in_a_session",
    "leaving_the_block",
)


def take_terminal() -> None:
    """In the program's process, before it runs: its input becomes its controlling terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Run:
    """A program in a terminal of its own.

    Args:
        folder: where it is written.
        words: its arguments.
    """

    def __init__(self, folder: Path, *words: str) -> None:
        self._keyboard, terminal = os.openpty()
        program, begun = folder / "program.py", folder / "begun"
        program.write_text(PROGRAM)
        begun.unlink(missing_ok=True)
        os.mkfifo(begun)
        self._begun = os.open(begun, os.O_RDWR)  # open to write, too, so it never hangs up
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", program, *words],
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.PIPE,
            env={**os.environ, "BEGUN": str(begun)},
            text=True,
            start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509 - it takes no lock
        )
        os.close(terminal)

    def wait_for_tasks(self, count: int) -> None:
        """So many tasks have begun."""
        begun = 0
        while begun < count:
            assert select.select([self._begun], [], [], LIMIT)[0], f"only {begun} tasks have begun"
            begun += len(os.read(self._begun, count - begun))

    def interrupt(self) -> None:
        """Control and C are pressed, and the terminal's whole foreground group is interrupted."""
        os.write(self._keyboard, b"\x03")

    def end(self) -> tuple[int, str]:
        """The program's exit code, and what it wrote to its error output."""
        _, errors = self.process.communicate(timeout=LIMIT / 2)
        return self.process.returncode, errors

    def left(self) -> list[int]:
        """What still lives of the program, and of all that it started in its terminal."""
        return alive_after([pid for pid in psutil.pids() if self._is_ours(pid)], LIMIT / 2)

    def _is_ours(self, pid: int) -> bool:
        try:
            return os.getsid(pid) == self.process.pid
        except ProcessLookupError:
            return False

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        if self.process.stderr is not None:
            self.process.stderr.close()
        os.close(self._keyboard)
        os.close(self._begun)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts programs, and leaves none behind."""
    with contextlib.ExitStack() as undo:

        def run(*words: str) -> Run:
            started = Run(tmp_path, *words)
            undo.callback(started.close)
            return started

        yield run


def tracebacks(errors: str) -> int:
    """How many exceptions were told, each with those that it came from."""
    came_from = ("During handling of the above exception", "The above exception was the direct")
    return errors.count("Traceback") - sum(errors.count(words) for words in came_from)


def was_interrupted(code: int, errors: str) -> None:
    """The program says once, and in few words, what ended it."""
    assert code in {-signal.SIGINT, 128 + signal.SIGINT}, errors
    assert tracebacks(errors) == 1, errors
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert "poolcheck-worker" not in errors, errors


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wait", WAITS)
def test_interrupt_while_the_program_waits_ends_everything_once(
    runs: Callable[..., Run], wait: str, method: str
) -> None:
    run = runs(wait, method)
    run.wait_for_tasks(2)
    run.interrupt()
    was_interrupted(*run.end())
    assert run.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_interrupt_in_the_middle_of_the_pools_work_ends_everything_once(
    runs: Callable[..., Run], method: str
) -> None:
    for number in range(5):
        run = runs("in_a_storm", method)
        run.wait_for_tasks(100 + 77 * number)
        run.interrupt()
        was_interrupted(*run.end())
        assert run.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_interrupt_while_the_pool_starts_ends_everything_once(
    runs: Callable[..., Run], method: str
) -> None:
    for number in range(8):
        run = runs("starting", method)
        run.wait_for_tasks(1)  # the program says that it is about to
        sum(range(number * 400_000))  # so that each comes at another moment
        run.interrupt()
        was_interrupted(*run.end())
        assert run.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_interrupt_of_a_program_that_only_waits_for_its_pool_ends_everything_once(
    runs: Callable[..., Run], method: str
) -> None:
    run = runs("at_the_end", method)
    run.wait_for_tasks(2)
    run.interrupt()
    _, errors = run.end()  # what is raised at this stage does not change Python's exit code
    assert tracebacks(errors) == 1, errors
    assert "KeyboardInterrupt" in errors
    assert run.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_interrupt_of_an_event_loop_cancels_and_the_second_one_ends_everything(
    runs: Callable[..., Run], method: str
) -> None:
    run = runs("in_a_loop", method)
    run.wait_for_tasks(2)
    run.interrupt()  # the loop cancels its main task, which leaves the block and waits
    run.wait_for_tasks(1)  # it says so, too
    run.interrupt()
    code, errors = run.end()
    assert code in {-signal.SIGINT, 128 + signal.SIGINT}, errors
    assert "poolcheck-worker" not in errors
    assert run.left() == []


@pytest.mark.parametrize("method", METHODS)
def test_impatient_interrupts_end_everything_too(runs: Callable[..., Run], method: str) -> None:
    run = runs("in_a_block", method)
    run.wait_for_tasks(2)
    for _ in range(5):
        run.interrupt()
    code, errors = run.end()
    assert code in {-signal.SIGINT, 128 + signal.SIGINT}, errors
    assert "poolcheck-worker" not in errors
    assert run.left() == []

"""Two hundred isolated tests in random order, in one process and in two; bad ones too."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import psutil
import pytest

from machines.harness import tag, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.integration

# So many of each: what runs on processes takes twenty times as long.
GOOD = """
    import os
    from multiprocessing import shared_memory

    import pytest
    from machines.harness import isolated


    @pytest.mark.parametrize("number", range(90))
    @isolated("sim")
    def test_sim(isolated_pool, number):
        assert isolated_pool.submit("echo").result() == ["echo", 0]


    @pytest.mark.parametrize("number", range(50))
    @isolated("wire", {"size": 1})
    def test_wire(isolated_pool, number):
        assert isolated_pool.session().submit("echo").result() == [[], ["echo", 0]]


    @pytest.mark.parametrize("number", range(20))
    @isolated("real")
    def test_real(isolated_pool, number):
        assert isolated_pool.submit("echo").result() == ["echo", 0]


    @pytest.mark.parametrize("number", range(40))
    def test_free(isolated_instance, number):
        pool, folder = isolated_instance.pool, isolated_instance.folder
        (folder / "same-name").touch(exist_ok=False)
        segment = shared_memory.SharedMemory(create=True, size=8)
        pids = set(pool.map(process, range(4)))
        assert os.getpid() not in pids
        segment.close()
        segment.unlink()


    def process(_):
        return os.getpid()
"""
BAD = """
    import os
    import signal
    import sys

    WAITS = [sys.executable, "-c", "import signal; signal.pause()"]


    def test_fails(isolated_pool):
        assert isolated_pool.submit(abs, -1).result() == 2


    def test_leaks_a_process(isolated_pool):
        os.posix_spawn(sys.executable, WAITS, os.environ)


    def test_leaks_a_descriptor(isolated_pool):
        os.open("/dev/null", os.O_RDONLY)
"""
KILLED = """
    import os
    import signal
    import sys
    from pathlib import Path

    def test_is_killed(isolated_instance):
        pid = os.posix_spawn(sys.executable, [sys.executable, "-c", WAITS], os.environ)
        Path(FOLDER, "killed").write_text(f"{pid} {isolated_instance.temporary}")
        os.kill(os.getpid(), signal.SIGKILL)

    WAITS = "import signal; signal.pause()"
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_good=GOOD, test_bad=BAD)
    random = ("--random-order", "--random-order-seed=5", "--random-order-bucket=global")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *random, *options, timeout=300)


NAMED = {
    "test_leaks_a_process left behind: process",
    "test_leaks_a_descriptor left behind: descriptor",
}


def leaks(result: pytest.RunResult) -> set[str]:
    return set(re.findall(r"(\w+ left behind: \w+) ", result.stdout.str()))


def tagged() -> set[int]:
    """The processes of harnesses other than this process's own."""
    return {
        process.pid
        for process in psutil.process_iter()
        if tag.owners_of(process) - {tag.owner()} and process.pid != os.getpid()
    }


def test_200_isolated_tests_do_not_notice_the_bad_ones_among_them(
    pytester: pytest.Pytester,
) -> None:
    before = tagged()
    result = run(pytester)
    # What a fixture finds after its test is that test's error.
    result.assert_outcomes(passed=202, failed=1, errors=2)
    assert leaks(result) == NAMED
    # The session's own helpers end a moment after it.
    assert wait_for(lambda: tagged() <= before)


def test_in_two_processes_a_test_that_is_killed_harms_no_other_and_what_it_left_is_removed(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    before = tagged()
    pytester.makepyfile(test_killed=KILLED.replace("FOLDER", repr(str(tmp_path))))
    result = run(pytester, "-n", "2")
    result.assert_outcomes(passed=202, failed=2, errors=2)
    assert leaks(result) == NAMED
    result.stdout.fnmatch_lines(["*worker 'gw?' crashed while running*test_is_killed*"])
    pid, temporary = (tmp_path / "killed").read_text().split()
    assert not psutil.pid_exists(int(pid))
    assert not os.path.exists(temporary)
    # The session's own helpers end a moment after it.
    assert wait_for(lambda: tagged() <= before)

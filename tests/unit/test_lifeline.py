"""The lifeline: whoever holds it dies with the other end, whichever way the system has."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
from typing import TYPE_CHECKING

import pytest

from pool import lifeline

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")


@pytest.fixture(params=["by the kernel", "by a thread"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by a thread":
        monkeypatch.delattr(fcntl, "F_SETSIG", raising=False)
    elif not hasattr(fcntl, "F_SETSIG"):
        pytest.skip("needs F_SETSIG")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)


def holder(read_end: int, write_end: int) -> int:
    """A child that holds the pipe's read end as its lifeline, and has said so; its number."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # it would end otherwise, and the test see it
        os.close(write_end)
        lifeline.hold(read_end)
        os.write(tell, b"x")
        while True:
            signal.pause()
    os.close(tell)
    os.read(told, 1)
    os.close(told)
    return child


def end_of(child: int) -> int:
    """The signal that ended the child."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    return os.WTERMSIG(status)


@pytest.mark.usefixtures("_way")
def test_holder_is_killed_when_the_other_end_is_closed(pipe: tuple[int, int]) -> None:
    child = holder(*pipe)
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.close(pipe[1])
    assert end_of(child) == signal.SIGKILL


@pytest.mark.usefixtures("_way")
def test_holder_is_killed_when_the_other_end_was_closed_before(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    write_end = os.open(os.devnull, os.O_WRONLY)
    child = holder(pipe[0], write_end)
    os.close(write_end)
    assert end_of(child) == signal.SIGKILL


@pytest.mark.skipif(not hasattr(fcntl, "F_SETSIG"), reason="needs F_SETSIG")
def test_holder_that_is_stopped_is_killed_all_the_same(pipe: tuple[int, int]) -> None:
    child = holder(*pipe)
    os.kill(child, signal.SIGSTOP)
    os.waitpid(child, os.WUNTRACED)
    os.close(pipe[1])
    assert end_of(child) == signal.SIGKILL


def test_lifeline_has_hung_up_when_nobody_holds_the_other_end(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    other = os.dup(write_end)
    assert not lifeline.hung_up(read_end)
    os.close(write_end)
    assert not lifeline.hung_up(read_end)
    os.close(other)
    assert lifeline.hung_up(read_end)


def test_descriptor_of_any_size_can_be_waited_for(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("needs 2048 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    try:
        large = fcntl.fcntl(read_end, fcntl.F_DUPFD, 1500)
        assert not lifeline.readable(large, 0.0)
        os.close(write_end)
        assert lifeline.readable(large, None)
        os.close(large)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""What an independent review of the production loop found, each as a test that failed before."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

import pool.crew
from pool import Pool, PoolBroken
from pool.events import Timer, TimerKind
from pool.timers import Timers

if TYPE_CHECKING:
    from pool.effects import Effect
    from pool.events import Event

pytestmark = pytest.mark.integration

LIMIT = 30


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """An exception to which nothing can be attached."""


def fail_frozen() -> None:
    raise FrozenError


def test_a_frozen_exception_arrives_without_its_traceback() -> None:
    with Pool(size=1) as pool:
        assert type(pool.submit(fail_frozen).exception(LIMIT)) is FrozenError


def test_a_default_timeout_for_sockets_does_not_reach_the_workers() -> None:
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.05)
    try:
        with Pool(size=1) as pool:
            (worker,) = pool.pids()
            assert pool.submit(abs, -1).result(LIMIT) == 1
            assert pool.submit(abs, -2).result(LIMIT) == 2
            assert set(pool.pids()) == {worker}
    finally:
        socket.setdefaulttimeout(usual)


def test_writing_to_a_dead_worker_is_no_broken_pipe_to_the_program() -> None:
    program = textwrap.dedent(
        """
        import signal, socket, types
        from pool.frames import Kind
        from pool.member import Member

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        ours, theirs = socket.socketpair()
        theirs.close()
        member = Member(types.SimpleNamespace(channel=ours), 1024)
        member.put(Kind.STOP)
        assert member.flush() is False
        assert not member.backlog
        """
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_only_a_timer_that_is_due_is_taken() -> None:
    timers, later = Timers(), Timer(TimerKind.DEADLINE, 99)
    assert timers.set(later, 60.0)
    assert timers.take(59.0) is None
    assert timers.next_at() == 60.0
    assert timers.take(60.0) == later
    assert timers.take(61.0) is None


def test_a_signal_handler_may_cancel_in_the_middle_of_a_submit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Pool(size=1) as pool:
        running = pool.submit(signal.pause)
        target = pool.submit(abs, -1)
        core = pool._desk.core
        handle = core.handle

        def interrupted(event: Event, now: float) -> list[Effect]:
            monkeypatch.undo()
            signal.raise_signal(signal.SIGUSR1)
            return handle(event, now)

        monkeypatch.setattr(core, "handle", interrupted)
        usual = signal.signal(signal.SIGUSR1, lambda *_: target.cancel())
        try:
            pool.submit(abs, -2)
        finally:
            signal.signal(signal.SIGUSR1, usual)
        concurrent.futures.wait([target], LIMIT)
        assert target.cancelled()
        running.kill()


def test_what_cannot_be_sent_breaks_the_pool_and_hangs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool_ = Pool(size=1)
    assert pool_.submit(abs, -1).result(LIMIT) == 1

    def no_memory(*_: object, **__: object) -> bytes:
        raise MemoryError("planted")

    monkeypatch.setattr(pool.member, "encode", no_memory)
    future = pool_.submit(abs, -2)
    assert isinstance(future.exception(LIMIT), PoolBroken)
    monkeypatch.undo()
    with pytest.raises(PoolBroken, match="planted"):
        pool_.submit(abs, -3)
    pool_.shutdown()


def test_shutdown_in_a_callback_does_not_wait_for_itself() -> None:
    pool = Pool(size=1)
    future = pool.submit(abs, -1)
    called = threading.Event()

    def end(_: object) -> None:
        pool.shutdown(wait=True)
        called.set()

    future.add_done_callback(end)
    assert called.wait(LIMIT)
    assert pool._loop.join(LIMIT)

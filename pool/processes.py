"""Worker processes: start one, talk to it, kill it, reap it.

Each has a socket pair for frames, a pipe as lifeline, one shared byte that counts the tasks it
began, and a descriptor that becomes readable when it ends. All are closed by `close`.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import select
import socket
import sys
import tempfile
from multiprocessing import reduction, util
from typing import TYPE_CHECKING, Any

from pool import worker as child

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

    from pool.config import PoolConfig
    from pool.worker import WorkerSetup


def context_for(config: PoolConfig) -> BaseContext:
    """The configured start method's context is returned, its forkserver told what to preload."""
    context = multiprocessing.get_context(config.start_method)
    if config.start_method == "forkserver":
        # Takes effect only if no forkserver runs yet; without it workers start slower, no worse.
        context.set_forkserver_preload(["__main__", "pool.worker", *config.preload])
    return context


class MainFile:
    """Where this program's main module came from, remembered from when it still said so.

    Python forgets `__main__.__file__` when the main script ends, before the functions registered
    with `atexit` run; a worker that starts then would not find the functions defined in it.
    """

    def __init__(self) -> None:
        self._file = getattr(sys.modules["__main__"], "__file__", None)

    def restored(self) -> bool:
        """The main module says where it came from; whether it had forgotten is returned."""
        main: Any = sys.modules["__main__"]
        if self._file is None or getattr(main, "__file__", None) is not None:
            return False
        main.__file__ = self._file
        return True


class WorkerProcess:
    """One worker process, as the pool's process sees it; it runs once this is made.

    Attributes:
        pid: its identifier.
        sent: how many tasks were sent to it.
        code: its exit code once it is reaped; None if somebody else took it.

    Args:
        number: the worker's number.
        context: the start method.
        setup: the initializer and the bounds.
        body: what the process runs; the worker's loop.

    Raises:
        OSError: the operating system refused the process or a descriptor; nothing is left of it.
    """

    def __init__(
        self,
        number: int,
        context: Any,
        setup: WorkerSetup,
        body: Callable[..., int] = child.run,
    ) -> None:
        self.number = number
        self.sent = 0
        self.code: int | None = None
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            self.channel, theirs = socket.socketpair()
            undo.enter_context(self.channel)
            handed_over.enter_context(theirs)
            theirs.setblocking(True)  # whatever this program's default timeout is
            read_end, self._lifeline = os.pipe()
            undo.callback(os.close, self._lifeline)
            handed_over.callback(os.close, read_end)
            mark_file = _one_shared_byte()
            handed_over.callback(os.close, mark_file)
            self._mark = mmap.mmap(mark_file, 1)
            undo.enter_context(self._mark)
            self._context = context
            arguments = (number, theirs, _Descriptor(read_end), _Descriptor(mark_file), setup, body)
            self.process: BaseProcess = context.Process(
                target=_main, args=arguments, name=f"poolcheck-worker-{number}"
            )
            # A child forked later inherits our ends; it must not keep this worker's pipes open.
            util.register_after_fork(self, WorkerProcess._close_inherited)
            self.process.start()
            pid = self.process.pid
            assert pid is not None  # noqa: S101 - it was started
            self.pid = pid
            self.exit_fd = _exit_descriptor(self.process)
            undo.pop_all()
        self.channel.setblocking(False)

    @property
    def unstarted(self) -> int:
        """How many of the tasks sent to it it has not begun; final once the process is dead."""
        begun: int = self._mark[0]
        return (self.sent - begun) & 0xFF

    def kill(self) -> None:
        """The process is dead or dying; a stopped one too."""
        self.process.kill()

    def reap(self, timeout: float | None = None) -> bool:
        """Whether the process is dead and reaped, after at most so many seconds; `code` is known.

        Args:
            timeout: seconds to wait; None waits for ever.
        """
        self.process.join(timeout)
        self.code = self.process.exitcode
        if self.code is not None:
            return True
        if not select.select([self.exit_fd], [], [], timeout)[0]:
            return False
        # It is dead, and somebody else in this program has taken its exit status; multiprocessing
        # would believe for ever that it lives.
        popen: Any = self.process._popen  # type: ignore[attr-defined]  # noqa: SLF001
        popen.returncode = popen.returncode or 0
        return True

    def close(self) -> None:
        """Every descriptor of a reaped process is closed; closing twice is no error."""
        if self.exit_fd < 0:
            return
        os.close(self.exit_fd)
        self.exit_fd = -1
        os.close(self._lifeline)
        self._lifeline = -1
        self.channel.close()
        self._mark.close()
        self.process.close()

    def _close_inherited(self) -> None:
        self.channel.close()
        with contextlib.suppress(OSError):
            os.close(self._lifeline)


class _Descriptor:
    """A descriptor that arrives in the worker by whatever way the start method has."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def take(self) -> int:
        return self.fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _taken, (reduction.DupFd(self.fd),)


def _taken(handle: Any) -> _Descriptor:
    return _Descriptor(handle.detach())


def _main(
    _number: int,
    channel: socket.socket,
    lifeline: _Descriptor,
    mark_file: _Descriptor,
    setup: WorkerSetup,
    body: Callable[..., int],
) -> None:
    mark = mmap.mmap(mark_file.take(), 1)
    os.close(mark_file.take())
    channel.setblocking(True)
    try:
        sys.exit(body(channel, lifeline.take(), mark, setup))
    finally:
        # The kernel closes it when the process is gone: a hang-up then never precedes the exit.
        channel.detach()


def _one_shared_byte() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("poolcheck-mark")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.write(fd, b"\0")
    return fd


def _exit_descriptor(process: BaseProcess) -> int:
    """A descriptor that is readable when the process is dead, whoever else holds its pipes."""
    pid = process.pid
    assert pid is not None  # noqa: S101 - it was started
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):  # it is gone already; the sentinel says so too
            return os.pidfd_open(pid)
    return os.dup(process.sentinel)

"""Worker processes: start one, talk to it, kill it, reap it.

Each has a socket pair for frames, another for tokens, a pipe as lifeline, one shared byte that
counts the tasks it began, and a descriptor that becomes readable when it ends. All are closed by
`close`.

A task that is sent ahead, to a worker that is still at work, is begun only with a token, of one
byte. The pool holds the tokens' both ends, so it can read back those that the worker has not
taken: the kernel gives each byte to one reader, and what the pool got, the worker never will. That
is how a task is taken back without asking anybody, and S3 stays true.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from multiprocessing import forkserver, process, reduction, resource_tracker
from typing import TYPE_CHECKING, Any, Final

from pool import forks, interrupts, lifeline, main_module
from pool import worker as child
from pool.worker import RUN, SKIP

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

    from pool.config import PoolConfig
    from pool.worker import WorkerSetup


_TOKENS_MAX: Final = 4096
# A socket and two pipes, and what a forkserver that must be started anew takes besides.
_ASKING_TAKES: Final = 8
_BUFFER_BYTES: Final = 1 << 20
SEND_FLAGS: Final = getattr(socket, "MSG_NOSIGNAL", 0)  # whatever the program does about SIGPIPE


def context_for(config: PoolConfig) -> BaseContext:
    """The configured start method's context is returned, its forkserver told what to preload."""
    context = multiprocessing.get_context(config.start_method)
    if config.start_method == "forkserver":
        _leave_foreign_forkserver()
        # Takes effect only if no forkserver runs yet; without it workers start slower, no worse.
        context.set_forkserver_preload(
            ["pool.main_module", "pool.worker", *config.preload, "pool.preloaded"]
        )
        resource_tracker.ensure_running()  # its own start would let interrupts through again
        with interrupts.blocked():
            main_module.ensure_forkserver()
    return context


def _leave_foreign_forkserver() -> None:
    """A forkserver that is no child of this process is not taken for its own.

    After a fork `multiprocessing` would ask the system for the exit status of its parent's server
    for ever, and no process would start.
    """
    server: Any = forkserver._forkserver  # noqa: SLF001
    pid, alive_fd = server._forkserver_pid, server._forkserver_alive_fd  # noqa: SLF001
    if pid is None:
        return
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        server.__init__()  # as if there had been none; its lock may have been held at the fork
        os.close(alive_fd)


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
        keeper: holds this from before the process runs, so that whoever is interrupted before the
            call has returned can end it all the same; not if this raises.

    Raises:
        OSError: the operating system refused the process or a descriptor; nothing is left of it.
    """

    def __init__(
        self,
        number: int,
        context: Any,
        setup: WorkerSetup,
        body: Callable[..., int] = child.run,
        keeper: list[WorkerProcess] | None = None,
    ) -> None:
        self.number = number
        self.sent = 0
        self.code: int | None = None
        self.exit_fd = -1
        self._context = context
        self._ends: list[socket.socket] = []
        self._lifeline = -1
        theirs: list[int] = []
        try:
            if keeper is not None:
                keeper.append(self)
            with forks.barred():  # a child that is forked now would hold what it does not know of
                self._open(theirs)
                forks.tell_children(self)
            self.process: BaseProcess = context.Process(
                target=_main,
                args=(interrupts.Ignored(), *map(_Descriptor, theirs), setup, body),
                name=f"poolcheck-worker-{number}",
            )
            self._start()
            pid = self.process.pid
            assert pid is not None  # noqa: S101 - it was started
            self.pid = pid
            self.exit_fd, self._by_descriptor = _exit_descriptor(self.process)
        except BaseException:
            self._undo()
            if keeper is not None and self in keeper:
                keeper.remove(self)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.channel.setblocking(False)

    def _start(self) -> None:
        method = self._context.get_start_method()
        if method == "forkserver":  # it ignores interrupts, and so does what it forks, soon enough
            _demand_descriptors()
            self.process.start()
            return
        if method == "spawn":
            resource_tracker.ensure_running()  # its own start would let interrupts through again
        with interrupts.blocked():
            self.process.start()

    def _open(self, theirs: list[int]) -> None:
        """This side's ends are open.

        Args:
            theirs: is given the worker's: of the frames, the tokens, the lifeline and the mark.
        """
        self.channel = self._pair_with(theirs)
        self._giver, self._tokens = _blocking_pair()
        self._ends += (self._giver, self._tokens)
        theirs.append(os.dup(self._tokens.fileno()))
        read_end, self._lifeline = os.pipe()
        theirs.append(read_end)
        theirs.append(_one_shared_byte())
        self._mark = mmap.mmap(theirs[-1], 1)

    def _pair_with(self, theirs: list[int]) -> socket.socket:
        ours, other = _blocking_pair()
        self._ends.append(ours)
        theirs.append(other.detach())
        return ours

    def _undo(self) -> None:
        """Nothing is left of what could not be started, or not be followed."""
        try:
            if hasattr(self, "process") and self.process.pid is not None:
                self.process.kill()
                self.process.join()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """None of this side's descriptors is open."""
        closed = (self.exit_fd, self._lifeline)
        self.exit_fd = self._lifeline = -1  # first, for a child that is forked meanwhile
        for fd in closed:
            if fd >= 0:
                os.close(fd)
        for end in self._ends:
            end.close()
        if hasattr(self, "_mark"):
            self._mark.close()

    @property
    def unstarted(self) -> int:
        """How many of the tasks sent to it it has not begun; final once the process is dead."""
        begun: int = self._mark[0]
        return (self.sent - begun) & 0xFF

    def give(self, count: int) -> None:
        """The worker may begin so many more of the tasks that were sent ahead to it."""
        with contextlib.suppress(OSError):  # it closed its end; its exit tells the rest
            self._giver.send(RUN * count, SEND_FLAGS)

    def recall(self, tasks_max: int | None = None) -> int:
        """The worker will skip the last tasks that were sent ahead; how many, is returned.

        Args:
            tasks_max: at most so many; a task that the core takes to be the worker's present one
                may have a token that the worker has not taken yet. None for no bound.
        """
        try:
            tokens = self._tokens.recv(_TOKENS_MAX, socket.MSG_DONTWAIT)
        except OSError:  # none is left
            return 0
        taken_back = tokens.count(RUN)  # the others stand for tasks that were taken back before
        if tasks_max is not None:
            taken_back = min(taken_back, tasks_max)
        self._giver.send(SKIP.join(tokens.rsplit(RUN, taken_back)), SEND_FLAGS)
        self.sent -= taken_back
        return taken_back

    def kill(self) -> None:
        """The process is dead or dying; a stopped one too."""
        if self._by_descriptor:  # its number may be another process's already
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.exit_fd, signal.SIGKILL)
        else:
            self.process.kill()

    def reap(self, timeout: float | None = None) -> bool:
        """Whether the process is dead and reaped, after at most so many seconds; `code` is known.

        Args:
            timeout: seconds to wait; None waits for ever.
        """
        # Not by its sentinel: a process that a task has forked may hold that open for ever.
        if not lifeline.readable(self.exit_fd, timeout):
            return False
        self.process.join()
        self.code = self.process.exitcode
        if self.code is None:
            # Somebody else in this program has taken its exit status; multiprocessing would believe
            # for ever that it lives.
            popen: Any = self.process._popen  # type: ignore[attr-defined]  # noqa: SLF001
            popen.returncode = 0
        return True

    def close(self) -> None:
        """Every descriptor of a reaped process is closed; closing twice is no error."""
        if self.exit_fd >= 0:
            self._let_go()
            self.process.close()

    def forked(self) -> None:
        """In a child of this process: it does not keep this worker's pipes open, or wait for it."""
        self._let_go()
        if hasattr(self, "process"):  # at its exit multiprocessing would try to join it
            process._children.discard(self.process)  # type: ignore[attr-defined]  # noqa: SLF001


def _demand_descriptors() -> None:
    """There are as many descriptors as `multiprocessing` takes to ask the forkserver for a process.

    Where they run out in the middle, it leaves some open, and the forkserver dies of the request.

    Raises:
        OSError: there are not.
    """
    taken: list[int] = []
    try:
        while len(taken) < _ASKING_TAKES:
            taken += os.pipe()
    finally:
        for fd in taken:
            os.close(fd)


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
    _: interrupts.Ignored,
    channel_fd: _Descriptor,
    token_fd: _Descriptor,
    lifeline: _Descriptor,
    mark_file: _Descriptor,
    setup: WorkerSetup,
    body: Callable[..., int],
) -> None:
    mark = mmap.mmap(mark_file.take(), 1)
    os.close(mark_file.take())
    channel = socket.socket(fileno=channel_fd.take())
    channel.setblocking(True)
    try:
        sys.exit(body(channel, lifeline.take(), mark, token_fd.take(), setup))
    finally:
        # The kernel closes it when the process is gone: a hang-up then never precedes the exit.
        channel.detach()


def _blocking_pair() -> tuple[socket.socket, socket.socket]:
    """A pair of sockets that block, whatever this program's default timeout is."""
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(True)
        # As much as the system allows: the fewer pieces a large payload is sent in, the better.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    return pair


def _one_shared_byte() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("poolcheck-mark")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.write(fd, b"\0")
    return fd


def _exit_descriptor(process: BaseProcess) -> tuple[int, bool]:
    """A descriptor that is readable when the process is dead, whoever else holds its pipes.

    Returns:
        The descriptor, and whether it takes signals for the process, too.
    """
    pid = process.pid
    assert pid is not None  # noqa: S101 - it was started
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):  # it is gone already; the sentinel says so too
            return os.pidfd_open(pid), True
    return os.dup(process.sentinel), False

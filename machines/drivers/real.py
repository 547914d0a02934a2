"""The `real` layer: real processes and pipes, held to the schedule.

Whatever the operating system delivers is held back until the schedule wants it. A call that needs
an operating-system fact (a frame, an arrival at a gate, an exit) waits for exactly that fact, and
gives up with `Diverged` when its limit has passed. Nothing here sleeps.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import define, field

from machines import gate, scratch
from machines.body import OrderKind
from machines.drivers import framed
from machines.drivers.driver import Diverged
from machines.gate import Start
from machines.trace import Toward
from pool.events import Event, SpawnFailed, WorkerExited, WorkerReaped
from pool.processes import context_for
from pool.worker import WorkerSetup

if TYPE_CHECKING:
    from machines.body import Order
    from machines.drivers.framed import Stream
    from machines.parts import Parts
    from machines.trace import How
    from pool.config import PoolConfig
    from pool.events import Reply
    from pool.processes import WorkerProcess

LIMIT_S: Final = 10.0
_READ_BYTES: Final = 1 << 18


@define(eq=False)
class _Worker:
    """A real worker, what it has sent, and how many frames it owes.

    Attributes:
        owed: frames that must come before anything else is done with this worker.
        orders: what each frame that is still held for it says; None if it is damaged.
    """

    process: WorkerProcess
    gate: socket.socket
    stream: Stream
    owed: int = 0
    buffer: bytearray = field(factory=bytearray)
    orders: deque[OrderKind | None] = field(factory=deque)
    suspended: bool = False
    opened: bool = False
    dead: bool = False


class RealDriver:
    """Starts a fresh set of processes for one run and leaves none behind.

    Args:
        config: the pool's configuration.
        parts: the decoder, the processes, and what they run.
        limit_s: wall-clock seconds to wait for one operating-system fact.
    """

    def __init__(self, config: PoolConfig, parts: Parts, limit_s: float = LIMIT_S) -> None:
        self._config = config
        self._parts = parts
        self._limit_s = limit_s
        self._workers: dict[int, _Worker] = {}
        self._pids: set[int] = set()
        # The child runs this process's main script again; what that imports is imported once.
        main = tuple(name for name in ("machines.cli", "pytest") if name in sys.modules)
        scratch.claim()  # before the forkserver runs, which puts its socket there
        self._context = context_for(attrs.evolve(config, preload=("machines.workload", *main)))
        forkserver.ensure_running()  # before anything is counted
        self._before = _census()

    def spawn(self, worker: int, start: Start) -> None:
        """A process starts, with a gate of its own."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(True)  # whatever this program's default timeout is
        with contextlib.ExitStack() as undo, theirs:
            undo.enter_context(ours)
            setup = WorkerSetup(
                gate.install, (theirs, start), self._config.frame_bytes_max, gate.MEMORY_LIMIT
            )
            body = functools.partial(gate.held, self._parts.main)
            process = self._parts.process(worker, self._context, setup, body)
            undo.pop_all()
        stream = framed.new_stream(self._parts.decoder, self._config)
        owed = 1 if start in (Start.NORMAL, Start.RAISES) else 0
        self._workers[worker] = _Worker(process, ours, stream, owed)
        self._pids.add(process.pid)

    def send(self, worker: int, order: Order) -> None:
        """The order's frame is held, and its token given."""
        member = self._workers[worker]
        if order.kind is OrderKind.TASK:
            member.process.sent += 1
        if order.ahead:
            member.process.give(1)
        member.orders.append(order.kind)
        member.stream.inbox.append(framed.frame_of(order, self._config))

    def recall(self, worker: int, tasks_max: int, expected: int) -> None:
        """The kernel gives back the tokens that the worker has not taken.

        Raises:
            Diverged: others came back.
        """
        back = self._workers[worker].process.recall(tasks_max)
        if back != expected:
            raise Diverged(f"{back} tasks came back from worker {worker}, not {expected}")

    def receive(self, worker: int) -> None:
        """The worker has read the frame: its function is at its gate, it has exited, or answers."""
        member = self._workers[worker]
        kind = self._pass_on(worker, member)
        if kind is OrderKind.STOP or kind is None:
            self._reap(worker, member)
        elif kind is OrderKind.CHECK:
            member.owed += 1
        elif kind is OrderKind.TASK and not self._arrived(member):
            raise Diverged(f"worker {worker} did not start its task within {self._limit_s:g} s")

    def skip(self, worker: int) -> None:
        """The worker has the frame, and will pass it over when it reads it."""
        self._pass_on(worker, self._workers[worker])

    def _pass_on(self, worker: int, member: _Worker) -> OrderKind | None:
        self._collect(worker, member)
        member.process.channel.setblocking(True)
        member.process.channel.sendall(member.stream.inbox.popleft())
        member.process.channel.setblocking(False)
        if member.stream.hung_up:
            member.process.channel.shutdown(socket.SHUT_WR)
        return member.orders.popleft()

    def _arrived(self, member: _Worker) -> bool:
        return _readable(member.gate, self._limit_s) and member.gate.recv(1) == gate.ARRIVED

    def open(self, worker: int) -> None:
        """The gate opens; the worker owes its reply, unless it is suspended."""
        member = self._workers[worker]
        member.gate.send(gate.OPEN)
        member.opened = True
        self._answer(member)

    def fact(self, worker: int, expected: Event) -> Event | None:
        """The next frame as the pool's decoder reads it, or the end as the kernel tells it."""
        if isinstance(expected, SpawnFailed):
            return expected
        member = self._workers[worker]
        if isinstance(expected, WorkerExited):
            code = self._reap(worker, member)
            return WorkerExited(worker, code, member.process.unstarted)
        if isinstance(expected, WorkerReaped):
            self._reap(worker, member)
            unstarted = member.process.unstarted
            self._close(member)
            return WorkerReaped(worker, unstarted)
        self._collect(worker, member)
        return framed.next_fact(worker, member.stream)

    def mangle(self, worker: int, how: How, names: int) -> None:
        """The next held frame is damaged."""
        self._collect(worker, self._workers[worker])
        framed.mangle(self._workers[worker].stream, how, self._config, names)

    def garble(self, worker: int, how: Toward) -> None:
        """The next frame that the worker would be sent is damaged."""
        member = self._workers[worker]
        framed.garble(member.stream, how, self._config)
        member.orders.popleft()
        if how is not Toward.DROPPED:
            member.orders.appendleft(None)

    def send_half(self, worker: int) -> None:
        """Half of the frame is in the worker's pipe."""
        member = self._workers[worker]
        self._collect(worker, member)
        frame = member.stream.inbox[0]
        member.process.channel.setblocking(True)
        member.process.channel.sendall(frame[: len(frame) // 2])
        member.process.channel.setblocking(False)

    def crash(self, worker: int) -> None:
        """SIGKILL, after what the worker owed has come; the process is reaped."""
        member = self._workers[worker]
        self._collect(worker, member)
        member.process.kill()
        self._reap(worker, member)

    def leave(self, worker: int) -> None:
        """The function exits instead of going on; the process is reaped."""
        member = self._workers[worker]
        member.gate.send(gate.EXIT)
        self._reap(worker, member)

    def terminate(self, worker: int) -> None:
        """SIGTERM, after what the worker owed has come; the process is reaped."""
        member = self._workers[worker]
        self._collect(worker, member)
        os.kill(member.process.pid, signal.SIGTERM)
        self._reap(worker, member)

    def die_reading(self, worker: int) -> None:
        """It is held where it has read something, and killed there; the process is reaped."""
        member = self._workers[worker]
        self._collect(worker, member)  # or it would be held at what it still has to answer
        member.gate.send(gate.HOLD)
        self._pass_on(worker, member)
        if not self._arrived(member):
            raise Diverged(f"worker {worker} did not read a frame within {self._limit_s:g} s")
        self.crash(worker)

    def swell(self, worker: int) -> None:
        """The process occupies more than its limit."""
        member = self._workers[worker]
        member.gate.send(gate.SWELL)
        if not self._arrived(member):
            raise Diverged(f"worker {worker} did not grow within {self._limit_s:g} s")

    def suspend(self, worker: int) -> None:
        """SIGSTOP."""
        member = self._workers[worker]
        self._collect(worker, member)
        member.suspended = True
        os.kill(member.process.pid, signal.SIGSTOP)

    def resume(self, worker: int) -> None:
        """SIGCONT; if its gate was opened meanwhile, the worker owes its reply."""
        member = self._workers[worker]
        member.suspended = False
        os.kill(member.process.pid, signal.SIGCONT)
        self._answer(member)

    def kill(self, worker: int) -> None:
        """SIGKILL, whatever state the process is in; it is reaped."""
        member = self._workers.get(worker)
        if member is not None and not member.dead:
            self.crash(worker)

    def decode(self, reply: Reply, payload: Any) -> tuple[str, Any]:
        """The payload is unpickled."""
        return framed.decode(reply, payload)

    def pids(self) -> set[int]:
        """The identifiers that the kernel gave the processes; never this one's own."""
        return self._pids - {os.getpid()}

    def leftovers(self) -> list[str]:
        """Living processes, and descriptors and threads beyond those that were there before."""
        left = [
            f"worker {number}'s process"
            for number, member in sorted(self._workers.items())
            if not member.dead and not member.process.reap(0)
        ]
        for member in self._workers.values():
            member.gate.close()
        if not left:
            for what, count in _census().items():
                if count > self._before[what]:
                    left.append(f"{count - self._before[what]} {what} more than before")
        return left

    def close(self) -> None:
        """Every process is dead and reaped, every descriptor closed."""
        for member in self._workers.values():
            if not member.dead:
                member.process.kill()
                member.process.reap()
                member.dead = True
            member.gate.close()
            self._close(member)

    def _answer(self, member: _Worker) -> None:
        if member.opened and not member.suspended:
            member.opened = False
            member.owed += 1

    def _collect(self, worker: int, member: _Worker) -> None:
        """Every frame that the worker owes has come and is held."""
        until = time.monotonic() + self._limit_s
        while member.owed:
            size = framed.frame_bytes(member.buffer)
            if size and len(member.buffer) >= size:
                member.stream.held.append(bytes(member.buffer[:size]))
                del member.buffer[:size]
                member.owed -= 1
                continue
            left = until - time.monotonic()
            data = b""
            if left > 0 and _readable(member.process.channel, left):
                data = member.process.channel.recv(_READ_BYTES)
            if not data:
                raise Diverged(f"worker {worker} sent no frame within {self._limit_s:g} s")
            member.buffer += data

    def _reap(self, worker: int, member: _Worker) -> int | None:
        if not member.dead and not member.process.reap(self._limit_s):
            raise Diverged(f"worker {worker} did not end within {self._limit_s:g} s")
        member.dead = True
        return member.process.code

    def _close(self, member: _Worker) -> None:
        member.process.close()


def _readable(channel: socket.socket, timeout: float) -> bool:
    return bool(select.select([channel], [], [], timeout)[0])


def _census() -> dict[str, int]:
    descriptors = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return {"descriptors": len(os.listdir(descriptors)), "threads": threading.active_count()}

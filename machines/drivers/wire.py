"""The `wire` layer: the real worker loop in this process, the real frames through memory."""

from __future__ import annotations

import functools
from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define, field

from machines import gate
from machines.body import OrderKind
from machines.drivers import framed
from machines.drivers.driver import Diverged
from machines.gate import Start
from pool.events import Event, WorkerExited, WorkerReaped
from pool.frames import Flag
from pool.worker import RUN, SKIP, Begun, Ended, Read, Request, Send, Take, WorkerSetup, serve

if TYPE_CHECKING:
    from collections.abc import Generator

    from machines.body import Order
    from machines.drivers.framed import Stream
    from machines.parts import Parts
    from machines.trace import How, Toward
    from pool.config import PoolConfig
    from pool.events import Reply


@define(eq=False)
class _Worker:
    stream: Stream
    loop: Generator[Request, bytes | None, Ended] | None
    tokens: deque[bytes] = field(factory=deque)
    sent: int = 0
    begun: int = 0
    suspended: bool = False
    opened: bool = False
    heavy: bool = False


class WireDriver:
    """Steps worker loops by hand; a function is called at the moment its gate opens.

    Args:
        config: the pool's configuration.
        parts: the workers' loop, and the decoder that reads their frames.
    """

    def __init__(self, config: PoolConfig, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        self._workers: dict[int, _Worker] = {}

    def spawn(self, worker: int, start: Start) -> None:
        """The loop runs up to its first read; one that hangs or exits never gets there."""
        initializer = functools.partial(gate.install, None, start)
        setup = WorkerSetup(initializer, (), self._config.frame_bytes_max)
        loop = serve(setup, self._parts.server) if start in (Start.NORMAL, Start.RAISES) else None
        member = _Worker(framed.new_stream(self._parts.decoder, self._config), loop)
        self._workers[worker] = member
        if loop is not None:
            self._run(member, next(loop))

    def send(self, worker: int, order: Order) -> None:
        """The order's frame is held, and its token given."""
        member = self._workers[worker]
        if order.kind is OrderKind.TASK:
            member.sent += 1
        if order.ahead:
            member.tokens.append(RUN)
        member.stream.inbox.append(framed.frame_of(order, self._config))

    def recall(self, worker: int, tasks_max: int, expected: int) -> None:
        """The last tokens that the loop has not taken are exchanged.

        Raises:
            Diverged: others came back.
        """
        member = self._workers[worker]
        runs = [at for at, token in enumerate(member.tokens) if token == RUN]
        back = runs[-tasks_max:] if tasks_max else []
        for at in back:
            member.tokens[at] = SKIP
        if len(back) != expected:
            raise Diverged(f"{len(back)} tasks came back from worker {worker}, not {expected}")
        member.sent -= len(back)

    def receive(self, worker: int) -> None:
        """The loop is fed one frame, and runs up to the call of its function, or to its end."""
        member = self._workers[worker]
        if member.loop is not None:
            self._resume_loop(member, member.stream.inbox.popleft())
        if member.loop is not None and member.stream.hung_up:
            self._resume_loop(member, b"")

    def skip(self, worker: int) -> None:
        """The loop is fed one frame, and wants the next."""
        self.receive(worker)

    def open(self, worker: int) -> None:
        """The function is called, unless the worker is suspended."""
        member = self._workers[worker]
        member.opened = True
        self._answer(member)

    def fact(self, worker: int, expected: Event) -> Event | None:
        """A held frame as the pool's decoder reads it; an end as it is expected."""
        member = self._workers.get(worker)
        if isinstance(expected, WorkerExited) and member is not None:
            return WorkerExited(worker, expected.code, member.sent - member.begun)
        if isinstance(expected, WorkerReaped) and member is not None:
            return WorkerReaped(worker, member.sent - member.begun)
        if member is None or not member.stream.held:
            return expected
        return framed.next_fact(worker, member.stream)

    def mangle(self, worker: int, how: How, names: int) -> None:
        """The next held frame is damaged."""
        framed.mangle(self._workers[worker].stream, how, self._config, names)

    def garble(self, worker: int, how: Toward) -> None:
        """The next frame that the loop would be fed is damaged."""
        framed.garble(self._workers[worker].stream, how, self._config)

    def send_half(self, worker: int) -> None:
        """The loop is fed half of a frame, and wants the rest."""
        member = self._workers[worker]
        if member.loop is not None:
            frame = member.stream.inbox[0]
            self._resume_loop(member, frame[: len(frame) // 2])

    def crash(self, worker: int) -> None:
        """The loop never goes on."""
        member = self._workers.get(worker)
        if member is not None and member.loop is not None:
            member.loop.close()
            member.loop = None

    def leave(self, worker: int) -> None:
        """The loop never goes on: in this process no function may exit."""
        self.crash(worker)

    def terminate(self, worker: int) -> None:
        """The loop never goes on."""
        self.crash(worker)

    def die_reading(self, worker: int) -> None:
        """The frame is gone, and the loop never goes on."""
        self._workers[worker].stream.inbox.popleft()
        self.crash(worker)

    def swell(self, worker: int) -> None:
        """Its frames say so from now on; this process does not grow for it."""
        self._workers[worker].heavy = True

    def suspend(self, worker: int) -> None:
        """An opened gate has no effect for now."""
        self._workers[worker].suspended = True

    def resume(self, worker: int) -> None:
        """If its gate was opened meanwhile, the function is called now."""
        member = self._workers[worker]
        member.suspended = False
        self._answer(member)

    def kill(self, worker: int) -> None:
        """The loop never goes on."""
        self.crash(worker)

    def decode(self, reply: Reply, payload: Any) -> tuple[str, Any]:
        """The payload is unpickled."""
        return framed.decode(reply, payload)

    def pids(self) -> set[int]:
        """There are no processes on this layer."""
        return set()

    def leftovers(self) -> list[str]:
        """Loops that were neither stopped nor killed are left over."""
        return [f"worker {n}'s loop" for n, m in sorted(self._workers.items()) if m.loop]

    def close(self) -> None:
        """Every loop is closed."""
        for worker in self._workers:
            self.crash(worker)

    def _answer(self, member: _Worker) -> None:
        if member.opened and not member.suspended and member.loop is not None:
            member.opened = False
            self._resume_loop(member, None)

    def _resume_loop(self, member: _Worker, data: bytes | None) -> None:
        assert member.loop is not None  # noqa: S101 - the callers have looked
        try:
            self._run(member, member.loop.send(data))
        except StopIteration:
            member.loop = None

    def _run(self, member: _Worker, request: Request) -> None:
        """The loop runs until it wants to read, or to call a function."""
        assert member.loop is not None  # noqa: S101 - the callers have looked
        while isinstance(request, (Send, Take)):
            token = None
            if isinstance(request, Send):
                said = request.data
                member.stream.held.append(
                    framed.with_flag(said, Flag.HEAVY) if member.heavy else said
                )
            else:
                token = member.tokens.popleft()
            try:
                request = member.loop.send(token)
            except StopIteration:
                member.loop = None
                return
        if isinstance(request, Begun):
            member.begun += 1
        elif not isinstance(request, Read):
            raise TypeError(f"the worker loop asked for {request!r}")

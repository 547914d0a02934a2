"""A relay between a pool and its workers, which can be cut in one direction or in both.

Each worker's socket leads here instead of to the worker, and from here on to it. What is sent into
a cut direction waits where it is: in the kernel's buffers, as on a network that has parted.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from unittest import mock

from attrs import define, field

from pool import Pool, forks
from pool.crew import Crew
from pool.processes import WorkerProcess
from pool.waker import Waker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pool import PoolConfig

_BYTES: Final = 1 << 16


class Direction(StrEnum):
    """Which way nothing comes through."""

    BOTH = "both"
    FROM_WORKER = "from_worker"
    TO_WORKER = "to_worker"

    @property
    def ways(self) -> frozenset[Direction]:
        """The one-way directions that it consists of."""
        both = (Direction.FROM_WORKER, Direction.TO_WORKER)
        return frozenset(both if self is Direction.BOTH else (self,))


@define(eq=False)
class _Way:
    """One direction of one worker's link: what is read at its source goes to its target."""

    worker: int
    direction: Direction
    source: socket.socket
    target: socket.socket
    held: bytearray = field(factory=bytearray)
    over: bool = False


class Relay:
    """Carries what a pool and its workers send each other, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut: dict[int, frozenset[Direction]] = {}
        self._ways: list[_Way] = []
        self._waker = Waker()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="harness-relay", daemon=True)
        forks.tell_children(self)

    def start(self) -> None:
        """It carries."""
        self._thread.start()

    def make(self, config: PoolConfig) -> Pool:
        """A pool whose workers are all behind this relay."""
        with mock.patch("pool.teller.Crew", _crew_behind(self)):
            return Pool(config=config)

    def interpose(self, worker: int, channel: socket.socket) -> socket.socket:
        """The pool's new end is returned; what was its end is the relay's from now on."""
        new, ours = socket.socketpair()
        for end in (new, ours):
            end.setblocking(False)
        channel.setblocking(False)
        with self._lock:
            self._ways.append(_Way(worker, Direction.TO_WORKER, ours, channel))
            self._ways.append(_Way(worker, Direction.FROM_WORKER, channel, ours))
        self._waker.wake()
        return new

    @contextlib.contextmanager
    def cut(self, worker: int, direction: Direction) -> Iterator[None]:
        """Nothing comes through that way while this lasts; afterwards all of it does.

        Args:
            worker: the worker's number.
            direction: which way.
        """
        before = self._cut.get(worker, frozenset())
        self._set(worker, before | direction.ways)
        try:
            yield
        finally:
            self._set(worker, before)

    def cut_ways(self, worker: int) -> frozenset[Direction]:
        """The ways that are cut now."""
        return self._cut.get(worker, frozenset())

    def close(self) -> None:
        """It carries nothing any more, and nothing of it is left."""
        self._ended = True
        self._waker.wake()
        self._thread.join()
        self.forked()

    def forked(self) -> None:
        """In a child of the pool's process: no socket of a worker's is held."""
        for way in self._ways:
            way.source.close()
        self._waker.close()

    def _set(self, worker: int, ways: frozenset[Direction]) -> None:
        with self._lock:
            self._cut[worker] = ways
        self._waker.wake()

    # The relay's own thread.

    def _run(self) -> None:
        while not self._ended:
            with selectors.DefaultSelector() as selector:
                selector.register(self._waker.fileno(), selectors.EVENT_READ, [])
                with self._lock:
                    for way in self._ways:
                        self._watch(selector, way)
                ready = selector.select()
                self._waker.drain()
                with self._lock:
                    for key, _ in ready:
                        for way in key.data:
                            self._carry(way)
                    self._forget_dead()

    def _watch(self, selector: selectors.BaseSelector, way: _Way) -> None:
        """The way is looked at when it can go on; not at all while it is cut."""
        if way.over or way.direction in self._cut.get(way.worker, frozenset()):
            return
        end = way.target if way.held else way.source
        mask = selectors.EVENT_WRITE if way.held else selectors.EVENT_READ
        try:
            key = selector.get_key(end)
        except KeyError:
            selector.register(end, mask, [way])
        else:
            selector.modify(end, key.events | mask, [*key.data, way])

    def _carry(self, way: _Way) -> None:
        if way.over or way.direction in self._cut.get(way.worker, frozenset()):
            return
        try:
            if not way.held:
                way.held += way.source.recv(_BYTES)
                if not way.held:
                    way.over = True
                    way.target.shutdown(socket.SHUT_WR)
                    return
            del way.held[: way.target.send(way.held)]
        except BlockingIOError:
            return
        except OSError:  # one of the two is gone, and the other will see it
            way.over = True
            with contextlib.suppress(OSError):
                way.target.shutdown(socket.SHUT_WR)

    def _forget_dead(self) -> None:
        over = {way.worker for way in self._ways}
        over -= {way.worker for way in self._ways if not way.over}
        for way in self._ways:
            if way.worker in over:
                way.source.close()
        self._ways = [way for way in self._ways if way.worker not in over]


def _crew_behind(relay: Relay) -> type[Crew]:
    """A crew whose workers are behind the relay."""

    class Behind(WorkerProcess):
        def _pair_with(self, theirs: list[int]) -> socket.socket:
            channel = relay.interpose(self.number, super()._pair_with(theirs))
            self._ends[-1] = channel  # the relay closes what it took
            return channel

    class BehindCrew(Crew):
        def start(self, worker: int) -> WorkerProcess:
            self._main_file.restored()
            return Behind(worker, self._context, self._setup, keeper=self._starting)

    return BehindCrew

"""A relay between a pool and its workers, which can be cut in one direction or in both.

Each worker's socket leads here instead of to the worker, and from here on to it. What is sent into
a cut direction waits where it is: in the kernel's buffers, as on a network that has parted. What
comes through comes frame by frame, and somebody may meddle with each.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol
from unittest import mock

from attrs import define, field

from pool import Pool, forks
from pool.crew import Crew
from pool.frames import HEADER_BYTES
from pool.processes import WorkerProcess
from pool.waker import Waker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pool import PoolConfig

# One that takes no descriptor of its own: they may run out.
_SELECTOR: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)
_BYTES: Final = 1 << 16
# Where a frame's header says how long its payload is.
_LENGTH: Final = struct.Struct("!Q")
_LENGTH_AT: Final = 24


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


class Meddler(Protocol):
    """Whoever comes between a pool and its workers."""

    def frames(self, worker: int, direction: Direction, frame: bytes) -> list[tuple[float, bytes]]:
        """What comes through instead of a frame: bytes, each after so many seconds.

        Nothing overtakes what was sent before it; empty bytes say that the link is cut for good.

        Args:
            worker: whose link it is.
            direction: which way it goes.
            frame: all of it, header and payload.
        """


@define(eq=False)
class _Way:
    """One direction of one worker's link: what is read at its source goes to its target.

    Attributes:
        part: the beginning of a frame, whose rest has not come yet.
        due: what goes on, in order, each at its time.
        held: what goes on now.
        ended: whether nothing more will come from the source.
    """

    worker: int
    direction: Direction
    source: socket.socket
    target: socket.socket
    part: bytearray = field(factory=bytearray)
    due: deque[tuple[float, bytes]] = field(factory=deque)
    held: bytearray = field(factory=bytearray)
    ended: bool = False
    over: bool = False

    def ripen(self, now: float) -> None:
        """What is due is held; a link that is cut for good, or has ended, is over after it."""
        while self.due and self.due[0][0] <= now:
            _, data = self.due.popleft()
            self.held += data
            if not data:
                self.due.clear()
                self.ended = True

    def end(self) -> None:
        """Nothing goes this way any more, and who listens there sees it."""
        self.over = True
        self.due.clear()
        with contextlib.suppress(OSError):
            self.target.shutdown(socket.SHUT_WR)


class Relay:
    """Carries what a pool and its workers send each other, in a thread of its own.

    Attributes:
        meddler: who comes between them now; nobody if it is None.
        refusal: with what each start of a worker fails now; they succeed if it is None.
    """

    def __init__(self) -> None:
        self.meddler: Meddler | None = None
        self.refusal: OSError | None = None
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
            with _SELECTOR() as selector:
                selector.register(self._waker.fileno(), selectors.EVENT_READ, [])
                with self._lock:
                    now = time.monotonic()
                    for way in self._ways:
                        self._watch(selector, way, now)
                    self._forget_dead()
                    waiting = [way for way in self._ways if way.due and not self._is_cut(way)]
                patience = min((way.due[0][0] - now for way in waiting), default=None)
                ready = selector.select(patience)
                self._waker.drain()
                with self._lock:
                    for key, mask in ready:
                        for way, wants in key.data:
                            if mask & wants:
                                self._carry(way, wants)

    def _is_cut(self, way: _Way) -> bool:
        return way.direction in self._cut.get(way.worker, frozenset())

    def _watch(self, selector: selectors.BaseSelector, way: _Way, now: float) -> None:
        """The way is looked at when it can go on; not at all while it is cut."""
        if way.over or self._is_cut(way):
            return
        way.ripen(now)
        if not way.held and way.ended and not way.due:
            way.end()
            return
        for end, wants, wanted in (
            (way.source, selectors.EVENT_READ, not way.held and not way.ended),
            (way.target, selectors.EVENT_WRITE, bool(way.held)),
        ):
            if not wanted:
                continue
            try:
                key = selector.get_key(end)
            except KeyError:
                selector.register(end, wants, [(way, wants)])
            else:
                selector.modify(end, key.events | wants, [*key.data, (way, wants)])

    def _carry(self, way: _Way, wants: int) -> None:
        if way.over or self._is_cut(way):
            return
        try:
            if wants == selectors.EVENT_READ:
                self._take(way, way.source.recv(_BYTES))
            if way.held:
                del way.held[: way.target.send(way.held)]
        except BlockingIOError:
            return
        except OSError:  # one of the two is gone, and the other will see it
            way.end()

    def _take(self, way: _Way, data: bytes) -> None:
        """What was read goes on, each frame of it as the meddler says."""
        if not data:
            way.ended = True
            if way.part:  # the last frame was cut by its sender's death
                way.due.append((0.0, bytes(way.part)))
            return
        way.part += data
        now = time.monotonic()
        while (size := _frame_bytes(way.part)) is not None:
            frame = bytes(way.part[:size])
            del way.part[:size]
            passed = [(0.0, frame)]
            if self.meddler is not None:
                passed = self.meddler.frames(way.worker, way.direction, frame)
            for after, part in passed:
                way.due.append((now + after, part))
        way.ripen(now)

    def _forget_dead(self) -> None:
        over = {way.worker for way in self._ways}
        over -= {way.worker for way in self._ways if not way.over}
        for way in self._ways:
            if way.worker in over:
                way.source.close()
        self._ways = [way for way in self._ways if way.worker not in over]


def _frame_bytes(data: bytearray) -> int | None:
    """How many bytes the first frame has; None if it is not all there."""
    if len(data) < HEADER_BYTES:
        return None
    size: int = HEADER_BYTES + _LENGTH.unpack_from(data, _LENGTH_AT)[0]
    return size if len(data) >= size else None


def _crew_behind(relay: Relay) -> type[Crew]:
    """A crew whose workers are behind the relay."""

    class Behind(WorkerProcess):
        def _pair_with(self, theirs: list[int]) -> socket.socket:
            channel = relay.interpose(self.number, super()._pair_with(theirs))
            self._ends[-1] = channel  # the relay closes what it took
            return channel

    class BehindCrew(Crew):
        def start(self, worker: int) -> WorkerProcess:
            if relay.refusal is not None:
                raise relay.refusal
            self._main_file.restored()
            return Behind(worker, self._context, self._setup, keeper=self._starting)

    return BehindCrew

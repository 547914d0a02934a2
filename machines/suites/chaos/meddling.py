"""Meddlers: what happens to frames between a pool and its workers.

Each meddles with a share of the frames that pass, chosen by a seeded generator of its own; several
together make one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from machines.harness.relay import Direction
from pool.frames import HEADER_BYTES, Kind, encode

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from machines.harness.relay import Meddler

Parts = list[tuple[float, bytes]]

# Of so many workers it is remembered what they were given last.
_HELD_MAX: Final = 32
_NOBODY: Final = (1 << 63) - 1
_U32: Final = 1 << 32
_UNKNOWN_KIND: Final = 99
_KIND_AT, _ATTEMPT_AT, _TASK_AT, _SESSION_AT = 2, slice(4, 8), slice(8, 16), slice(16, 24)
_ANSWERS: Final = (Kind.RETURNED, Kind.RAISED, Kind.EXHAUSTED)


@define
class Delay:
    """A share of the frames comes later; what follows on the same link waits behind them.

    Attributes:
        share: 0 to 1.
        least: seconds.
        most: seconds.
        done: how many frames were delayed, by direction.
    """

    share: float
    chance: random.Random
    least: float = 0.1
    most: float = 0.5
    done: Counter[str] = field(factory=Counter)

    def frames(self, worker: int, direction: Direction, frame: bytes) -> Parts:
        """As `Meddler` says."""
        del worker
        if self.chance.random() >= self.share:
            return [(0.0, frame)]
        self.done[f"delayed {direction}"] += 1
        return [(self.chance.uniform(self.least, self.most), frame)]


@define
class Corrupt:
    """A share of the frames comes damaged: bytes changed, replaced by noise, or cut for good.

    Attributes:
        share: 0 to 1.
        done: how many frames were damaged, by way and direction.
    """

    share: float
    chance: random.Random
    done: Counter[str] = field(factory=Counter)

    def frames(self, worker: int, direction: Direction, frame: bytes) -> Parts:
        """As `Meddler` says."""
        del worker
        if self.chance.random() >= self.share:
            return [(0.0, frame)]
        name = self.chance.choice(sorted(_DAMAGES))
        self.done[f"{name} {direction}"] += 1
        return _DAMAGES[name](frame, self.chance)


def _change(frame: bytes, chance: random.Random) -> Parts:
    damaged = bytearray(frame)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(damaged))
        damaged[at] ^= chance.randint(1, 255)
    if damaged == frame:  # the same byte was changed there and back
        damaged[0] ^= 1
    return [(0.0, bytes(damaged))]


def _noise(frame: bytes, chance: random.Random) -> Parts:
    return [(0.0, chance.randbytes(len(frame)))]


def _cut(frame: bytes, chance: random.Random) -> Parts:
    return [(0.0, frame[: chance.randrange(1, len(frame))]), (0.0, b"")]


_DAMAGES: Final[dict[str, Callable[[bytes, random.Random], Parts]]] = {
    "changed": _change,
    "cut": _cut,
    "noise": _noise,
}


@define
class Forge:
    """A share of the workers' answers is followed or replaced by a lie whose checksums are right.

    It lies about who is meant: another's task, nobody's, an earlier delivery, the same one twice,
    and in kinds that nobody asked for. A wrong value in the right form about the right task is no
    lie that a pool can see.

    Attributes:
        share: 0 to 1.
        done: how many lies were told, by kind.
    """

    share: float
    chance: random.Random
    done: Counter[str] = field(factory=Counter)
    _held: dict[int, tuple[int, int]] = field(factory=dict)

    def frames(self, worker: int, direction: Direction, frame: bytes) -> Parts:
        """As `Meddler` says."""
        kind, task, attempt = frame[_KIND_AT], _number(frame, _TASK_AT), _number(frame, _ATTEMPT_AT)
        if direction is Direction.TO_WORKER:
            if kind == Kind.TASK:
                self._held.pop(worker, None)
                self._held[worker] = task, attempt
                if len(self._held) > _HELD_MAX:
                    del self._held[next(iter(self._held))]
            return [(0.0, frame)]
        if kind not in _ANSWERS or self.chance.random() >= self.share:
            return [(0.0, frame)]
        lies = self._lies(worker, frame)
        name = self.chance.choice(sorted(lies))
        self.done[name] += 1
        return [(0.0, part) for part in lies[name]]

    def _lies(self, worker: int, frame: bytes) -> dict[str, list[bytes]]:
        kind, task, attempt = frame[_KIND_AT], _number(frame, _TASK_AT), _number(frame, _ATTEMPT_AT)
        payload = frame[HEADER_BYTES:]
        others = sorted(held for other, held in self._held.items() if other != worker)
        another = self.chance.choice(others) if others else (task + 1, 1)
        return {
            "for another's task": [encode(kind, *another, payload)],
            "for nobody's task": [encode(kind, _NOBODY, attempt, payload)],
            "for a later delivery": [encode(kind, task, attempt + 1, payload)],
            "for an earlier delivery": [encode(kind, task, (attempt - 1) % _U32, payload)],
            "twice": [frame, frame],
            "with a lie after it": [frame, encode(kind, *another, payload)],
            "of an unknown kind": [encode(_UNKNOWN_KIND, task, attempt, payload)],
            "of the pool's own kind": [encode(Kind.TASK, task, attempt, payload)],
            "ready once more": [encode(Kind.READY), frame],
            "healthy, unasked": [encode(Kind.HEALTH, _NOBODY), frame],
        }


@define
class Together:
    """Several meddlers, each of which gets what the one before it lets through.

    Attributes:
        each: they, in order.
    """

    each: Sequence[Any]

    def frames(self, worker: int, direction: Direction, frame: bytes) -> Parts:
        """As `Meddler` says; what is no frame any more goes on as it is."""
        for meddler in self.each:
            parts: Parts = meddler.frames(worker, direction, frame)
            if parts != [(0.0, frame)]:
                return parts
        return [(0.0, frame)]

    @property
    def done(self) -> Counter[str]:
        """What all of them have done."""
        counts: Counter[str] = Counter()
        for meddler in self.each:
            counts += meddler.done
        return counts


def _number(frame: bytes, where: slice) -> int:
    return int.from_bytes(frame[where], "big")


def done_by(meddler: Meddler | None) -> Counter[str]:
    """What a meddler has done, by name."""
    nothing: Counter[str] = Counter()
    return Counter(getattr(meddler, "done", nothing))

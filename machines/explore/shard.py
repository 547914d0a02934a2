"""A shard: the part of the search that one process does, which is every state that it owns.

A state belongs to the shard that its fingerprint names. The search goes level by level: first every
shard expands its part of the frontier, and what it comes to lies in boxes, one for each shard; then
every shard takes what is in its boxes, and what is new to it is its part of the next frontier.
Expanding changes nothing that was found before, so a level can be given up half-way.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

import numpy as np
from attrs import field, frozen

from machines.explore.plan import owner
from machines.explore.reach import reach_of
from machines.explore.spool import Spool, read
from machines.explore.step import Violation, promise_of
from machines.explore.visited import WIDTH, Visited, column, prints
from machines.explore.wave import Total, Wave

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from machines.explore.plan import Plan
    from machines.explore.visited import Prints

BATCH: Final = 1 << 16
PULSE: Final = 128
KNOWN_MAX: Final = 1 << 18
ROOT: Final = bytes(WIDTH)


class Halted(Exception):
    """A pulse asks to give the level up; no error."""


@frozen
class Stored:
    """The frontier of a search that is taken up again: one shard's part of what files hold."""

    files: tuple[Path, ...]
    index: int
    shards: int

    def __iter__(self) -> Iterator[bytes]:
        for file in self.files:
            for record in read(file):
                if owner(record[:WIDTH], self.shards) == self.index:
                    yield record

    def remove(self) -> None:
        """The files are not this shard's alone."""


@frozen
class Box:
    """What is on its way to one shard; in the batch at hand, by fingerprint, nothing is twice."""

    spool: Spool
    batch: dict[bytes, bytes] = field(factory=dict)


class Shard:
    """One process's part of the search.

    Args:
        plan: what all shards have in common.
        index: which of them it is.
        pulse: is told now and then how many states of this level are expanded; may raise `Halted`.
    """

    def __init__(
        self, plan: Plan, index: int, pulse: Callable[[int], None] = lambda _: None
    ) -> None:
        self.space = plan.make()
        self._plan = plan
        self._index = index
        self._pulse = pulse
        self._visited = Visited()
        self._frontier: Spool | Stored = Stored((), index, plan.shards)
        self._boxes: list[Box] = []
        self._known: dict[Hashable, bytes] = {}  # what was sent not long ago
        self._reach = reach_of(self.space)
        # What is kept for another day, or goes to another process, must mean the same there.
        self._brief: Callable[[Hashable], bytes] = self._reach.brief
        self._full: Callable[[bytes], Hashable] = self._reach.full
        if plan.kept:
            self._brief, self._full = self.space.pack, self.space.unpack
        self._size: Callable[[Hashable], int] | None = getattr(self.space, "size", None)

    def begin(self, _: int) -> int:
        """The first state, if it is this shard's, is its frontier; their number is returned."""
        first = self.space.first()
        print_ = self._reach.print(first)
        mine = {print_: ROOT + self._brief(first)}
        own = owner(print_, self._plan.shards) == self._index
        return self._follow(0, iter([mine] if own else []))

    def resume(self, level: int) -> int:
        """What the files say was seen up to a level is seen, and its frontier this shard's part."""
        plan = self._plan
        self._visited.load(self._seen(was) for was in range(level + 1))
        self._frontier = Stored(plan.files("frontier", level), self._index, plan.shards)
        return len(self._seen(level))

    def expand(self, level: int) -> Wave:
        """Every state of the frontier was expanded, unless a pulse has halted it."""
        plan = self._plan
        self._boxes = [Box(self._box(level, to)) for to in range(plan.shards)]
        total = Total(None if self._size is None else 0)
        try:
            with plan.file("fair", level, self._index).open("wb") as fair:
                for record in self._frontier:
                    if not total.expanded % PULSE:
                        self._pulse(total.expanded)
                    self._expand(record, total, fair)
        except Halted:
            return Wave(halted=True)
        for to, box in enumerate(self._boxes):
            self._flush(to)
            box.spool.close()
        return total.wave()

    def absorb(self, level: int) -> int:
        """What is new in this shard's boxes is its next frontier; how many that are is returned."""
        if not self._plan.kept:  # else the last checkpoint needs it until the next is written
            self._frontier.remove()
        count = self._follow(level + 1, self._batches(level))
        self._boxes = []
        return count

    def _expand(self, record: bytes, total: Total, fair: IO[bytes]) -> None:
        space, source = self.space, record[:WIDTH]
        state = self._full(record[WIDTH:])
        steps, after, owed, broken = self._reach.spread(state)
        total.expanded += 1
        total.transitions += steps
        if self._size is not None and total.states is not None:
            total.states += self._size(state)
        for at, violation in broken:
            total.broke(violation, 1, source, at)
        known = self._known
        for one in after:
            if one not in known:
                self._send(one, source)
        if owed is None:
            ending = space.ending(state) or deadlock(space.promised(state))
            if ending is not None:
                total.broke(ending, 0, source, 0)
        elif self._plan.lively and space.promised(state):
            fair.write(b"".join([source + self._print(one) for one in owed]))

    def _print(self, state: Hashable) -> bytes:
        return self._known.get(state) or self._reach.print(state)

    def _send(self, state: Hashable, source: bytes) -> None:
        """The state is on its way to its shard, and need not be sent again soon."""
        print_ = self._reach.print(state)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[state] = print_
        to = owner(print_, self._plan.shards)
        batch = self._boxes[to].batch
        if print_ not in batch:
            write = self._brief if to == self._index else self.space.pack
            batch[print_] = source + write(state)
            if len(batch) >= BATCH:
                self._flush(to)

    def _flush(self, to: int) -> None:
        """The batch for a shard is in its box; what this shard knows to be old is left out."""
        box = self._boxes[to]
        if not box.batch:
            return
        new = np.ones(len(box.batch), np.bool_)
        if to == self._index:
            new = self._visited.unseen(prints(b"".join(box.batch)))
        for (print_, rest), fresh in zip(box.batch.items(), new.tolist(), strict=True):
            if fresh:
                box.spool.add(print_ + rest)
        box.batch.clear()

    def _batches(self, level: int) -> Iterator[dict[bytes, bytes]]:
        """What lay in this shard's boxes; within a batch nothing is twice."""
        for source in range(self._plan.shards):
            batch: dict[bytes, bytes] = {}
            for record in self._arrived(level, source):
                batch.setdefault(record[:WIDTH], record[WIDTH:])
                if len(batch) >= BATCH:
                    yield self._understood(batch, source)
                    batch = {}
            yield self._understood(batch, source)

    def _arrived(self, level: int, source: int) -> Iterator[bytes]:
        if source == self._index:
            own = self._boxes[source].spool
            yield from own
            own.remove()
            return
        file = self._plan.file(f"box{self._index:02}", level, source)
        if file.exists():
            yield from read(file)
            file.unlink()

    def _understood(self, batch: dict[bytes, bytes], source: int) -> dict[bytes, bytes]:
        """What is new of the batch, in this shard's own words."""
        new = self._visited.unseen(prints(b"".join(batch))).tolist()
        fresh = {p: rest for (p, rest), is_new in zip(batch.items(), new, strict=True) if is_new}
        if source == self._index or self._plan.kept:
            return fresh
        brief, unpack = self._brief, self.space.unpack
        return {p: rest[:WIDTH] + brief(unpack(rest[WIDTH:])) for p, rest in fresh.items()}

    def _follow(self, level: int, batches: Iterator[dict[bytes, bytes]]) -> int:
        """All of the batches, which is new, is seen, and is the frontier of this level."""
        plan = self._plan
        self._frontier = frontier = self._spool("frontier", level, 0 if plan.kept else None)
        with plan.file("seen", level, self._index).open("wb") as seen:
            for batch in batches:
                self._visited.add(prints(b"".join(batch)))
                seen.write(b"".join([print_ + rest[:WIDTH] for print_, rest in batch.items()]))
                for print_, rest in batch.items():
                    frontier.add(print_ + rest[WIDTH:])
        frontier.close()
        return frontier.count

    def _seen(self, level: int) -> Prints:
        """What was seen of this shard's states at a level, whoever saw it."""
        plan = self._plan
        files = plan.files("seen", level)
        found = column(b"".join(file.read_bytes() for file in files), 0)
        heads = found.view(np.uint8).reshape(-1, WIDTH)[:, :4].copy().view("<u4").ravel()
        mine: Prints = found[heads % plan.shards == self._index]
        return mine

    def _box(self, level: int, to: int) -> Spool:
        """What goes to another process goes by a file."""
        return self._spool(f"box{to:02}", level, None if to == self._index else 0)

    def _spool(self, sort: str, level: int, memory_max: int | None) -> Spool:
        """A spool of the bound that is given, or of this shard's share of the plan's."""
        share = self._plan.memory_max // (3 * self._plan.shards)  # two frontiers and a box
        bound = share if memory_max is None else memory_max
        return Spool(self._plan.file(sort, level, self._index), bound)


def deadlock(promised: frozenset[str]) -> Violation | None:
    """Nothing is owed to the schedule any more: what is then still promised never happens."""
    if not promised:
        return None
    owed = sorted(promised)
    sentence = f"nothing more can happen, and this is still owed: {', '.join(owed)}"
    return Violation(promise_of(owed[0]), sentence)

"""Small spaces whose states, depths, violations and cycles are known by counting on paper."""

from __future__ import annotations

import json
import os
import signal
from math import factorial, prod
from typing import TYPE_CHECKING

from attrs import frozen

from machines.explore.step import Step, Violation
from machines.trace import Advance, Deliver, Open, Receive

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    from machines.trace import Command

Lines = tuple[tuple[int, "Command", int], ...]


@frozen
class Counters:
    """Workers who each count to a bound, in any order; interchangeable if `symmetric`.

    Attributes:
        workers: how many.
        most: to what each counts.
        broken_at: the sum at which a promise is broken; None for never.
        fatal_at: the sum at which the process that searches is killed; None for never.
        once: a file, made then, that has it killed once only.
    """

    workers: int
    most: int
    symmetric: bool = False
    broken_at: int | None = None
    fatal_at: int | None = None
    once: Path | None = None

    def first(self) -> Hashable:
        return (0,) * self.workers

    def steps(self, state: Hashable) -> Sequence[Step]:
        assert isinstance(state, tuple)
        if sum(state) == self.fatal_at and (self.once is None or not self.once.exists()):
            if self.once is not None:
                self.once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [
            self._step((*state[:at], count + 1, *state[at + 1 :]), at)
            for at, count in enumerate(state)
            if count < self.most
        ]

    def _step(self, after: tuple[int, ...], at: int) -> Step:
        wrong = sum(after) == self.broken_at
        violation = Violation("S1", f"worker {at} counted too far") if wrong else None
        return Step(Deliver(at), after, violation)

    def pack(self, state: Hashable) -> bytes:
        assert isinstance(state, tuple)
        return json.dumps(sorted(state) if self.symmetric else state).encode()

    def unpack(self, packed: bytes) -> Hashable:
        return tuple(json.loads(packed))

    def ending(self, state: Hashable) -> Violation | None:
        del state
        return None

    def fair(self, state: Hashable) -> Sequence[Step]:
        return self.steps(state)

    def promised(self, state: Hashable) -> frozenset[str]:
        del state
        return frozenset()

    def size(self, state: Hashable) -> int:
        assert isinstance(state, tuple)
        if not self.symmetric:
            return 1
        same = [state.count(value) for value in set(state)]
        return factorial(self.workers) // prod(map(factorial, same))


@frozen
class Drawn:
    """A space drawn as lines between numbers, from 0 on.

    Attributes:
        lines: from where, by which command, to where.
        owing: the states that still owe L1.
        wishes: the lines that no fair schedule owes, by their index.
    """

    lines: Lines
    owing: frozenset[int]
    wishes: frozenset[int] = frozenset()

    def first(self) -> Hashable:
        return 0

    def steps(self, state: Hashable) -> Sequence[Step]:
        return [Step(command, end) for start, command, end in self.lines if start == state]

    def pack(self, state: Hashable) -> bytes:
        return str(state).encode()

    def unpack(self, packed: bytes) -> Hashable:
        return int(packed)

    def ending(self, state: Hashable) -> Violation | None:
        del state
        return None

    def fair(self, state: Hashable) -> Sequence[Step]:
        return [
            Step(command, end)
            for at, (start, command, end) in enumerate(self.lines)
            if start == state and at not in self.wishes
        ]

    def promised(self, state: Hashable) -> frozenset[str]:
        return frozenset({"L1"} if state in self.owing else ())


@frozen
class Pairs:
    """Two workers that each receive and deliver for ever; a gate that may open at any time.

    A state is where each worker stands and whether the gate is shut. With `symmetric` an orbit does
    not say which worker stands where.

    Attributes:
        openable: whether the gate, which ends it all, can be opened: always, seldom or never.
    """

    openable: str
    symmetric: bool = True

    def first(self) -> Hashable:
        return (0, 0, 1)

    def steps(self, state: Hashable) -> Sequence[Step]:
        assert isinstance(state, tuple)
        one, other, shut = state
        if not shut:
            return []
        found = [
            Step(Deliver(0) if one else Receive(0), (1 - one, other, 1)),
            Step(Deliver(1) if other else Receive(1), (one, 1 - other, 1)),
        ]
        if self.openable == "always" or (self.openable == "seldom" and one == other):
            found.append(Step(Open(0), (0, 0, 0)))
        return found

    def pack(self, state: Hashable) -> bytes:
        assert isinstance(state, tuple)
        one, other, shut = state
        low, high = sorted((one, other)) if self.symmetric else (one, other)
        return bytes((low, high, shut))

    def unpack(self, packed: bytes) -> Hashable:
        return tuple(packed)

    def ending(self, state: Hashable) -> Violation | None:
        del state
        return None

    def fair(self, state: Hashable) -> Sequence[Step]:
        return self.steps(state)

    def promised(self, state: Hashable) -> frozenset[str]:
        assert isinstance(state, tuple)
        return frozenset({"L1"} if state[2] else ())


# A task whose retry comes due, is planned again, and so on; at 3 it would have been given up.
ENDLESS_RETRY = Drawn(
    ((0, Receive(0), 1), (1, Deliver(0), 2), (2, Advance(1.0), 1)), owing=frozenset({0, 1, 2})
)
# The same, but where the clock is to move, the task's gate can be opened as well.
LUCKY_RETRY = Drawn(
    (*ENDLESS_RETRY.lines, (1, Open(0), 3), (2, Open(0), 3)), owing=frozenset({0, 1, 2})
)
# A session waits for a worker that waits for the session: only a client's wish leads on.
EMBRACE = Drawn(
    ((0, Receive(0), 1), (1, Deliver(0), 2), (2, Open(0), 3)),
    owing=frozenset({0, 1, 2}),
    wishes=frozenset({2}),
)

"""The schedule: the rules by which workers go on, the pool hears of them, and the clock moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machines import trace
from machines.machine import WHICH, Machine
from machines.run import fair_moves
from machines.trace import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = st.sampled_from([1.0, 2.0, 5.0, 1.0, 2.0, 5.0, 1.0, 60.0])


class Schedule(Machine):
    """What happens when, as long as nothing goes wrong."""

    @precondition(lambda self: self.sending())
    @rule(which=WHICH)
    def deliver(self, which: int) -> None:
        """The pool hears the next fact from a worker."""
        self._pick(which, self.sending(), trace.Deliver)

    @precondition(lambda self: self.receptive())
    @rule(which=WHICH)
    def receive(self, which: int) -> None:
        """A worker takes the next frame that was sent to it."""
        self._pick(which, self.receptive(), trace.Receive)

    @precondition(lambda self: self.at_gates())
    @rule(which=WHICH)
    def open_gate(self, which: int) -> None:
        """A started function may end."""
        self._pick(which, self.at_gates(), trace.Open)

    @precondition(lambda self: self._world.diverted)
    @rule(which=WHICH, how=st.sampled_from(Elsewhere))
    def divert(self, which: int, how: Elsewhere) -> None:
        """The fallback executor runs a task, or does not."""
        self._pick(which, self._world.diverted, lambda task: trace.Divert(task, how))

    @rule(seconds=SECONDS)
    def advance(self, seconds: float) -> None:
        """The clock moves."""
        self._do(trace.Advance(seconds))

    @rule(moves=st.integers(1, 8))
    def proceed(self, moves: int) -> None:
        """For a while everything goes as it should."""
        self.go_on_fairly(moves)

    def go_on_fairly(self, moves: int, until: Callable[[], bool] = lambda: False) -> None:
        """The next so many moves of a fair schedule are made, one worker after the other.

        Args:
            moves: how many.
            until: whether it has come to where it was to come, and no more are made.
        """
        for _ in range(moves):
            if until():
                return
            for move in fair_moves(self._world)[:1]:
                self._do(move)

    @precondition(lambda self: self.receptive())
    @rule(which=WHICH, moves=st.integers(1, 4))
    def work_on(self, which: int, moves: int) -> None:
        """A worker works while the pool hears nothing of it."""
        for worker in self._choose(which, self.receptive()):
            body = self._world.bodies[worker]
            for _ in range(moves):
                if body.receptive:
                    self._do(trace.Receive(worker))
                elif body.openable and body.at_gate is not None:
                    self._do(trace.Open(body.at_gate.number))

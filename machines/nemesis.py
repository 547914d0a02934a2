"""The nemesis: the rules by which faults are chosen, at the driver's boundary."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machines import trace
from machines.body import Condition
from machines.gate import Start
from machines.machine import WHICH, Machine
from machines.trace import How, Toward, Way

if TYPE_CHECKING:
    from collections.abc import Callable


_HOWS: Final = [How.FLIPPED, How.UNKNOWN, How.OVERSIZED, How.CUT, How.DOUBLED, How.FOREIGN]
_LESS_OFTEN: Final = [how for how in How if how not in _HOWS]
_MANY: Final = len(_LESS_OFTEN)
HOWS: Final = st.sampled_from([*_HOWS * _MANY, *_LESS_OFTEN])

# Of which workers, and what: one rule for them all, so that none takes a turn from the others.
MISHAPS: Final[list[tuple[str, Callable[[int], trace.Command]]]] = [
    *(("receiving", functools.partial(trace.Garble, how=how)) for how in Toward),
    ("running", functools.partial(trace.Exit, how=Way.CODE)),
    ("living", functools.partial(trace.Exit, how=Way.TERMINATED)),
    ("receptive", functools.partial(trace.Exit, how=Way.READING)),
    ("running", trace.Swell),
    ("living", lambda _: trace.Jump(60.0)),
]


class Nemesis(Machine):
    """What goes wrong."""

    @precondition(lambda self: self.living())
    @rule(which=WHICH)
    def crash(self, which: int) -> None:
        """A worker's process is killed."""
        self._pick(which, self.living(), trace.Crash)

    @precondition(lambda self: self.in_condition(Condition.RUNNING))
    @rule(which=WHICH)
    def stop(self, which: int) -> None:
        """A worker's process is stopped."""
        self._pick(which, self.in_condition(Condition.RUNNING), trace.Stop)

    @precondition(lambda self: self.in_condition(Condition.STOPPED))
    @rule(which=WHICH)
    def go_on(self, which: int) -> None:
        """A stopped process continues."""
        self._pick(which, self.in_condition(Condition.STOPPED), trace.Continue)

    @precondition(lambda self: self.sending_frames())
    @rule(which=WHICH, how=HOWS)
    def mangle(self, which: int, how: How) -> None:
        """The next frame from a worker is damaged."""
        self._pick(which, self.sending_frames(), lambda worker: trace.Mangle(worker, how))

    @rule(which=WHICH, mishap=st.sampled_from(MISHAPS))
    def mishap(self, which: int, mishap: tuple[str, Callable[[int], trace.Command]]) -> None:
        """Something rarer befalls a worker of which that is possible."""
        among, make = mishap
        self._pick(which, getattr(self, among)(), make)

    @rule(how=st.sampled_from([start for start in Start if start is not Start.NORMAL]))
    def next_start(self, how: Start) -> None:
        """The next worker's start goes wrong."""
        self._do(trace.NextStart(how))

    @precondition(lambda self: self.at_gates())
    @rule(which=WHICH)
    def late_reply(self, which: int) -> None:
        """A function ends, its deadline passes, and only then its reply is heard."""
        for task in self._choose(which, self.at_gates()):
            worker = next(
                b.number for b in self._bodies() if b.at_gate and b.at_gate.number == task
            )
            self._do(trace.Open(task))
            self._do(trace.Advance(5.0))
            self._do(trace.Deliver(worker))

"""The nemesis: the rules by which faults are chosen, at the driver's boundary."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from machines import trace
from machines.body import Condition
from machines.clients import RARELY
from machines.gate import Start
from machines.machine import WHICH, Machine
from machines.trace import How, Toward, Way


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
    @rule(which=WHICH, how=st.sampled_from(How))
    def mangle(self, which: int, how: How) -> None:
        """The next frame from a worker is damaged."""
        self._pick(which, self.sending_frames(), lambda worker: trace.Mangle(worker, how))

    @precondition(lambda self: self.receiving())
    @rule(which=WHICH, how=st.sampled_from(Toward))
    def garble(self, which: int, how: Toward) -> None:
        """The next frame to a worker is damaged."""
        self._pick(which, self.receiving(), lambda worker: trace.Garble(worker, how))

    @precondition(lambda self: self.living())
    @rule(which=WHICH, how=st.sampled_from(Way))
    def end(self, which: int, how: Way) -> None:
        """A worker's process ends in some other way than by being killed."""
        among = {Way.CODE: self.running, Way.READING: self.receptive}.get(how, self.living)
        self._pick(which, among(), lambda worker: trace.Exit(worker, how))

    @precondition(lambda self: self.running())
    @rule(which=WHICH)
    def swell(self, which: int) -> None:
        """A function takes memory beyond its worker's limit."""
        self._pick(which, self.running(), trace.Swell)

    @rule(seconds=st.sampled_from([5.0, 60.0, 3600.0]), surely=RARELY)
    def jump(self, seconds: float, surely: bool) -> None:
        """Nothing runs for a while; seldom, because such a run's clock is judged no more."""
        if surely:
            self._do(trace.Jump(seconds))

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

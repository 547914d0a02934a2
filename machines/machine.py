"""The machine: what all Hypothesis machines share, which is one run and how to act on it.

Rules choose among what is possible, by index; what they do is recorded as commands that name
what they mean, so that a failing example leaves a trace that needs neither Hypothesis nor the
machine that found it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from machines.body import FRAMES, Condition, FactKind
from machines.drivers import Diverged
from machines.swarm import name_of
from machines.trace import Trace
from model.promises import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from machines import trace
    from machines.body import Body
    from machines.run import Report, Run
    from machines.trace import Setting
    from machines.world import World
    from model.checker import Violation

WHICH: Final = st.integers(0, 7)


class PromiseBroken(AssertionError):
    """A run broke a promise; one subclass for each promise, so that Hypothesis tells them apart.

    Args:
        violation: the promise and what happened.
        trace: the commands that led there.
    """

    def __init__(self, violation: Violation, trace: Trace) -> None:
        super().__init__(f"{violation.promise}: {violation.sentence}")
        self.violation = violation
        self.trace = trace


BROKEN: Final[dict[str, type[PromiseBroken]]] = {
    promise: type(f"{promise}Broken", (PromiseBroken,), {}) for promise in WORDS
}


class Machine(RuleBasedStateMachine):
    """One pool from its start to its verified end; the rules are its subclasses'.

    Attributes:
        share: its part of a profile's examples.
        steps: rules in an example; None for as many as the profile says.

    Args:
        begin: makes the run, on whatever layer and with whatever bug.
        done: is given each finished run and its report.
    """

    share: ClassVar[float] = 0.12
    steps: ClassVar[int | None] = None

    def __init__(
        self, begin: Callable[[Setting], Run], done: Callable[[Run, Report], None]
    ) -> None:
        super().__init__()
        self._begin = begin
        self._done = done
        self.run: Run | None = None
        self.tasks = 0
        self.sessions: list[int] = []
        self.off: frozenset[str] = frozenset()

    def begin(self, setting: Setting, off: frozenset[str] = frozenset()) -> None:
        """A fresh pool starts.

        Args:
            setting: what of its configuration is chosen.
            off: what this run goes without, by the names of `swarm.py`.
        """
        self.off = off
        self.run = self._begin(setting)
        self._check()

    def allows(self, name: str) -> bool:
        """Whether this run does not go without the command or fault of this name."""
        return name not in self.off

    def teardown(self) -> None:
        """Faults stop, everything is delivered, and quiescence is demanded."""
        run, self.run = self.run, None
        if run is None:
            return
        with run:
            if run.violation is None:
                report = run.finish()
                self._done(run, report)
                self._raise_if_broken(run)
                if report.unknown:
                    raise Diverged(f"the run came to no end: {', '.join(report.unknown)} unknown")

    @property
    def _run(self) -> Run:
        assert self.run is not None  # noqa: S101 - initialize came first
        return self.run

    @property
    def _world(self) -> World:
        return self._run.world

    def _bodies(self) -> list[Body]:
        return list(self._world.active.values())

    def workers(self, condition: Callable[[Body], bool]) -> list[int]:
        """The numbers of the workers of which this is true."""
        return [body.number for body in self._bodies() if condition(body)]

    def in_condition(self, condition: Condition) -> list[int]:
        """The workers whose process is in this condition."""
        return self.workers(lambda body: body.condition is condition)

    def living(self) -> list[int]:
        """The workers that have a living process."""
        return self.workers(lambda body: body.alive)

    def receptive(self) -> list[int]:
        """The workers that can take a frame now."""
        return self.workers(lambda body: body.receptive)

    def receiving(self) -> list[int]:
        """The workers to which a frame is on its way, whether or not they can take it now."""
        reading = (Condition.RUNNING, Condition.STOPPED)
        return self.workers(lambda body: bool(body.inbox) and body.condition in reading)

    def running(self) -> list[int]:
        """The workers at whose gate a function is at work."""
        return self.workers(lambda body: body.running)

    def sending(self) -> list[int]:
        """The workers of which the pool has something to hear."""
        return self.workers(lambda body: bool(body.facts))

    def sending_frames(self) -> list[int]:
        """The workers from which a sound frame comes next; replies first, they are rarer."""
        first = {body.number: body.facts[0] for body in self._bodies() if body.facts}
        sound = [n for n, fact in first.items() if fact.kind in FRAMES and not fact.struck]
        return sorted(sound, key=lambda number: first[number].kind is not FactKind.REPLY)

    def at_gates(self) -> list[int]:
        """The tasks whose functions wait to be let on."""
        waiting = [body.at_gate for body in self._bodies() if body.openable]
        return [order.number for order in waiting if order is not None]

    def _choose(self, which: int, among: Sequence[int]) -> Sequence[int]:
        return [among[which % len(among)]] if among else []

    def _pick(self, which: int, among: Sequence[int], make: Callable[[int], trace.Command]) -> None:
        for number in self._choose(which, among):
            self._do(make(number))

    def _do(self, command: trace.Command) -> None:
        if self.off and name_of(command) in self.off:
            return
        self._run.do(command)
        self._check()

    def _check(self) -> None:
        self._raise_if_broken(self._run)

    def _raise_if_broken(self, run: Run) -> None:
        if run.violation is not None:
            trace_ = Trace(run.setting, tuple(run.steps))
            raise BROKEN[run.violation.promise](run.violation, trace_)

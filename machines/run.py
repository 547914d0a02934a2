"""A run: a trace, or a machine's commands, carried out in a fresh world and judged on the way."""

from __future__ import annotations

import contextlib
import hashlib
import json
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
from attrs import frozen

from machines import trace
from machines.body import Condition
from machines.coverage import Lookout
from machines.drivers import DRIVERS, Diverged, Layer
from machines.gate import Start
from machines.parts import POOL, Parts
from machines.world import World
from model import history as saw
from model.checker import Verdict
from model.promises import PROMISES, Judge
from pool.events import TimerKind
from pool.lifecycle import WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from machines.drivers.driver import MakeDriver
    from machines.firings import Coverage
    from machines.trace import Command, Setting, Trace
    from model.checker import Checker, Violation

MOVES_MAX: Final = 2_000
_ROUND: Final = (TimerKind.HEALTH, TimerKind.AGE)


@frozen
class Report:
    """What a finished run showed.

    Attributes:
        violation: the first promise that it broke; None if it broke none.
        step: the index of the step that showed it; the number of steps if the end did.
        digest: SHA-256 of the canonical event log.
        impossible: the steps that were impossible where they stood.
        showed: for each step, what it showed, as short sentences.
        coverage: which moves fired, and which faults they met.
        verdicts: what is known of each promise.
        processes: how many processes of the operating system the driver has seen.
    """

    violation: Violation | None
    step: int | None
    digest: str
    impossible: tuple[int, ...]
    showed: tuple[tuple[saw.Record, ...], ...]
    coverage: Coverage
    verdicts: dict[str, Verdict]
    processes: int

    @property
    def unknown(self) -> tuple[str, ...]:
        """The promises of which this run, though it broke none, shows nothing."""
        if self.violation is not None:
            return ()
        return tuple(name for name, known in self.verdicts.items() if known is Verdict.UNKNOWN)


class Run:
    """One fresh pool on one layer, from its start to its verified end.

    Args:
        setting: what of the pool's configuration is chosen.
        layer: where it runs.
        parts: the pool, perhaps with a bug planted in it.
        driver: makes the driver; the layer's own unless given.
        promises: what the run is held against; everything unless given.
    """

    def __init__(
        self,
        setting: Setting,
        layer: Layer = Layer.SIM,
        parts: Parts = POOL,
        *,
        driver: MakeDriver | None = None,
        promises: Iterable[type[Checker]] = PROMISES,
    ) -> None:
        self.setting = setting
        self.steps: list[Command] = []
        self.violation: Violation | None = None
        self.violated_at: int | None = None
        self.impossible: list[int] = []
        self._layer = layer
        self._judge = Judge(promises)
        self._lookout = Lookout()
        self._showed: list[list[saw.Record]] = [[]]
        config = setting.config()
        self._driver = (driver or DRIVERS[layer])(config, parts)
        with contextlib.ExitStack() as undo:
            undo.callback(self._driver.close)
            self.world = World(config, parts, self._driver, self._watch)
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._driver.close()

    def do(self, command: Command) -> bool:
        """The command is the next step; whether it was possible is returned.

        Once a promise is broken nothing more is done.
        """
        if self.violation is not None:
            return False
        self._showed.append([])
        self.steps.append(command)
        self._lookout.before(command)
        possible = self.world.do(command)
        if possible:
            self._lookout.done(command)
        else:
            self._lookout.undone(command)
            self.impossible.append(len(self.steps) - 1)
        return possible

    def finish(self) -> Report:
        """Faults stop, all is delivered, the pool is shut down and nothing is left of it."""
        end = len(self.steps)
        self._showed.append([])
        if self.violation is None:
            self._heal()
        if self.violation is None:
            self.world.do(trace.Shutdown())
            self._heal()
        if self.violation is None and self.world.closed:
            self._look_for_leftovers()
        return self._report(end)

    def _heal(self) -> None:
        self._lookout.calm()
        complete = heal(self.world)
        if self.violation is None:
            self._watch(saw.Healed(complete, self.world.ready))

    def _look_for_leftovers(self) -> None:
        unreaped = [
            f"worker {body.number}'s process"
            for body in self.world.bodies.values()
            if body.condition is not Condition.REAPED
        ]
        for what in unreaped or self._driver.leftovers():
            self._watch(saw.LeftOver(what))

    def _watch(self, record: saw.Record) -> None:
        if self.violation is not None:
            return
        self._showed[-1].append(record)
        self._lookout.observe(record)
        self.violation = self._judge.observe(record)
        if self.violation is not None:
            self.violated_at = len(self._showed) - 2

    def _report(self, end: int) -> Report:
        step = None if self.violated_at is None else min(max(self.violated_at, 0), end)
        pids = self._driver.pids()
        if self._layer is Layer.REAL and len(pids) != self.world.launched:
            seen = f"{self.world.launched} workers were started, but {len(pids)} processes seen"
            raise Diverged(f"this was no run on real processes: {seen}")
        return Report(
            violation=self.violation,
            step=step,
            digest=digest(self.world.log),
            impossible=tuple(self.impossible),
            showed=tuple(tuple(records) for records in self._showed),
            coverage=self._lookout.coverage(),
            verdicts=self._judge.verdicts(),
            processes=len(pids),
        )


def heal(world: World) -> bool:
    """Faults stop and the schedule is fair until nothing more can happen.

    Returns:
        False if the budget of moves ran out first.
    """
    world.do(trace.NextStart(Start.NORMAL))
    for _ in range(MOVES_MAX):
        moves = fair_moves(world)
        if moves:
            for move in moves:
                world.do(move)
            continue
        due = _awaited(world)
        if due is None:
            return True
        world.do(trace.Advance(max(0.0, due - world.now)))
    return False


def _awaited(world: World) -> float | None:
    """When the next timer is due that can still change something; None if there is none.

    Health checks come round for ever, and so do the ages of workers; they are waited for only
    while something is unwell.
    """
    unwell = any(w.state is WorkerState.DEGRADED for w in world.core.workers.values())
    due = [at for timer, at in world.timers.items() if unwell or timer.kind not in _ROUND]
    return min(due, default=None)


def fair_moves(world: World) -> list[Command]:
    """One move for each worker that has one, in the workers' order; nobody is left out."""
    moves: list[Command] = []
    for body in world.bodies.values():
        if body.condition is Condition.STOPPED:
            moves.append(trace.Continue(body.number))
        elif body.facts:
            moves.append(trace.Deliver(body.number))
        elif body.openable and body.at_gate is not None:
            moves.append(trace.Open(body.at_gate.number))
        elif body.receptive:
            moves.append(trace.Receive(body.number))
    return moves


def execute(
    trace_: Trace,
    layer: Layer = Layer.SIM,
    parts: Parts = POOL,
    *,
    driver: MakeDriver | None = None,
    promises: Iterable[type[Checker]] = PROMISES,
) -> Report:
    """The trace has run in a fresh world, to the verified end; what it showed is returned.

    Raises:
        Diverged: the layer did not show a fact within its limit.
    """
    with Run(trace_.setting, layer, parts, driver=driver, promises=promises) as run:
        for command in trace_.steps:
            run.do(command)
        return run.finish()


def digest(log: Iterable[Any]) -> str:
    """The SHA-256 of the canonical event log is returned, in hexadecimal.

    Payloads are opaque and stay out; what they hold is in the log as resolved values.
    """
    sha = hashlib.sha256()
    for entry in log:
        line = json.dumps(_canonical(entry), sort_keys=True, separators=(",", ":"))
        sha.update(line.encode() + b"\n")
    return sha.hexdigest()


def _canonical(value: Any) -> Any:
    if attrs.has(type(value)):
        fields = [a.name for a in attrs.fields(type(value)) if a.name != "payload"]
        return [type(value).__name__, *[_canonical(getattr(value, name)) for name in fields]]
    if isinstance(value, (tuple, list)):
        return [_canonical(item) for item in value]
    return value.value if isinstance(value, Enum) else value

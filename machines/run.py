"""A run: a trace, or a machine's commands, carried out in a fresh world and judged on the way."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
from attrs import field, frozen

from machines import trace
from machines.body import Condition
from machines.coverage import look_back
from machines.drivers import DRIVERS, Diverged, Layer
from machines.lasting import NAMES
from machines.parts import POOL, Parts
from machines.world import World
from model import history as saw
from model.checker import Verdict
from model.promises import PROMISES, Judge
from pool.events import TimerKind
from pool.lifecycle import WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from machines.body import Body
    from machines.drivers.driver import MakeDriver
    from machines.firings import Coverage
    from machines.trace import Command, Setting, Trace
    from model.checker import Checker, Violation

MOVES_MAX: Final = 2_000
_ROUND: Final = (TimerKind.HEALTH, TimerKind.AGE)
_STOPPED: Final = Condition.STOPPED


@frozen
class Report:
    """What a finished run showed.

    Attributes:
        violation: the first promise that it broke; None if it broke none.
        step: the index of the step that showed it; the number of steps if the end did.
        steps: the commands.
        log: the event log.
        impossible: the steps that were impossible where they stood.
        showed: for each step, what it showed, as short sentences.
        verdicts: what is known of each promise.
        processes: how many processes of the operating system the driver has seen.
    """

    violation: Violation | None
    step: int | None
    steps: tuple[Command, ...]
    log: tuple[Any, ...] = field(repr=False)
    impossible: tuple[int, ...]
    showed: tuple[tuple[saw.Record, ...], ...]
    verdicts: dict[str, Verdict]
    processes: int

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of the canonical event log, in hexadecimal; reckoned when it is wanted."""
        return digest(self.log)

    @functools.cached_property
    def coverage(self) -> Coverage:
        """What fired and which faults it met; read off what was shown when it is wanted."""
        return look_back(self.steps, self.impossible, self.showed)

    @property
    def events(self) -> int:
        """How many events the core was told."""
        return sum(type(entry) is tuple for entry in self.log)

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
        self._observe = self._judge.observe
        self._now_shown: list[saw.Record] = []
        self._showed: list[list[saw.Record]] = [self._now_shown]
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
        self._next_step()
        self.steps.append(command)
        possible = self.world.do(command)
        if not possible:
            self.impossible.append(len(self.steps) - 1)
        return possible

    def finish(self) -> Report:
        """Faults stop, all is delivered, the pool is shut down and nothing is left of it."""
        end = len(self.steps)
        self._next_step()
        if self.violation is None:
            self._heal()
        if self.violation is None:
            self.world.do(trace.Shutdown())
            self._heal()
        if self.violation is None and self.world.closed:
            self._look_for_leftovers()
        return self._report(end)

    def so_far(self) -> Report:
        """What the run has shown until now; it goes on as it would."""
        return self._report(len(self.steps))

    def stand_still(self, ready: int) -> Report:
        """Nothing new will ever happen, and so many workers are ready at most; it was judged so."""
        end = len(self.steps)
        self._next_step()
        self._watch(saw.Healed(complete=True, ready=ready))
        return self._report(end)

    def _heal(self) -> None:
        complete = heal(self.world, lambda: self.violation is not None)
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
        self._now_shown.append(record)
        self.violation = self._observe(record)
        if self.violation is not None:
            self.violated_at = len(self._showed) - 2

    def _next_step(self) -> None:
        self._now_shown = []
        self._showed.append(self._now_shown)

    def _report(self, end: int) -> Report:
        step = None if self.violated_at is None else min(max(self.violated_at, 0), end)
        pids = self._driver.pids()
        if self._layer is Layer.REAL and len(pids) != self.world.launched:
            seen = f"{self.world.launched} workers were started, but {len(pids)} processes seen"
            raise Diverged(f"this was no run on real processes: {seen}")
        return Report(
            violation=self.violation,
            step=step,
            steps=tuple(self.steps),
            log=tuple(self.world.log),
            impossible=tuple(self.impossible),
            showed=tuple(tuple(records) for records in self._showed),
            verdicts=self._judge.verdicts(),
            processes=len(pids),
        )


def heal(world: World, enough: Callable[[], bool] = lambda: False) -> bool:
    """Faults stop and the schedule is fair until nothing more can happen.

    Args:
        world: what heals.
        enough: whether what was seen already suffices; what comes after a broken promise is its
            consequence, and may be what no layer can show.

    Returns:
        False if the budget of moves ran out first.
    """
    world.relent()
    for _ in range(MOVES_MAX):
        moves = fair_moves(world)
        if moves:
            for move in moves:
                if enough():
                    return True
                world.do(move)
            continue
        due = awaited(world)
        if due is None:
            return True
        world.do(trace.Advance(max(0.0, due - world.now)))
    return False


def awaited(world: World) -> float | None:
    """When the next timer is due that can still change something; None if there is none.

    Health checks come round for ever, and so do the ages of workers; they are waited for only
    while something is unwell.
    """
    unwell = any(w.state is WorkerState.DEGRADED for w in world.core.workers.values())
    due = [at for timer, at in world.timers.items() if unwell or timer.kind not in _ROUND]
    return min(due, default=None)


def fair_moves(world: World) -> list[Command]:
    """One move for each worker that has one, in their order, and all that was diverted is run."""
    elsewhere = [trace.Divert(task) for task in world.diverted]
    return [
        move for body in world.active.values() if (move := fair_move(body)) is not None
    ] + elsewhere


def fair_move(body: Body) -> Command | None:
    """What is next for this worker where nothing goes wrong; None if there is nothing."""
    if body.condition is _STOPPED:
        return trace.Continue(body.number)
    if body.facts:
        return deliver(body.number)
    if body.openable and body.at_gate is not None:
        return open_gate(body.at_gate.number)
    return receive(body.number) if body.receptive else None


def moves_of(body: Body) -> Iterator[Command]:
    """All that any schedule may do with this worker next, if nothing new goes wrong."""
    if body.facts:
        yield deliver(body.number)
    if body.receptive:
        yield receive(body.number)
    if body.openable and body.at_gate is not None:
        yield open_gate(body.at_gate.number)
    if body.condition is _STOPPED:
        yield trace.Continue(body.number)


# The commands of a fair schedule come again and again; each is made, and checked, once.
deliver: Final = functools.lru_cache(1_000)(trace.Deliver)
receive: Final = functools.lru_cache(1_000)(trace.Receive)
open_gate: Final = functools.lru_cache(1_000)(trace.Open)


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
    text = "".join(f"{canonical_line(entry)}\n" for entry in log)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_line(entry: Any) -> str:
    """An entry of the event log as text, the same on every layer and every machine."""
    return _ENCODE(_canonical(entry))


_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_PLAIN: Final = frozenset({int, float, str, bool, type(None)})


@functools.cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """What of this class goes into the log; None if it is none of ours."""
    if not attrs.has(kind):
        return None
    return tuple(a.name for a in attrs.fields(kind) if a.name != "payload")


def _canonical(value: Any) -> Any:
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    names = _fields(kind)
    if names is not None:  # a class without a lasting name is not in NAMES, and fails here
        return [NAMES[kind], *[_canonical(getattr(value, name)) for name in names]]
    if isinstance(value, (tuple, list)):
        return [_canonical(item) for item in value]
    return value.value if isinstance(value, Enum) else value

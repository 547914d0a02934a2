"""The hunt: a Hypothesis machine is run until its budget is spent or a promise is broken."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from machines import garbage
from machines.drivers import Diverged, Layer
from machines.examples import Apart, owner_of
from machines.machine import PromiseBroken
from machines.parts import POOL, Parts
from machines.pool_machine import PoolMachine
from machines.run import Run, execute
from machines.trace import Trace
from machines.uniform import BACKEND
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from machines.machine import Machine
    from machines.run import Report
    from machines.tally import Tally
    from machines.trace import Setting
    from model.checker import Checker, Violation


BATCH_MAX: Final = 2_000
TURN: Final = 20
STEPS_FIRST: Final = 5  # of a machine that has a number of steps of its own
_SEEDS_APART: Final = 1_000_003  # so that the next seed does not repeat this one's turns


@frozen
class Finding:
    """A broken promise, and the trace that broke it."""

    violation: Violation
    trace: Trace


def hunt(
    layer: Layer,
    tally: Tally,
    budget: settings,
    *,
    machine: type[Machine] = PoolMachine,
    parts: Parts = POOL,
    seeded: int | None = None,
    promises: Iterable[type[Checker]] = PROMISES,
) -> list[Finding]:
    """The machine has run on this layer within its budget; what it found is returned.

    Args:
        layer: where.
        tally: counts what was done.
        budget: Hypothesis's settings.
        machine: which machine; everything at once unless given.
        parts: the pool, perhaps with a bug planted in it.
        seeded: fixes Hypothesis's choices; None leaves them to its own options.
        promises: what the runs are held against.

    Hypothesis remembers all that it tried, about 150 kB an example; so a large budget is spent in
    batches, each of which starts without memory and with a seed of its own.
    """
    if budget.database is not None:
        own_part = Apart(budget.database, owner_of(machine, layer, parts))
        budget = settings(budget, database=own_part)
    for batch, examples in enumerate(_batches(budget.max_examples)):
        own = 0 if seeded is None and budget.derandomize else seeded
        found = _hunt_once(
            layer,
            tally,
            settings(budget, max_examples=examples),
            machine=machine,
            parts=parts,
            seeded=None if own is None else own + batch,
            promises=promises,
        )
        if found:
            return found
    return []


def hunt_in_turn(
    layer: Layer,
    tally: Tally,
    budget: settings,
    machines: Sequence[type[Machine]],
    *,
    parts: Parts = POOL,
    seeded: int = 0,
    promises: Iterable[type[Checker]] = PROMISES,
) -> list[Finding]:
    """The machines have taken turns of a few examples each; what one of them found is returned.

    What one machine seldom comes to, another is made for; in turn they find it early. A machine of
    long examples begins with short ones, twice as long in each round: what shows in a short run
    is shrunk in a moment, and in a long one it is not.

    Args:
        layer: where.
        tally: counts what was done.
        budget: Hypothesis's settings; all machines share its examples.
        machines: who takes turns, in this order.
        parts: the pool, perhaps with a bug planted in it.
        seeded: fixes Hypothesis's choices.
        promises: what the runs are held against.
    """
    left = budget.max_examples
    for turn, machine in enumerate(itertools.cycle(machines)):
        if left <= 0:
            break
        mine = settings(
            budget,
            max_examples=min(left, TURN),
            stateful_step_count=_steps_of(machine, turn // len(machines), budget),
        )
        left -= TURN
        number = seeded + turn * _SEEDS_APART
        found = hunt(
            layer, tally, mine, machine=machine, parts=parts, seeded=number, promises=promises
        )
        if found:
            return found
    return []


def _steps_of(machine: type[Machine], round_: int, budget: settings) -> int:
    if machine.steps is None:
        return budget.stateful_step_count
    return min(machine.steps, STEPS_FIRST << round_)


def _batches(examples: int) -> Iterator[int]:
    while examples > 0:
        yield min(examples, BATCH_MAX)
        examples -= BATCH_MAX


def _hunt_once(
    layer: Layer,
    tally: Tally,
    budget: settings,
    *,
    machine: type[Machine],
    parts: Parts,
    seeded: int | None,
    promises: Iterable[type[Checker]],
) -> list[Finding]:
    def make() -> Machine:
        return machine(begin, done)

    def begin(setting: Setting) -> Run:
        tally.begun += 1
        return Run(setting, layer, parts, promises=promises)

    def done(run: Run, report: Report) -> None:
        tally.add(run, report)
        # A planted bug may live in what the simulation does not have; the pool itself may not.
        if layer is not Layer.SIM and parts == POOL and report.violation is None:
            simulated = execute(Trace(run.setting, tuple(run.steps)), promises=promises)
            if simulated.digest != report.digest:
                raise Diverged(f"{layer} and sim disagree on a run of {len(run.steps)} steps")

    if seeded is not None:
        seed(seeded)(make)
    made: Any = make  # Hypothesis takes any callable that makes a machine
    try:
        with garbage.set_aside():
            run_state_machine_as_test(made, settings=budget)
    except BaseExceptionGroup as group:
        found = [leaf for leaf in _leaves(group) if isinstance(leaf, PromiseBroken)]
        if not found:
            diverged = next((leaf for leaf in _leaves(group) if isinstance(leaf, Diverged)), None)
            raise diverged or group from None
        return [Finding(error.violation, error.trace) for error in found]
    except PromiseBroken as error:
        return [Finding(error.violation, error.trace)]
    return []


def budget_of(base: settings, layer: Layer, examples: int, steps: int) -> settings:
    """A profile's settings with a layer's share of its budget.

    Shrinking never happens on real processes: there the first failing run is taken as it is.
    """
    phases = [phase for phase in base.phases if phase is not Phase.explain]
    if layer is Layer.REAL:
        phases = [Phase.generate]
    return settings(
        base,
        max_examples=examples,
        stateful_step_count=steps,
        phases=phases,
        deadline=None,
        backend=BACKEND,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves

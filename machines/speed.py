"""Speed: how fast the explorers are, beside a bare Hypothesis machine in the same run.

What a machine costs is mostly Hypothesis, and how fast that is depends on the computer; so each
is measured against a machine of five trivial rules, round by round in turn, and the bars are
ratios. `python -m machines.speed` prints them; `poolcheck bench --machines` does too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from machines import garbage
from machines.bench.spread import Spread
from machines.burst import STEPS, BurstMachine
from machines.drivers import Layer
from machines.hunt import budget_of, hunt
from machines.pool_machine import PoolMachine
from machines.tally import Tally
from machines.walker import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machines.machine import Machine

EXAMPLES: Final = 100
RULES: Final = 50
BURSTS: Final = 20
WALKS: Final = 60
WALK_BYTES: Final = 480


class BareMachine(RuleBasedStateMachine):
    """Five trivial rules, as any stateful test has: what Hypothesis costs by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.steps = -1  # the invariant holds before the first step, too

    @initialize()
    def start(self) -> None:
        """There is nothing to start."""

    @rule(number=st.integers(0, 7))
    def push(self, number: int) -> None:
        """A number more."""
        self.numbers.append(number)

    @rule(number=st.integers(0, 7))
    def push_twice(self, number: int) -> None:
        """Two numbers more."""
        self.numbers += [number, number]

    @rule(which=st.integers(0, 7))
    def pop(self, which: int) -> None:
        """A number less."""
        if self.numbers:
            del self.numbers[which % len(self.numbers)]

    @rule()
    def turn(self) -> None:
        """The numbers are in the opposite order."""
        self.numbers.reverse()

    @rule()
    def clear(self) -> None:
        """No number is left."""
        self.numbers.clear()

    @invariant()
    def small(self) -> None:
        """What is always true."""
        self.steps += 1
        assert len(self.numbers) < 1_000  # noqa: S101 - an invariant of a stateful test


@frozen
class Pace:
    """How fast one explorer is, over several rounds.

    Attributes:
        name: what it is called.
        unit: what is counted.
        bar: what its ratio, or its rate, must reach; None for the bare machine.
        rates: so many a second of processor time, each round's.
        ratios: to the bare machine's rate in the same round; None where the bar is a rate.
    """

    name: str
    unit: str
    bar: float | None
    rates: Spread
    ratios: Spread | None

    @property
    def reached(self) -> bool:
        """Whether the median is not below the bar."""
        figure = self.rates if self.ratios is None else self.ratios
        return self.bar is None or figure.median >= self.bar

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "bar": self.bar,
            "reached": self.reached,
            "rates": self.rates.facts(),
            "ratios": None if self.ratios is None else self.ratios.facts(),
        }

    def line(self) -> str:
        """A row of the table."""
        rate = f"{self.rates.median:>10,.0f} {self.unit:<12}±{self.rates.percent:>3.0f} %"
        if self.ratios is None:
            ratio = f"{'':>16}"
        else:
            ratio = f"{self.ratios.median:>8.2f} ±{self.ratios.percent:>3.0f} %"
        if self.bar is None:
            return f"{self.name:<26}{rate}{ratio}".rstrip()
        bar = f"{self.bar:,.0f}/s" if self.ratios is None else f"{self.bar:g}"
        return f"{self.name:<26}{rate}{ratio}{bar:>12}  {'yes' if self.reached else 'NO'}"


def paces(rounds: int) -> tuple[Pace, ...]:
    """Every explorer was measured so many times in turn; how fast each is, is returned.

    Args:
        rounds: at least 1.
    """
    for measure in _MEASURES.values():  # what is only done once is not measured
        measure(0)
    rates: dict[str, list[float]] = {name: [] for name in _MEASURES}
    for at in range(1, rounds + 1):
        for name, measure in _MEASURES.items():
            rates[name].append(measure(at))
    return tuple(_paces(rates))


def _paces(rates: dict[str, list[float]]) -> Iterator[Pace]:
    bare = rates[BARE]
    for name, (unit, bar, against) in _BARS.items():
        ratios = None
        if against is not None:
            ratios = Spread(tuple(own / it for own, it in zip(rates[name], bare, strict=True)))
        yield Pace(name, unit, bar, Spread(tuple(rates[name])), ratios)


def _rate(work: Callable[[], int]) -> float:
    began = time.process_time()
    done = work()
    return done / (time.process_time() - began)


def _bare(_: int) -> float:
    """With everything as Hypothesis comes, but for the shrinking, of which there is none."""
    usual = settings(
        database=None,
        phases=[Phase.generate],
        max_examples=EXAMPLES,
        stateful_step_count=RULES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return _rate_of_bare(usual)


def _bare_uniform(_: int) -> float:
    return _rate_of_bare(_settings(EXAMPLES, RULES))


def _rate_of_bare(budget: settings) -> float:
    steps = 0

    class Counted(BareMachine):
        def teardown(self) -> None:
            nonlocal steps
            steps += self.steps

    def work() -> int:
        run_state_machine_as_test(Counted, settings=budget)
        return steps

    return _rate(work)


def _readable(seeded: int) -> float:
    """Its rules, not the commands that they carry out, which are more."""

    def work() -> int:
        return _hunted(PoolMachine, EXAMPLES, RULES, seeded).examples * RULES

    return _rate(work)


def _burst(seeded: int) -> float:
    def work() -> int:
        return _hunted(BurstMachine, BURSTS, STEPS, seeded).steps

    return _rate(work)


def _walker(seeded: int) -> float:
    def work() -> int:
        first = seeded * WALKS
        with garbage.set_aside():
            seeds = range(first, first + WALKS)
            return sum(walk(seed, length=WALK_BYTES)[1].events for seed in seeds)

    return _rate(work)


def _hunted(machine: type[Machine], examples: int, steps: int, seeded: int) -> Tally:
    tally = Tally()
    budget = _settings(examples, steps)
    found = hunt(Layer.SIM, tally, budget, machine=machine, seeded=seeded)
    if found:
        raise click.ClickException(f"{found[0].violation.promise} is broken: no time to measure")
    return tally


def _settings(examples: int, steps: int) -> settings:
    base = settings(database=None, phases=[Phase.generate])
    return budget_of(base, Layer.SIM, examples, steps)


BARE: Final = "bare Hypothesis machine"
_UNIFORM: Final = "the same, our choices"
_READABLE: Final = "readable machine, sim"
_BURST: Final = "burst machine, sim"
_WALKER: Final = "walker, sim"
_MEASURES: Final[dict[str, Callable[[int], float]]] = {
    BARE: _bare,
    _UNIFORM: _bare_uniform,
    _READABLE: _readable,
    _BURST: _burst,
    _WALKER: _walker,
}
# The unit, the bar, and whom it is measured against.
_BARS: Final[dict[str, tuple[str, float | None, str | None]]] = {
    BARE: ("steps/s", None, None),
    _UNIFORM: ("steps/s", None, BARE),
    _READABLE: ("steps/s", 0.5, BARE),
    _BURST: ("steps/s", 4.0, BARE),
    _WALKER: ("events/s", 30_000.0, None),
}


def table(measured: tuple[Pace, ...]) -> Iterator[str]:
    """The lines of the table."""
    yield f"{'explorer':<26}{'rate':>10}{'':<19}{'to bare':>9}{'bar':>19}  reached"
    for pace in measured:
        yield pace.line()


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def main(rounds: int) -> None:
    """How fast each explorer is."""
    measured = paces(rounds)
    click.echo("\n".join(table(measured)))
    if not all(pace.reached for pace in measured):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

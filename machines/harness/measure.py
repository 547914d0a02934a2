"""What the harness costs, measured here and now: `python -m machines.harness.measure`.

Everything is measured by turns with what it is compared to, in one run, so that what else the
machine does disturbs both.
"""

from __future__ import annotations

import functools
import os
import random
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

import click
from attrs import frozen

from machines.bench.percentile import percentile
from machines.harness.isolation import isolated
from machines.harness.monitor import start_pool_monitor
from machines.harness.performance import compare_pairs
from machines.harness.together import synchronize
from pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from machines.harness.performance import Comparison

ISOLATION_MAX: Final = 1.5
THROUGHPUT_MIN: Final = 0.97
OPERATIONS: Final = 64
_SPIN_S: Final = 0.001


@frozen
class Spreads:
    """How far apart operations start that are started together.

    Attributes:
        seconds: between the first and the last start, in each round.
        wrong: rounds in which a result was lost, or not in its place.
    """

    seconds: tuple[float, ...]
    wrong: int

    def __str__(self) -> str:
        median = statistics.median(self.seconds) * 1e3
        late, most = percentile(self.seconds, 99) * 1e3, max(self.seconds) * 1e3
        spread = f"median {median:.2f} ms, 99 % below {late:.2f} ms, at most {most:.2f} ms"
        times = f"spread of {OPERATIONS} starts, {len(self.seconds)} times"
        return f"{times}: {spread}; {self.wrong} wrong"


def isolation_cost(layer: str, rounds: int) -> Comparison:
    """An isolated instance of two workers, from start to verified clean, and a bare executor.

    Args:
        layer: `real` or `free`.
        rounds: so many of each, by turns.
    """
    taken = _by_turns(_bare, functools.partial(_isolate, layer), rounds)
    return compare_pairs(*taken, what=f"isolation on {layer} to a bare start and stop")


def monitoring_cost(work: str, rounds: int) -> Comparison:
    """The throughput of a pool that is monitored, and that of the same pool when it is not.

    Args:
        work: `nothing`, tasks that do nothing; or `spin`, tasks that compute for a millisecond.
        rounds: so many of each, by turns.
    """
    with Pool(size=2) as pool:
        call, tasks = _WORK[work]

        def alone() -> float:
            _run(pool, call, tasks // 10)
            return _run(pool, call, tasks)

        def monitored() -> float:
            with start_pool_monitor(pool):
                _run(pool, call, tasks // 10)  # its start is over, and it is in its stride
                return _run(pool, call, tasks)

        seconds = _by_turns(alone, monitored, rounds)
    rates = [[1.0 / taken for taken in each] for each in seconds]
    return compare_pairs(*rates, what=f"throughput of {work} with the monitor to without")


def spreads(rounds: int) -> Spreads:
    """Operations have been started together so many times."""
    names = [f"{number:02}" for number in range(OPERATIONS)]
    seconds, wrong = [], 0
    for _ in range(rounds):
        together = synchronize({name: functools.partial(str, name) for name in names})
        wrong += together.results() != names or list(together) != names
        seconds.append(together.spread)
    return Spreads(tuple(seconds), wrong)


@click.command()
@click.option("--rounds", default=40, show_default=True, help="of each measurement")
def main(rounds: int) -> None:
    """Measure what isolation, synchronisation and monitoring cost, and hold it against the bars."""
    missed = False
    for layer in ("real", "free"):
        cost = isolation_cost(layer, rounds)
        missed |= _say(cost, holds=cost.high <= ISOLATION_MAX, bar=f"at most {ISOLATION_MAX:g}")
    spread = spreads(25 * rounds)
    missed |= _say(spread, holds=not spread.wrong, bar="none wrong")
    for work in ("nothing", "spin"):
        cost = monitoring_cost(work, rounds)
        bar = f"at least {THROUGHPUT_MIN:g}"
        missed |= _say(cost, holds=cost.low >= THROUGHPUT_MIN, bar=bar)
    sys.exit(1 if missed else 0)


def _say(figure: object, *, holds: bool, bar: str) -> bool:
    click.echo(f"{'holds' if holds else 'MISSED'} ({bar})  {figure}")
    return not holds


def _by_turns(
    one: Callable[[], float], other: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """How many seconds each took, in each round, where chance says which of them is first."""
    both = (one, other)
    for call in reversed(both):  # what is done once is done by now
        call()
    taken: tuple[list[float], list[float]] = ([], [])
    chance = random.Random(0)  # noqa: S311 - nothing is secret
    for _ in range(rounds):
        for which in chance.sample((0, 1), 2):
            taken[which].append(both[which]())
    return taken


def _isolate(layer: str) -> float:
    """Seconds from the start of an instance until it is verified clean."""
    began = time.perf_counter()
    with isolated(layer, {"size": 2}):
        pass
    return time.perf_counter() - began


def _bare() -> float:
    """Seconds until two workers of the standard executor have started, answered, and ended."""
    began = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as executor:
        for future in [executor.submit(os.getpid) for _ in range(2)]:
            future.result()
    return time.perf_counter() - began


def _run(pool: Pool, work: Callable[[], None], tasks: int) -> float:
    """Seconds until so many tasks are done."""
    began = time.perf_counter()
    for future in [pool.submit(work) for _ in range(tasks)]:
        future.result()
    return time.perf_counter() - began


def _nothing() -> None:
    """What costs a pool most for what it gets."""


def _spin() -> None:
    until = time.perf_counter() + _SPIN_S
    while time.perf_counter() < until:
        pass


# What tasks do, and how many make a round: enough for the monitor to take samples meanwhile.
_WORK: Final[dict[str, tuple[Callable[[], None], int]]] = {
    "nothing": (_nothing, 24_000),
    "spin": (_spin, 2_400),
}


if __name__ == "__main__":
    main()

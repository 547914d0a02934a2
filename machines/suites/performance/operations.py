"""Measuring one pool: throughput with its resources, and the distribution of latency."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil
from attrs import frozen

from machines.bench.spread import Spread
from machines.bench.trial import WINDOW, rate
from machines.bench.work import noop
from machines.harness.ready import worker_pids
from machines.suites.warmup import adapted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

PERCENTS: Final = (50.0, 90.0, 99.0, 99.9, 100.0)
_CURVE: Final = (*map(float, range(0, 100, 5)), 96.0, 97.0, 98.0, 99.0, 99.5, 99.9, 100.0)


@frozen
class Benchmark:
    """What so many operations took.

    Attributes:
        count: how many.
        seconds: from the first submit to the last answer.
        client_us: microseconds of processor time of this process for each.
        workers_us: of all workers together, for each.
        client_bytes: resident memory of this process at the end.
        workers_bytes: of all workers together.
        switches: how often a worker was put aside or gave way, for each operation.
    """

    count: int
    seconds: float
    client_us: float
    workers_us: float
    client_bytes: int
    workers_bytes: int
    switches: float

    @property
    def per_s(self) -> float:
        """Operations a second."""
        return self.count / self.seconds

    def facts(self) -> dict[str, float]:
        """What a report in JSON says of it."""
        return {
            "count": self.count,
            "per_s": round(self.per_s, 1),
            "client_us": round(self.client_us, 2),
            "workers_us": round(self.workers_us, 2),
            "client_bytes": self.client_bytes,
            "workers_bytes": self.workers_bytes,
            "switches": round(self.switches, 3),
        }


@frozen
class Distribution:
    """How long operations took.

    Attributes:
        seconds: of each, in the order in which they were made.
    """

    seconds: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        """So many percent took no longer, in seconds."""
        return calculate_percentiles(self.seconds, (percent,))[percent]

    def curve(self) -> list[list[float]]:
        """Percent, and milliseconds that so many percent do not exceed."""
        found = calculate_percentiles(self.seconds, _CURVE)
        return [[percent, round(1e3 * taken, 4)] for percent, taken in found.items()]

    def facts(self) -> dict[str, Any]:
        """What a report in JSON says of it."""
        found = calculate_percentiles(self.seconds)
        named = {f"p{percent:g}_us": round(1e6 * taken, 2) for percent, taken in found.items()}
        return {"count": len(self.seconds), **named}


def calculate_percentiles(
    values: Sequence[float], percents: Sequence[float] = PERCENTS
) -> dict[float, float]:
    """For each percentage the smallest value that so many percent of all do not exceed.

    Args:
        values: at least one, in any order.
        percents: from 0 to 100.

    Raises:
        ValueError: there are no values, or there is no such percentage.
    """
    wrong = [percent for percent in percents if not 0 <= percent <= 100]
    if wrong or not len(values):
        raise ValueError(f"no percentile {wrong or list(percents)} of {len(values)} values")
    found = np.percentile(np.asarray(values), percents, method="inverted_cdf")
    return {percent: float(value) for percent, value in zip(percents, found, strict=True)}


def aggregate_rounds(rounds: Iterable[Mapping[str, float]]) -> dict[str, Spread]:
    """Of each figure that every round has: the median, and what lies around it.

    Args:
        rounds: the figures of each, by name.

    Raises:
        ValueError: there is no round.
    """
    known = list(rounds)
    if not known:
        raise ValueError("no rounds to aggregate; at least one is needed")
    names = [name for name in known[0] if all(name in one for one in known)]
    return {name: Spread(tuple(one[name] for one in known)) for name in names}


def benchmark_pool_operations(
    pool: Executor,
    operation: Callable[..., Any] = noop,
    *args: Any,
    count: int = 5_000,
    window: int = WINDOW,
) -> Benchmark:
    """So many operations were answered, always so many of them outstanding.

    Args:
        pool: any executor whose workers are known; see `machines.harness.worker_pids`.
        operation: what is submitted.
        *args: its arguments.
        count: how many.
        window: how many are outstanding.
    """
    workers = [psutil.Process(pid) for pid in worker_pids(pool)]
    before, own = _used(workers), time.process_time()
    began = time.perf_counter()
    rate(adapted_of(pool), operation, args, count, window)
    seconds = time.perf_counter() - began
    spent, (used, switched) = time.process_time() - own, _used(workers)
    return Benchmark(
        count,
        seconds,
        1e6 * spent / count,
        1e6 * (used - before[0]) / count,
        psutil.Process().memory_info().rss,
        sum(worker.memory_info().rss for worker in workers),
        (switched - before[1]) / count,
    )


def measure_latency_distribution(
    pool: Executor, operation: Callable[..., Any] = noop, *args: Any, count: int = 2_000
) -> Distribution:
    """So many operations were answered, one after the other.

    Args:
        pool: any executor.
        operation: what is submitted.
        *args: its arguments.
        count: how many.
    """
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        pool.submit(operation, *args).result()
        taken.append(time.perf_counter() - began)
    return Distribution(tuple(taken))


def _used(workers: Sequence[psutil.Process]) -> tuple[float, int]:
    """Seconds of processor time that all have used, and how often they were switched."""
    times = [worker.cpu_times() for worker in workers]
    switches = [worker.num_ctx_switches() for worker in workers]
    return sum(one.user + one.system for one in times), sum(map(sum, switches))

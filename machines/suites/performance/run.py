"""One performance run: rounds of a calibration and measures, each on a fresh pool."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.bench.work import echo, noop
from machines.harness import ensure_pool_ready, isolated
from machines.suites.calibration import bare_rate, calibrate, mean_of
from machines.suites.performance.operations import (
    aggregate_rounds,
    benchmark_pool_operations,
    measure_latency_distribution,
)
from machines.suites.warmup import warmup_pool
from machines.suites.work import compute
from pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from machines.bench.spread import Spread
    from machines.suites.calibration import Calibration
    from machines.suites.performance.operations import Distribution
    from machines.suites.settings import LayerSettings

WORKERS: Final = tuple(range(1, 9))
PAYLOADS: Final = (0, 1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 24)
PAYLOAD_WINDOW: Final = 8
STARTS: Final = 5
# So many bytes are echoed of each size, but not fewer than so many echoes.
_BYTES: Final = 1 << 25
_ECHOES_MIN: Final = 8


@frozen
class Amount:
    """How much is measured.

    Attributes:
        rounds: how often.
        calls: no-ops of a throughput; other amounts follow from it.
        workers: sizes of pools.
        payloads: bytes of an echo.
    """

    rounds: int = 5
    calls: int = 5_000
    workers: tuple[int, ...] = WORKERS
    payloads: tuple[int, ...] = PAYLOADS


@frozen
class Performance:
    """What a run measured.

    Attributes:
        calibrations: of each round.
        figures: of each round, in their own units.
        ratios: the same, as multiples of what the round's calibration took; lower is better.
        resources: of each round's throughput.
        distribution: of the latency of a no-op in the last round.
        workers: by a pool's size, of each round: no-ops and computations a second, and what so many
            processes compute without a pool.
        payload: by an echo's bytes, of each round: echoes a second.
    """

    calibrations: tuple[Calibration, ...]
    figures: Mapping[str, Spread]
    ratios: Mapping[str, Spread]
    resources: tuple[Mapping[str, float], ...]
    distribution: Distribution
    workers: Mapping[int, Mapping[str, Spread]]
    payload: Mapping[int, Mapping[str, Spread]]


def measure(
    settings: LayerSettings, amount: Amount, after_each: Callable[[], None] = lambda: None
) -> Performance:
    """Everything was measured, so many times.

    Args:
        settings: of the layer `free`.
        amount: how much.
        after_each: called after each round, for progress.
    """
    calibrations, figures, ratios, resources = [], [], [], []
    workers: dict[int, list[dict[str, float]]] = {size: [] for size in amount.workers}
    payload: dict[int, list[dict[str, float]]] = {size: [] for size in amount.payloads}
    for _ in range(amount.rounds):
        calibration = calibrate()
        found, used, distribution = _round(settings, amount.calls)
        both = mean_of(calibration, calibrate())
        calibrations.append(both)
        figures.append(found)
        ratios.append(ratios_of(found, both))
        resources.append(used)
        for size in amount.workers:
            workers[size].append(_of_workers(settings, size, amount.calls))
        for size, echoes in _of_payloads(settings, amount).items():
            payload[size].append(echoes)
        after_each()
    return Performance(
        tuple(calibrations),
        aggregate_rounds(figures),
        aggregate_rounds(ratios),
        tuple(resources),
        distribution,
        {size: aggregate_rounds(rounds) for size, rounds in workers.items()},
        {size: aggregate_rounds(rounds) for size, rounds in payload.items()},
    )


def ratios_of(figures: Mapping[str, float], calibration: Calibration) -> dict[str, float]:
    """The figures as multiples of what the calibration took; lower is better.

    Args:
        figures: of one round.
        calibration: of the same round.
    """
    return {
        "latency_p50": figures["latency_p50_us"] / calibration.loop_us,
        "noop": 1e6 / figures["noop_per_s"] / calibration.compute_us,
        "echo_1k": 1e6 / figures["echo_1k_per_s"] / calibration.compute_us,
        "start": 1e3 * figures["start_ms"] / calibration.compute_us,
    }


def _round(
    settings: LayerSettings, calls: int
) -> tuple[dict[str, float], dict[str, float], Distribution]:
    samples = max(calls // 5, 10)
    start_s = _start(settings.size)
    with _pool(settings, settings.size) as instance:
        pool = instance.pool
        distribution = measure_latency_distribution(pool, count=samples)
        noops = benchmark_pool_operations(pool, count=calls)
        echoes = benchmark_pool_operations(pool, echo, os.urandom(1 << 10), count=calls)
    figures = {
        "latency_p50_us": 1e6 * distribution.percentile(50),
        "latency_p99_us": 1e6 * distribution.percentile(99),
        "noop_per_s": noops.per_s,
        "echo_1k_per_s": echoes.per_s,
        "start_ms": 1e3 * start_s,
    }
    return figures, noops.facts(), distribution


def _start(size: int) -> float:
    """Seconds to make a pool, have an answer of a ready one, and end it."""
    taken = []
    for _ in range(1 + STARTS):  # the first one starts the forkserver
        began = time.perf_counter()
        with Pool(size=size) as pool:
            ensure_pool_ready(pool, size)
            pool.submit(noop).result()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def _of_workers(settings: LayerSettings, size: int, calls: int) -> dict[str, float]:
    heavy = max(calls // 5, 10)
    bare = bare_rate(size, heavy)
    with _pool(settings, size) as instance:
        noops = benchmark_pool_operations(instance.pool, noop, count=calls)
        found = benchmark_pool_operations(instance.pool, compute, 1, count=heavy)
    return {"noop_per_s": noops.per_s, "compute_per_s": found.per_s, "bare_per_s": bare}


def _of_payloads(settings: LayerSettings, amount: Amount) -> dict[int, dict[str, float]]:
    found = {}
    with _pool(settings, settings.size) as instance:
        for size in amount.payloads:
            most = min(amount.calls // 5, _BYTES // max(size, 1))
            count = max(most, _ECHOES_MIN)
            data = os.urandom(size)
            done = benchmark_pool_operations(
                instance.pool, echo, data, count=count, window=PAYLOAD_WINDOW
            )
            found[size] = {"per_s": done.per_s, "mib_per_s": done.per_s * size / (1 << 20)}
    return found


class _pool:  # noqa: N801 - used as a function
    """A warm pool of this size for a block."""

    def __init__(self, settings: LayerSettings, size: int) -> None:
        wanted = settings.isolation()
        self._size = size
        self._isolated = isolated(**{**wanted, "pool_config": {"size": size}})

    def __enter__(self) -> Any:
        instance = self._isolated.__enter__()
        warmup_pool(instance.pool, self._size)
        return instance

    def __exit__(self, *error: Any) -> None:
        self._isolated.__exit__(*error)

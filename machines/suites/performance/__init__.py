"""Performance: what a pool's operations cost, how that spreads, and whether it was less before.

`from machines.suites.performance import warmup_pool, benchmark_pool_operations, …`
"""

from machines.suites.performance.operations import (
    Benchmark,
    Distribution,
    aggregate_rounds,
    benchmark_pool_operations,
    calculate_percentiles,
    measure_latency_distribution,
)
from machines.suites.warmup import warmup_pool

__all__ = [
    "Benchmark",
    "Distribution",
    "aggregate_rounds",
    "benchmark_pool_operations",
    "calculate_percentiles",
    "measure_latency_distribution",
    "warmup_pool",
]

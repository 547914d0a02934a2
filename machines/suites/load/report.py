"""The report of a load: its facts as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from machines.suites import where
from machines.suites.demand import VERDICTS, all_met
from machines.suites.load import figures, verdict
from machines.suites.load.arrivals import seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from machines.suites.demand import Demand
    from machines.suites.load.run import LoadRun
    from machines.suites.settings import Settings

BINS: Final = 300


def facts(run: LoadRun, demands: Sequence[Demand], settings: Settings) -> dict[str, Any]:
    """Everything that is known of the run.

    Args:
        run: a finished run.
        demands: what was demanded of it.
        settings: by which it was made.
    """
    client, free = run.client, settings.on("free")
    taken = figures.latencies(client)
    long = max(seconds_of(run.shape.phases) if not run.steps else float(client.dues[-1]), 0.1)
    return {
        "suite": "load",
        "shape": run.shape.name,
        "words": run.shape.words,
        **where.facts(settings),
        "pool": {"size": free.size, "max_overflow": free.max_overflow},
        "operations": len(client.dues),
        "seconds": round(long, 3),
        "endings": figures.endings(client),
        "latency": figures.percentiles(taken),
        "distribution": figures.curve(taken),
        "client": figures.cost_of(client),
        "resources": resources(run),
        "steps": list(run.steps),
        "broke": run.broke,
        "breaking_per_s": verdict.breaking_point(run),
        "p99_held_until_per_s": verdict.in_time_until(run, free.threshold("sustained_p99_ms")),
        "kills": [
            {**attrs.asdict(kill), "normal_s": verdict.recovered(run, kill.at, free)}
            for kill in run.kills
        ],
        "series": figures.series(client, max(long / BINS, 0.1)),
        "pool_series": [_sample(one) for one in run.samples],
        "demands": [one.facts() for one in demands],
        "verdict": VERDICTS[all_met(demands)],
    }


def resources(run: LoadRun) -> dict[str, Any]:
    """What the workers used, and how much of the time they were busy."""
    memory = [sum(one.memory.values()) for one in run.samples]
    processor = run.samples[-1].processor if run.samples else {}
    used = sum(processor.values())
    return {
        "workers_memory_bytes_max": max(memory, default=0),
        "workers_processor_s": round(used, 3),
        "utilisation_mean": round(float(np.mean([one.utilisation for one in run.samples])), 4),
        "queue_max": max((one.queue for one in run.samples), default=0),
        "restarted": run.stats.restarted,
        "retried": run.stats.retried,
    }


def _sample(one: Any) -> dict[str, Any]:
    return {
        "at": round(one.at, 3),
        "queue": one.queue,
        "running": one.running,
        "workers": one.workers,
        "utilisation": round(one.utilisation, 3),
        "memory_bytes": sum(one.memory.values()),
    }

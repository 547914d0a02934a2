"""The report of a chaos run: its facts as plain data, and one picture."""

from __future__ import annotations

import math
import os
import platform
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from machines.suites.chaos import demands, truth

if TYPE_CHECKING:
    from pathlib import Path

    from machines.suites.chaos.demands import Demand
    from machines.suites.chaos.run import ChaosRun
    from machines.suites.settings import Settings

_BIN_S: Final = 0.25
_MARKS_SHOWN: Final = 60


def facts(run: ChaosRun, found: list[Demand], settings: Settings) -> dict[str, Any]:
    """Everything that the report says.

    Args:
        run: a finished run.
        found: what was demanded of it.
        settings: the suites' configuration.
    """
    told = {True: "met", False: "missed", None: "unknown"}
    return {
        "suite": "chaos",
        "scenario": run.scenario.name,
        "words": run.scenario.words,
        "seed": run.seed,
        "seconds": round(run.arena.marks[-1].at, 3),
        "machine": {
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "pool": {"size": run.scenario.size, **run.scenario.settings},
        "rate": run.scenario.rate,
        "overrides": settings.facts(),
        "tasks": len(run.ledger.tasks()),
        "endings": truth.endings(run.ledger),
        "refused": dict(sorted(run.ledger.refused.items())),
        "struck": dict(sorted(run.arena.struck.items())),
        "restarted": run.peace.stats.restarted,
        "retried": run.peace.stats.retried,
        "demands": [
            {**attrs.asdict(one), "figure": _number(one.figure), "met": told[one.met]}
            for one in found
        ],
        "verdict": {True: "holds", False: "violated", None: "unknown"}[demands.verdict(found)],
        "strength_s": [_number(round(one, 4)) for one in run.arena.strengths],
        "recovery": _recovery(run, settings),
        "marks": [{"at": round(mark.at, 3), "words": mark.words} for mark in run.arena.marks],
        "series": timeline(run),
        "parent_bytes": run.memory,
    }


def _recovery(run: ChaosRun, settings: Settings) -> list[dict[str, float]]:
    """After each kill what p99 was normal, and when it was so again."""
    if run.scenario.name != "kill":
        return []
    return [
        {"normal_ms": round(1000 * normal, 3), "after_s": round(after, 3)}
        for normal, after in demands.recoveries_of(run, settings.on("free"))
    ]


def _number(figure: float) -> float | None:
    """The figure, if JSON can say it."""
    return figure if math.isfinite(figure) else None


def timeline(run: ChaosRun) -> list[dict[str, float]]:
    """What was answered in each quarter of a second, and how late.

    `at` is seconds since the run began; `rate` answers a second; `p50_ms` and `p99_ms` of the short
    tasks that were due then, from their intended start.
    """
    tasks = run.ledger.tasks()
    ended = tasks["ended"] - run.arena.began
    due, took = demands.short_of(run)
    took = 1000 * took
    found: list[dict[str, float]] = []
    for at in np.arange(0.0, float(ended.max(initial=0.0)), _BIN_S):
        inside = took[(due >= at) & (due < at + _BIN_S)]
        answers = int(((ended >= at) & (ended < at + _BIN_S)).sum())
        found.append(
            {
                "at": float(at),
                "rate": answers / _BIN_S,
                "p50_ms": round(float(np.percentile(inside, 50)), 3) if len(inside) else 0.0,
                "p99_ms": round(float(np.percentile(inside, 99)), 3) if len(inside) else 0.0,
            }
        )
    return found


def draw(run: ChaosRun, path: Path) -> None:
    """The picture is in the file: answers a second, lateness and workers, the blows marked.

    Args:
        run: a finished run.
        path: a `.png` or `.svg`.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - only whoever draws needs it

    series = timeline(run)
    at = [one["at"] for one in series]
    figure = Figure(figsize=(11, 7), layout="constrained")
    rates, lates, lives = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    rates.step(at, [one["rate"] for one in series], where="post", color="tab:blue")
    rates.axhline(run.scenario.rate, color="grey", linestyle=":", label="offered")
    rates.set_ylabel("answers a second")
    rates.legend(loc="lower right")
    lates.plot(at, [max(one["p50_ms"], 0.01) for one in series], color="tab:green", label="p50")
    lates.plot(at, [max(one["p99_ms"], 0.01) for one in series], color="tab:red", label="p99")
    lates.set_yscale("log")
    lates.set_ylabel("ms from the intended start")
    lates.legend(loc="upper right")
    seen = [
        (0.0, run.scenario.size),
        *run.arena.readiness,
        (at[-1] if at else 0.0, run.scenario.size),
    ]
    lives.step(
        [when for when, _ in seen], [ready for _, ready in seen], where="post", color="tab:purple"
    )
    lives.axhline(run.scenario.size, color="grey", linestyle=":")
    lives.set_ylabel("ready workers, after blows")
    lives.set_xlabel("seconds")
    for mark in run.arena.marks[:: max(1, len(run.arena.marks) // _MARKS_SHOWN)]:
        for axes in (rates, lates, lives):
            axes.axvline(mark.at, color="black", alpha=0.25, linewidth=0.8)
    figure.suptitle(f"{run.scenario.name}: {run.scenario.words} (seed {run.seed}); lines: blows")
    figure.savefig(path)

"""The verdict on a load: what is demanded of it, by the configuration's thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.suites.demand import Demand, Sense
from machines.suites.load import figures
from machines.suites.load.client import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.suites.load.run import LoadRun
    from machines.suites.settings import LayerSettings

_BAD: Final = (Ending.WRONG, Ending.FAILED, Ending.REFUSED, Ending.UNANSWERED)
WINDOW_S: Final = 0.25


def demands(run: LoadRun, settings: LayerSettings) -> list[Demand]:
    """What is demanded of the run, and whether it is so.

    Args:
        run: a finished run.
        settings: whose thresholds are demanded.
    """
    found = list(_of_all(run, settings))
    own = {
        "sustained": _of_sustained,
        "ramp": _of_ramp,
        "errors": _of_errors,
    }.get(run.shape.name)
    return found + (list(own(run, settings)) if own is not None else [])


def breaking_point(run: LoadRun) -> float | None:
    """The highest rate that the pool kept up with, in operations a second; None if there is none.

    Args:
        run: of a ramp.
    """
    return max((step["offered_per_s"] for step in run.steps if step["kept_up"]), default=None)


def in_time_until(run: LoadRun, bar_ms: float) -> float | None:
    """The highest rate up to which every step's p99 was below the bar.

    Args:
        run: of a ramp.
        bar_ms: the bar.
    """
    best = None
    for step in run.steps:
        if not (step["kept_up"] and step["p99_ms"] < bar_ms):
            break
        best = float(step["offered_per_s"])
    return best


def _of_all(run: LoadRun, settings: LayerSettings) -> Iterator[Demand]:
    codes = run.client.endings
    count = max(len(codes), 1)
    bar = settings.thresholds["failed_percent"]
    bad = 100.0 * sum(codes.count(one) for one in _BAD) / count
    yield Demand("operations that failed", bad, Sense.AT_MOST, bar.value, "%", bar.source)
    wrong = float(codes.count(Ending.WRONG))
    yield Demand("wrong answers", wrong, Sense.AT_MOST, 0, "operations", "S2, S5, S6")
    yield Demand("unanswered", float(run.unanswered), Sense.AT_MOST, 0, "operations", "L1")


def _of_sustained(run: LoadRun, settings: LayerSettings) -> Iterator[Demand]:
    limits = settings.thresholds
    phase = run.shape.phases[0]
    offered = len(run.client.dues) / phase.seconds
    name = limits["sustained_per_s"]
    yield Demand("rate", offered, Sense.AT_LEAST, name.value, "operations/s", name.source)
    if run.shape.in_full:
        long = limits["sustained_s"]
        yield Demand("time", phase.seconds, Sense.AT_LEAST, long.value, "s", long.source)
    found = figures.percentiles(figures.latencies(run.client))
    for percent in ("p50", "p99"):
        bar = limits[f"sustained_{percent}_ms"]
        figure = found[f"{percent}_ms"]
        yield Demand(percent, figure, Sense.BELOW, bar.value, "ms", bar.source)


def _of_ramp(run: LoadRun, settings: LayerSettings) -> Iterator[Demand]:
    bar = settings.thresholds["breaking_per_s"]
    figure = breaking_point(run)
    yield Demand("breaking point", figure, Sense.AT_LEAST, bar.value, "no-ops/s", bar.source)


def _of_errors(run: LoadRun, settings: LayerSettings) -> Iterator[Demand]:
    strength = settings.thresholds["kill_strength_s"]
    slowest = max((kill.strength_s for kill in run.kills), default=None)
    name = "full strength again after a kill"
    yield Demand(name, slowest, Sense.AT_MOST, strength.value, "s", strength.source)
    normal = settings.thresholds["kill_normal_s"]
    # Of a kill shortly before the end it cannot be told.
    ended = run.shape.phases[-1].seconds
    early = [kill.at for kill in run.kills if kill.at < ended - normal.value - 2 * WINDOW_S]
    if early:
        found = ((at, recovered(run, at, settings)) for at in early)
        figure = max(ended - at if one is None else one for at, one in found)
        name = "p99 normal again after a kill"
        yield Demand(name, figure, Sense.AT_MOST, normal.value, "s", normal.source)
    lost = float(run.client.endings.count(Ending.LOST))
    kills = float(len(run.kills))
    source = "S3, S4: a death loses what its worker ran, no more"
    yield Demand("lost with a worker", lost, Sense.AT_MOST, kills, "operations", source)


def recovered(run: LoadRun, at: float, settings: LayerSettings) -> float | None:
    """Seconds from that moment on until p99 is below what is demanded of a quiet pool.

    Args:
        run: a finished run.
        at: seconds of the run.
        settings: whose thresholds are demanded.
    """
    bar = settings.threshold("sustained_p99_ms")
    return figures.normal_again(run.client, at, bar, WINDOW_S)

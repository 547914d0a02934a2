"""Demands: what must be so after chaos, each with where its bar comes from.

No bar comes from what was once observed. Each is demanded by issue 8, by the design, or follows
from the run itself, as its `source` says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen

from machines.suites.chaos.blows import STEP_BYTES
from machines.suites.chaos.ledger import Told
from machines.suites.chaos.truth import FAIL, SHORT, lost_on, untruths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machines.suites.chaos.run import ChaosRun
    from machines.suites.settings import LayerSettings

STRENGTH: Final = "kill_strength_s"
NORMAL: Final = "kill_normal_s"
P99: Final = "sustained_p99_ms"
_WINDOW_S: Final = 1.0
_STRIDE_S: Final = 0.05
_SHOWN_MAX: Final = 5
# Of fewer moments it cannot be told whether memory grows.
_MOMENTS_MIN: Final = 8
# What is kept of a task is at least its pickled call: a path, three numbers and two names.
_CALL_BYTES: Final = 100


@frozen
class Demand:
    """One thing that must be so.

    Attributes:
        name: what is demanded, in a few words.
        figure: what was seen.
        bar: what it may be at most, or must be.
        unit: of both.
        met: whether it is so; None where nothing is known.
        source: where the bar comes from.
        words: more of what was seen.
    """

    name: str
    figure: float
    bar: float
    unit: str
    met: bool | None
    source: str
    words: str = ""


def demands(run: ChaosRun, settings: LayerSettings) -> list[Demand]:
    """What must be so after this run, and whether it is.

    Args:
        run: a finished run.
        settings: the suites' configuration on `free`, with the thresholds.

    Raises:
        SettingsError: a threshold is missing there.
    """
    found = list(_of_all(run))
    if run.scenario.name in _OWN:
        found += _OWN[run.scenario.name](run, settings)
    return found


def verdict(found: list[Demand]) -> bool | None:
    """Whether all are met; None if none is missed, and of some nothing is known."""
    if any(one.met is False for one in found):
        return False
    return None if any(one.met is None for one in found) else True


def _at_most(
    name: str, figure: float, bar: float, unit: str, source: str, words: str = ""
) -> Demand:
    return Demand(name, figure, bar, unit, figure <= bar, source, words)


def _of_all(run: ChaosRun) -> Iterator[Demand]:
    """What is demanded after each kind of chaos."""
    starved = run.arena.struck["starved of memory"] > 0
    wrong = list(untruths(run.ledger, run.arena.load.notes, starved=starved))
    words = "; ".join(wrong[:_SHOWN_MAX])
    yield _at_most("untruths", len(wrong), 0, "tasks", "S1 to S7", words)
    yield _at_most("unanswered tasks", run.peace.lost, 0, "tasks", "L1")
    blows = sum(run.arena.struck.values())
    yield Demand("blows", blows, 1, "times", blows >= 1, "a run without one shows nothing")
    size = run.scenario.size
    ready = size if math.isfinite(run.peace.whole) else 0
    yield Demand("workers at the end", ready, size, "workers", ready >= size, "L2")
    asked, answered = run.peace.asked, run.peace.answered
    met = answered == asked
    yield Demand("answered in peace", answered, asked, "tasks", met, "L4: nobody starves")
    yield _at_most("the pool's end", run.ended_s, run.grace_s, "s", "L3: both graces")
    left = "; ".join(run.left[:_SHOWN_MAX])
    yield _at_most("left behind", len(run.left), 0, "things", "S13", left)
    if len(run.memory) >= _MOMENTS_MIN and all(run.memory):
        yield _flat(run)


def _flat(run: ChaosRun) -> Demand:
    """The pool's process holds no more at its end than after its first blows."""
    name, source = "the parent's growth", "less than the pickled calls of its tasks, or one step"
    samples = run.memory
    quarter = len(samples) // 4
    early = float(np.median(samples[quarter : 2 * quarter]))
    grown = float(np.median(samples[-quarter:])) - early
    bar = max(STEP_BYTES, _CALL_BYTES * len(run.ledger.tasks()) // 2)
    return _at_most(name, grown, bar, "bytes", source)


def _after_kills(run: ChaosRun, settings: LayerSettings) -> Iterator[Demand]:
    """Killing 60% of ten workers, by the issue."""
    tasks = run.ledger.tasks()
    again = tasks["retries"] > 0
    unhappy = int((again & (tasks["ending"] != Told.RETURNED)).sum())
    yield _at_most("idempotent tasks that failed", unhappy, 0, "tasks", "issue 8")
    once = (tasks["retries"] == 0) & (tasks["kind"] != FAIL)
    failed = tasks[once & (tasks["ending"] != Told.RETURNED) & (tasks["session"] < 0)]
    unjust = [one for one in failed if not one["started"] or one["worker"] not in run.arena.killed]
    yield _at_most(
        "others that failed, and had not started on a killed worker",
        len(unjust),
        0,
        "tasks",
        "issue 8",
    )
    most = max(lost_on(run.ledger).values(), default=0)
    yield _at_most("tasks lost on one worker", most, 1, "tasks", "S4: it runs one at a time")
    slowest = max(run.arena.strengths, default=0.0)
    kills = len(run.arena.strengths)
    limit, source = settings.threshold(STRENGTH), settings.thresholds[STRENGTH].source
    yield _at_most("full strength again", slowest, limit, "s", source, f"{kills} times")
    yield from _normal_again(run, settings)


def _normal_again(run: ChaosRun, settings: LayerSettings) -> Iterator[Demand]:
    """The slowest percent of short tasks, before and after each kill, from the intended start."""
    recoveries = recoveries_of(run, settings)
    limit, source = settings.threshold(NORMAL), settings.thresholds[NORMAL].source
    if not recoveries:
        yield Demand("p99 back to normal", 0, limit, "s", None, source, "never struck")
        return
    after = max(after for _, after in recoveries)
    normal = max(normal for normal, _ in recoveries)
    words = f"normal: {1000 * normal:.1f} ms at most: what is demanded in peace, or was before"
    yield _at_most("p99 back to normal", after, limit, "s", source, words)


def recoveries_of(run: ChaosRun, settings: LayerSettings) -> list[tuple[float, float]]:
    """For each kill what p99 is normal, and seconds until that of what came later is.

    Normal is the 10 ms that the issue demands of a quiet pool, or the worst second since the blow
    before, if the machine was slower than that. Of the tasks due in a second after a kill p99 is
    looked at from each moment on; the first moment from which it is normal counts.
    """
    due, took = short_of(run)
    blows = [mark.at for mark in run.arena.marks if mark.words.endswith("workers are killed")]
    found, calm = [], _WINDOW_S
    for at, until in zip(blows, [*blows[1:], float(due.max(initial=0.0))], strict=True):
        before = [_p99(due, took, start) for start in np.arange(calm, at - _WINDOW_S, _WINDOW_S)]
        normal = max([settings.threshold(P99) / 1000, *before])
        calm = at + 2 * _WINDOW_S
        last = until - _WINDOW_S
        if last <= at:
            continue
        after = next(
            (s - at for s in np.arange(at, last, _STRIDE_S) if _p99(due, took, s) <= normal),
            last - at,
        )
        found.append((normal, float(after)))
    return found


def short_of(run: ChaosRun) -> tuple[Any, Any]:
    """When each short task was due, in seconds of the run, and how many it took from then."""
    tasks = run.ledger.tasks()
    short = tasks[(tasks["session"] < 0) & (tasks["kind"] == SHORT)]
    return short["intended"] - run.arena.began, short["ended"] - short["intended"]


def _p99(due: Any, took: Any, start: float) -> float:
    inside = took[(due >= start) & (due < start + _WINDOW_S)]
    return float(np.percentile(inside, 99)) if len(inside) else 0.0


def _after_memory(run: ChaosRun, settings: LayerSettings) -> Iterator[Demand]:
    del settings
    told = run.arena.struck["recycled for memory"]
    yield Demand("recycled, and its session told", told, 1, "times", told >= 1, "issue 8")


_OWN: Final[dict[str, Callable[[ChaosRun, LayerSettings], Iterator[Demand]]]] = {
    "kill": _after_kills,
    "memory": _after_memory,
}

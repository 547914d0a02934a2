"""Figures: what a client wrote down, made into numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from machines.suites.load.client import Ending

if TYPE_CHECKING:
    from machines.suites.load.client import Client

PERCENTS: Final = (50.0, 90.0, 99.0, 99.9, 100.0)
_GOOD: Final = (Ending.RETURNED, Ending.RAISED)
_CURVE: Final = (*range(0, 100, 5), 96, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 100)


def endings(client: Client) -> dict[str, int]:
    """How many operations ended how."""
    counted = Counter(client.endings)
    return {one.name.lower(): counted[one] for one in Ending if counted[one]}


def latencies(client: Client) -> Any:
    """Seconds from when it was due until it was answered, of each that was."""
    due, ended, codes = _arrays(client)
    return (ended - due)[codes != Ending.UNANSWERED]


def percentiles(values: Any) -> dict[str, float | None]:
    """Milliseconds that so many percent of the values do not exceed.

    Args:
        values: seconds.
    """
    names = [f"p{percent:g}_ms" for percent in PERCENTS]
    if not len(values):
        return dict.fromkeys(names)
    found = np.percentile(values, PERCENTS, method="inverted_cdf")
    return {name: round(1e3 * float(one), 4) for name, one in zip(names, found, strict=True)}


def curve(values: Any) -> list[list[float]]:
    """Of the distribution: percent, and milliseconds that so many percent do not exceed."""
    if not len(values):
        return []
    found = np.percentile(values, _CURVE, method="inverted_cdf")
    return [[float(p), round(1e3 * float(one), 4)] for p, one in zip(_CURVE, found, strict=True)]


def cost_of(client: Client) -> dict[str, Any]:
    """What the client itself costs: how late it submits, and its processor time."""
    submits = np.frombuffer(client.submits)
    due = np.frombuffer(client.dues)
    late = percentiles((submits - due)[submits > 0])
    count = max(int((submits > 0).sum()), 1)
    return {"late": late, "processor_us": round(1e6 * client.processor_s / count, 2)}


def series(client: Client, bin_s: float) -> list[dict[str, float]]:
    """What was due, answered and failed in each stretch of time, and how late it was answered.

    `due` and `answered` are operations a second; percentiles are of those that were due then.

    Args:
        client: when it has finished.
        bin_s: seconds of each stretch.
    """
    due, ended, codes = _arrays(client)
    answered = codes != Ending.UNANSWERED
    until = max(float(due.max(initial=0.0)), float(ended.max(initial=0.0)))
    edges = np.arange(0.0, until + bin_s, bin_s)
    dues, _ = np.histogram(due, edges)
    ends, _ = np.histogram(ended[answered], edges)
    bad, _ = np.histogram(ended[answered & ~np.isin(codes, _GOOD)], edges)
    which = np.digitize(due, edges) - 1
    taken = ended - due
    found = []
    for number, at in enumerate(edges[:-1]):
        inside = taken[(which == number) & answered]
        low, high = np.percentile(inside, (50, 99)) if len(inside) else (0.0, 0.0)
        found.append(
            {
                "at": round(float(at), 3),
                "due": float(dues[number] / bin_s),
                "answered": float(ends[number] / bin_s),
                "failed": float(bad[number] / bin_s),
                "p50_ms": round(1e3 * float(low), 4),
                "p99_ms": round(1e3 * float(high), 4),
            }
        )
    return found


def within(client: Client, began: float, ended: float) -> dict[str, float]:
    """Of a stretch of time: how many operations were due, and how many were answered by its end.

    Args:
        client: perhaps still at work.
        began: seconds.
        ended: seconds.
    """
    first, last = bisect_left(client.dues, began), bisect_left(client.dues, ended)
    due = np.array(client.dues[first:last])
    ends = np.array(client.ends[first:last])
    codes = np.frombuffer(bytes(client.endings[first:last]), dtype=np.uint8)
    answered = codes != Ending.UNANSWERED
    in_time = answered & (ends <= ended)
    p50, p99 = _of((ends - due)[answered])
    return {
        "offered_per_s": round(len(due) / (ended - began), 3),
        "answered_per_s": round(float(in_time.sum()) / (ended - began), 3),
        "in_time_percent": round(100.0 * float(in_time.sum()) / max(len(due), 1), 3),
        "failed": int((answered & ~np.isin(codes, _GOOD)).sum()),
        "p50_ms": p50,
        "p99_ms": p99,
    }


def normal_again(client: Client, at: float, bar_ms: float, window_s: float) -> float | None:
    """Seconds from that moment on until p99 of what is due in a window is below the bar.

    None is returned if it never is.

    Args:
        client: when it has finished.
        at: seconds; the moment.
        bar_ms: the bar.
        window_s: seconds of the window.
    """
    due, ends, codes = _arrays(client)
    answered = codes != Ending.UNANSWERED
    due, taken = due[answered], (ends - due)[answered]
    last = float(due.max(initial=0.0))
    for start in np.arange(at, last - window_s, window_s / 10):
        inside = taken[(due >= start) & (due < start + window_s)]
        if len(inside) and 1e3 * float(np.percentile(inside, 99)) < bar_ms:
            return round(float(start - at), 3)
    return None


def _of(taken: Any) -> tuple[float, float]:
    if not len(taken):
        return 0.0, 0.0
    low, high = np.percentile(taken, (50, 99), method="inverted_cdf")
    return round(1e3 * float(low), 4), round(1e3 * float(high), 4)


def _arrays(client: Client) -> tuple[Any, Any, Any]:
    return (
        np.frombuffer(client.dues),
        np.frombuffer(client.ends),
        np.frombuffer(client.endings, dtype=np.uint8),
    )

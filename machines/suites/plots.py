"""Pictures of results, drawn from the facts that a report says in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SIZE: Final = (11.0, 8.0)
_FLOOR_MS: Final = 0.01


def draw_load(facts: Mapping[str, Any], path: Path) -> None:
    """Two panels over time, or over the offered rate, and the distribution of latency below.

    Args:
        facts: of a load's report.
        path: a `.png` or `.svg`.
    """
    figure = _figure()
    if facts["breaking_per_s"] is not None and facts["shape"] == "ramp":
        rates, late, spread = figure.subplots(3, 1)
        _answered_of_offered(rates, facts)
        _late_of_offered(late, facts)
    else:
        rates, late, *more, spread = figure.subplots(4 if facts["kills"] else 3, 1)
        late.sharex(rates)
        _over_time(rates, late, facts["series"])
        for kill in facts["kills"]:
            for axes in (rates, late):
                axes.axvline(kill["at"], color="black", alpha=0.3, linewidth=0.8)
        for axes in more:
            axes.sharex(rates)
            _recovery(axes, facts["kills"])
    _distribution(spread, facts["distribution"])
    figure.suptitle(f"{facts['shape']}: {facts['words']}")
    figure.savefig(path, dpi=110)


def draw_scaling(facts: Mapping[str, Any], path: Path) -> None:
    """Throughput over workers, and over the payload's size, with each round's spread.

    Args:
        facts: of the performance report.
        path: a `.png` or `.svg`.
    """
    figure = _figure()
    panels = figure.subplots(2, 2)
    workers, payload = facts["scaling"]["workers"], facts["scaling"]["payload"]
    _with_spread(panels[0][0], workers, "workers", "no-ops a second", "noop_per_s")
    _with_spread(panels[0][1], workers, "workers", "computations a second", "compute_per_s")
    at = [row["workers"] for row in workers]
    bare = [row["bare_per_s"]["median"] for row in workers]
    panels[0][1].plot(at, bare, color="grey", linestyle=":", label="so many processes, no pool")
    panels[0][1].legend(loc="lower right")
    _with_spread(panels[1][0], payload, "bytes", "echoes a second", "per_s")
    panels[1][0].set_xscale("symlog", linthresh=1024)
    panels[1][0].set_xlim(left=-100)
    panels[1][0].set_ylim(auto=True)
    panels[1][0].set_yscale("log")
    panels[1][0].autoscale(axis="y")
    _distribution(panels[1][1], facts["latency"]["distribution"])
    figure.suptitle("performance: scaling, and the latency of one no-op")
    figure.savefig(path, dpi=110)


def _figure() -> Any:
    from matplotlib.figure import Figure  # noqa: PLC0415 - only whoever draws needs it

    return Figure(figsize=_SIZE, layout="constrained")


def _over_time(rates: Any, late: Any, series: Sequence[Mapping[str, float]]) -> None:
    series = [one for one in series if one["due"]]  # the last one may be all waiting
    at = [one["at"] for one in series]
    rates.step(at, [one["due"] for one in series], where="post", color="grey", label="due")
    answered = [one["answered"] for one in series]
    rates.step(at, answered, where="post", color="tab:blue", label="answered")
    failed = [one["failed"] for one in series]
    if any(failed):
        rates.step(at, failed, where="post", color="tab:red", label="failed")
    rates.set_ylabel("operations a second")
    rates.set_ylim(0, 1.15 * max([1.0, *answered, *(one["due"] for one in series)]))
    rates.legend(loc="lower left")
    for name, colour in (("p50", "tab:green"), ("p99", "tab:orange")):
        values = [max(one[f"{name}_ms"], _FLOOR_MS) for one in series]
        late.plot(at, values, color=colour, label=name)
    late.set_yscale("log")
    late.set_ylabel("ms from when it was due")
    late.set_xlabel("seconds")
    late.legend(loc="upper left")


def _recovery(axes: Any, kills: Sequence[Mapping[str, Any]]) -> None:
    """How long it took after each kill until all was as before."""
    at = [kill["at"] for kill in kills]
    strength = [1e3 * kill["strength_s"] for kill in kills]
    axes.plot(at, strength, color="tab:purple", marker=".", label="all workers ready")
    normal = [
        (kill["at"], 1e3 * kill["normal_s"]) for kill in kills if kill["normal_s"] is not None
    ]
    axes.plot(
        [when for when, _ in normal],
        [max(taken, 1.0) for _, taken in normal],
        color="tab:orange",
        marker=".",
        linestyle="none",
        label="p99 normal",
    )
    axes.set_yscale("log")
    axes.set_ylabel("ms after the kill")
    axes.set_xlabel("seconds; a line marks each kill")
    axes.legend(loc="upper left")


def _answered_of_offered(axes: Any, facts: Mapping[str, Any]) -> None:
    offered = [step["offered_per_s"] for step in facts["steps"]]
    axes.plot(offered, offered, color="grey", linestyle=":", label="offered")
    answered = [step["answered_per_s"] for step in facts["steps"]]
    axes.plot(offered, answered, color="tab:blue", marker="o", label="answered in time")
    axes.axvline(facts["breaking_per_s"], color="tab:red", label="kept up until here")
    axes.set_ylabel("operations a second")
    axes.legend(loc="upper left")


def _late_of_offered(axes: Any, facts: Mapping[str, Any]) -> None:
    offered = [step["offered_per_s"] for step in facts["steps"]]
    for name, colour in (("p50", "tab:green"), ("p99", "tab:orange")):
        values = [max(step[f"{name}_ms"], _FLOOR_MS) for step in facts["steps"]]
        axes.plot(offered, values, color=colour, marker="o", label=name)
    axes.axvline(facts["breaking_per_s"], color="tab:red")
    axes.set_yscale("log")
    axes.set_ylabel("ms from when it was due")
    axes.set_xlabel("operations a second offered")
    axes.legend(loc="upper left")


def _distribution(axes: Any, curve: Sequence[Sequence[float]]) -> None:
    """So many percent took no longer; the axis gives each further nine the same room."""
    from matplotlib.ticker import FixedLocator, FuncFormatter  # noqa: PLC0415 - as above

    shown = [(percent, ms) for percent, ms in curve if percent < 100]
    nines = [1 / (1 - percent / 100) for percent, _ in shown]
    axes.plot(nines, [max(ms, _FLOOR_MS) for _, ms in shown], color="tab:blue")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([1, 2, 10, 100, 1_000, 10_000]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda nine, _: f"{100 * (1 - 1 / nine):g} %"))
    axes.set_xlabel("of all operations took no longer than")
    axes.set_ylabel("ms")
    axes.grid(visible=True, alpha=0.3)


def _with_spread(
    axes: Any, rows: Sequence[Mapping[str, Any]], across: str, along: str, figure: str
) -> None:
    at = [row[across] for row in rows]
    found = [row[figure] for row in rows]
    medians = [one["median"] for one in found]
    below = [one["median"] - one["min"] for one in found]
    above = [one["max"] - one["median"] for one in found]
    axes.errorbar(at, medians, yerr=[below, above], marker="o", capsize=3)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(across)
    axes.set_ylabel(along)
    axes.grid(visible=True, alpha=0.3)

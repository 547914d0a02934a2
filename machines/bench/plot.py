"""The picture: each figure a panel, each contestant a bar with its smallest and largest round.

The parent's memory over many no-ops is one panel, and a line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from machines.bench.contestant import CONTESTANTS, Kind
from machines.bench.launch import Status
from machines.bench.measure import FLAT

if TYPE_CHECKING:
    from pathlib import Path

    from machines.bench.measure import Figure, Measure
    from machines.bench.options import Options
    from machines.bench.results import Results

COLOURS: Final = {Kind.OURS: "tab:blue", Kind.PEER: "tab:gray", Kind.FLOOR: "tab:olive"}
PANELS_IN_ROW: Final = 3


def draw(results: Results, options: Options, path: Path) -> None:
    """The picture was written; its format is what the path ends in.

    Args:
        results: what was measured.
        options: what was asked for.
        path: where to.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 - it is an optional extra

    panels = [one for one in _all_panels(options) if _bars(results, *one)]
    rows = max(math.ceil(len(panels) / PANELS_IN_ROW), 1)
    canvas = Canvas(figsize=(4.5 * PANELS_IN_ROW, 2.8 * rows), layout="constrained")
    axes = list(canvas.subplots(rows, PANELS_IN_ROW, squeeze=False).flat)
    for (of, figure), axis in zip(panels, axes, strict=False):
        if of.name == FLAT:
            _line(axis, of, results)
        else:
            _panel(axis, of, figure, results)
        axis.title.set_fontsize("medium")
        axis.tick_params(labelsize="small")
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    canvas.savefig(path)


def _all_panels(options: Options) -> list[tuple[Measure, Figure]]:
    """Each figure of each measure; of the one that is a line, only the first."""
    return [
        (of, figure)
        for of in options.chosen_measures
        for figure in (of.figures[:1] if of.name == FLAT else of.figures)
    ]


def _bars(results: Results, of: Measure, figure: Figure) -> list[tuple[str, Kind, Any]]:
    """Those that came to a figure in every round; a time until a task was lost is none."""
    spreads = (
        (one, results.spread(one.name, of.name, figure.name))
        for one in CONTESTANTS
        if results.status(one.name, of.name) is Status.MEASURED
    )
    return [(one.name, one.kind, spread) for one, spread in spreads if spread is not None]


def _panel(axis: Any, of: Measure, figure: Figure, results: Results) -> None:
    bars = _bars(results, of, figure)
    medians = [spread.median for _, _, spread in bars]
    below = [spread.median - spread.low for _, _, spread in bars]
    above = [spread.high - spread.median for _, _, spread in bars]
    names = [name for name, _, _ in bars]
    colours = [COLOURS[kind] for _, kind, _ in bars]
    axis.barh(names, medians, xerr=[below, above], color=colours, capsize=2)
    axis.invert_yaxis()
    name = of.name if len(of.figures) == 1 else f"{of.name} {figure.heading}"
    axis.set_title(f"{name}, {figure.unit}: {figure.better} is better")


def _line(axis: Any, of: Measure, results: Results) -> None:
    *points, _growth = of.figures
    for one in CONTESTANTS:
        spreads = [results.spread(one.name, of.name, figure.name) for figure in points]
        sizes = [spread.median for spread in spreads if spread is not None]
        axis.plot(range(1, len(sizes) + 1), sizes, color=COLOURS[one.kind], marker="o")
    axis.set_ylim(0, 1.2 * axis.get_ylim()[1])
    axis.set_title(f"{of.name}: RSS in {points[0].unit} at ten points")

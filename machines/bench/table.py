"""The tables on the terminal: every contestant's figures side by side, and the bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from machines.bench.contestant import CONTESTANTS, Kind
from machines.bench.launch import Status
from machines.bench.measure import BY_NAME, FLAT, MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.bench.bars import Bar, Verdict
    from machines.bench.measure import Figure, Measure
    from machines.bench.options import Options
    from machines.bench.results import Results

WIDTH_MAX: Final = 80
WHY_MAX: Final = 17
SHORT: Final = {Status.LOSES: "loses\ntask", Status.NOT_BUILT: "not\nbuilt"}
MARKS: Final = {True: ("yes", "green"), False: ("NO", "bold red"), None: ("-", "dim")}


def short(value: float) -> str:
    """Three significant digits, thousands as `k`, millions as `M`.

    Args:
        value: any number.
    """
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g}{suffix}" if abs(value) < factor * 1e3 else f"{value:.2g}"
    return f"{value:.3g}"


def show(results: Results, verdicts: Sequence[Verdict], options: Options) -> None:
    """Everything was printed to the terminal, at most 80 columns wide.

    Args:
        results: what was measured.
        verdicts: the judged bars.
        options: what was asked for.
    """
    console = Console(highlight=False, markup=False)  # others' words may hold brackets
    console.width = min(console.width, WIDTH_MAX) if console.is_terminal else WIDTH_MAX
    counts = (options.rounds, "round"), (options.workers, "worker"), (options.samples, "sample")
    amounts = ", ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in counts)
    console.print(f"{amounts}: medians, and half the distance of the rounds")
    console.print(_figures(results, _common(options)))
    for line in (*_ours_alone(results), *_findings(results), *_absent(options)):
        console.print(line)
    if verdicts:
        console.print()
        console.print(_bars(verdicts))
        console.print(total(verdicts))


def _common(options: Options) -> list[tuple[Measure, Figure]]:
    """The columns: one for each figure that peers have too."""
    common = [one for one in options.chosen_measures if Kind.PEER in one.kinds]
    return [(one, figure) for one in common for figure in one.figures]


def _figures(results: Results, columns: Sequence[tuple[Measure, Figure]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True)
    table.add_column("", no_wrap=True)
    for _, figure in columns:
        table.add_column(f"{figure.heading}\n{figure.unit}", justify="right", no_wrap=True)
    for one in CONTESTANTS:
        cells = [_cell(results, one.name, of.name, figure.name) for of, figure in columns]
        if any(cells):
            style = "bold" if one.kind is Kind.OURS else "dim" if one.kind is Kind.FLOOR else ""
            table.add_row(Text(one.name, style), *cells)
    return table


def _cell(results: Results, name: str, of: str, figure: str) -> Text:
    status = results.status(name, of)
    spread = results.spread(name, of, figure)
    if status is None:
        return Text("")
    if status is not Status.MEASURED:
        return Text(SHORT.get(status, status.value), "yellow")
    if spread is None:
        return Text("-")
    around = f"\n±{spread.percent:.0f}%" if len(spread.rounds) > 1 else ""
    return Text(short(spread.median)).append(around, "dim")


def _ours_alone(results: Results) -> Iterable[str]:
    for of in (one for one in MEASURES if one.kinds == {Kind.OURS}):
        for one in CONTESTANTS:
            status = results.status(one.name, of.name)
            spreads = [results.spread(one.name, of.name, figure.name) for figure in of.figures]
            if status is not Status.MEASURED:
                continue
            values = [short(spread.median) for spread in spreads if spread is not None]
            if of.name == FLAT:
                *points, growth = values
                yield f"{one.name} flat: {growth} MiB more from the first to the last of ten points"
                yield f"  RSS in MiB: {' '.join(points)}"
            else:
                yield f"{one.name} {of.name}: {values[0]}/s without, {values[1]}/s with"


def _findings(results: Results) -> Iterable[str]:
    """A sentence for whatever came to no figure."""
    for of in BY_NAME:
        for one in CONTESTANTS:
            status = results.status(one.name, of)
            if status is not None and status is not Status.MEASURED:
                detail = " ".join(results.detail(one.name, of).split())
                words = f"{one.name}: {of}: {status.value}{': ' if detail else ''}{detail}"
                yield words if len(words) <= WIDTH_MAX else f"{words[: WIDTH_MAX - 1]}…"


def _absent(options: Options) -> Iterable[str]:
    if options.absent:
        names = ", ".join(one.name for one in options.absent)
        yield f"not installed: {names} (pip install 'poolcheck[peers]')"


def title(bar: Bar, against: str | None) -> str:
    """What a bar demands, in one line.

    Args:
        bar: the bar.
        against: whose figure ours is divided by, the best peer by its name.
    """
    figures = {figure.name: figure for figure in BY_NAME[bar.measure].figures}
    figure = figures[bar.figure]
    name = bar.measure if len(figures) == 1 else f"{bar.measure} {figure.heading}"
    who = "" if bar.ours == "ours-fork" else " (forkserver)"
    if bar.against is None:
        return f"{name}{who} {bar.sense} {bar.bound:g} {figure.unit}"
    best = f" ({against})" if against and against != bar.against else ""
    return f"{name}{who} {bar.sense} {bar.bound:g} x {bar.against}{best}"


def _bars(verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("bar")  # the one that may be folded, if there is too little room
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("rounds", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=3)
    for one in verdicts:
        value = one.value
        middle = "-" if value is None else short(value.median)
        around = "" if value is None else f"{short(value.low)} to {short(value.high)}"
        mark, style = MARKS[one.reached]
        if value is None:
            around = one.why if len(one.why) <= WHY_MAX else f"{one.why[: WHY_MAX - 1]}…"
        table.add_row(title(one.bar, one.against), middle, Text(around, "dim"), Text(mark, style))
    return table


def total(verdicts: Sequence[Verdict]) -> str:
    """How many bars are reached, not judged, and judged by too few rounds, in one line.

    Args:
        verdicts: the judged bars.
    """
    judged = [one for one in verdicts if one.reached is not None]
    reached = sum(one.reached is True for one in judged)
    words = f"{reached} of {len(judged)} bars reached"
    if len(judged) < len(verdicts):
        words += f", {len(verdicts) - len(judged)} not judged"
    short_of = [one.bar.rounds_min for one in judged if one.value is not None and not one.sure]
    return f"{words}; they ask for {max(short_of)} rounds" if short_of else words

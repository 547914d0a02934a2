"""The history's findings as tables for people, on eighty columns."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from machines.history.command import Findings, Wanted

WIDTH: Final = 80
_PICTURE: Final = 16


def show(found: Findings, wanted: Wanted, place: str) -> None:
    """The findings are on the terminal.

    Args:
        found: what there is.
        wanted: what was asked.
        place: where the history is, without its password.
    """
    console = Console(width=WIDTH, highlight=False)
    runs = found.past.runs
    first, last = (datetime.datetime.fromtimestamp(run.began).date() for run in (runs[0], runs[-1]))
    console.print(
        Text(f"{len(runs)} runs from {first} to {last}, in {place}", overflow="fold"),
        soft_wrap=False,
    )
    _flaky(console, found, wanted.top)
    _changes(console, found, wanted.top)
    _trends(console, found, wanted.top)
    _slowest(console, found)
    _standing(console, found, wanted)


def _table(title: str, first: str, *rest: str) -> Table:
    table = Table(title=title, title_justify="left", expand=False, pad_edge=False, box=None)
    table.add_column(first, overflow="fold", ratio=1)
    for heading in rest:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _flaky(console: Console, found: Findings, top: int) -> None:
    flaky = found.flaky
    compared = f"{flaky.compared:,} tests compared on the same code"
    if not flaky.scores:
        console.print(Text(f"\nFlaky tests: none; {compared}"))
    else:
        named, suspects = len(flaky.named), len(flaky.scores) - len(flaky.named)
        title = f"\nFlaky tests: {named}, and {suspects} suspected; {compared}"
        table = _table(title, "test", "failed", "95 % of runs", "chance", "verdict")
        for one in flaky.scores[:top]:
            interval = f"{one.low:.1%}-{one.high:.1%}"
            counts = f"{one.failures} of {one.runs}"
            verdict = "flaky" if one.named else "suspect"
            table.add_row(Text(one.test), counts, interval, f"{one.chance:.1g}", verdict)
        console.print(table)
        _more(console, len(flaky.scores), top)
    if flaky.accidents:
        count = len(flaky.accidents)
        console.print(Text(f"{count} runs left out: too much failed in them at once"))


def _changes(console: Console, found: Findings, top: int) -> None:
    if not found.changes:
        console.print(Text(f"\nLasting changes: none in {found.series:,} durations and figures"))
        return
    title = f"\nLasting changes in {found.series:,} durations and figures"
    table = _table(title, "what", "before", "after", "by", "since", "chance")
    for one in found.changes[:top]:
        since = found.past.runs[one.run].code[:8] or "?"
        levels = (f"{one.before:.3g} {one.unit}", f"{one.after:.3g} {one.unit}")
        style = "red" if one.worse else "green"
        table.add_row(
            Text(one.name), *levels, Text(f"{one.by:+.1%}", style), since, f"{one.chance:.1g}"
        )
    console.print(table)
    _more(console, len(found.changes), top)


def _trends(console: Console, found: Findings, top: int) -> None:
    if not found.trends:
        console.print(Text("\nTrends: no figure was taken three times"))
        return
    table = _table("\nTrends", "what", "last", "before", "drift", "the last runs")
    for one in found.trends[:top]:
        drift = f"{one.drift:+.3g}" if one.moves else "none"
        values = (f"{one.values[-1]:.4g} {one.unit}", f"{one.before:.4g}")
        table.add_row(Text(one.name), *values, drift, one.picture(_PICTURE))
    console.print(table)
    _more(console, len(found.trends), top)


def _slowest(console: Console, found: Findings) -> None:
    if not found.slowest:
        return
    table = _table("\nSlowest tests", "test", "median", "95th", "runs")
    for one in found.slowest:
        table.add_row(Text(one.test), f"{one.median:.3f} s", f"{one.p95:.3f} s", f"{one.runs}")
    console.print(table)


def _standing(console: Console, found: Findings, wanted: Wanted) -> None:
    words = {True: "found", False: "none", None: "too few runs to say"}
    for reason in wanted.fail_on:
        standing = found.standing(reason)
        console.print(Text(f"{reason}: {words[standing]}", "red" if standing else ""))


def _more(console: Console, count: int, top: int) -> None:
    if count > top:
        console.print(Text(f"… and {count - top:,} more (--top {count})"))

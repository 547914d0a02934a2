"""The live view: what a monitor sees, in a terminal, while it sees it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.table import Table

from machines.harness.monitor import LATENCIES, PERCENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from machines.harness.monitor import PoolMonitor

_REFRESHES: Final = 4
_MIB: Final = 1 << 20


@contextlib.contextmanager
def live_view(monitor: PoolMonitor, console: Console | None = None) -> Iterator[None]:
    """The last sample stands in the terminal while this lasts, and stays there at the end.

    Args:
        monitor: whose samples are shown.
        console: where; the standard output unless given.
    """
    with Live(get_renderable=lambda: view(monitor), console=console, refresh_per_second=_REFRESHES):
        yield


def view(monitor: PoolMonitor) -> Table:
    """The last sample and the latencies until now, as a table."""
    table = Table(title="pool", show_header=False)
    if not monitor.series:
        return table
    last = monitor.series[-1]
    table.add_row("seconds", f"{last.at:.1f}")
    table.add_row("tasks resolved", f"{last.resolved} ({last.rate:.0f} a second)")
    table.add_row("endings", ", ".join(f"{n} {ending}" for ending, n in _sorted(monitor.endings)))
    table.add_row("queue, running", f"{last.queue}, {last.running}")
    table.add_row("workers", f"{last.workers}, {last.utilisation:.0%} busy")
    table.add_row("restarted", str(last.restarted))
    for name in LATENCIES:
        row = [f"{percent:g} %: {monitor.percentile(percent, name):.6f}" for percent in PERCENTS]
        table.add_row(f"{name}, seconds", "  ".join(row))
    for worker, resident in last.memory.items():
        used = f"{resident / _MIB:.0f} MiB, {last.processor.get(worker, 0.0):.2f} s of processor"
        table.add_row(f"worker {worker}", used)
    return table


def _sorted(endings: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(endings.items())

"""Processes: whether what runs on `real` are processes, as the kernel sees them.

A driver that quietly simulated would agree with the simulation on everything. So each process is
looked up where only the kernel can put it, at the moment at which it was started.
`python -m machines.gatekeeper.processes` does it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click
from attrs import frozen

from machines.drivers import Diverged, Layer
from machines.parts import POOL
from machines.run import Run
from machines.walker import generated
from pool.processes import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROCESSES: Final = Path("/proc")
_STARTED: Final = 19  # of the fields behind a process's name


@frozen
class Seen:
    """What was seen of a walk's processes.

    Attributes:
        walk: its seed.
        workers: so many workers the core was told to have started.
        processes: so many processes the kernel showed for them.
        diverged: why the walk could not be run to its end; None if it was.
    """

    walk: int
    workers: int
    processes: int
    diverged: str | None


def seen(seeds: Iterable[int]) -> list[Seen]:
    """Each walk has run on `real`; what the kernel showed of its workers is returned.

    Args:
        seeds: of the walks.
    """
    return [_seen(seed) for seed in seeds]


def _seen(seed: int) -> Seen:
    looked_up: set[tuple[int, str]] = set()

    class LookedUp(WorkerProcess):
        """A worker's process, looked up in the kernel's own list as soon as it is started."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            found = _started(self.pid)
            if found is not None and self.pid != os.getpid():
                looked_up.add((self.pid, found))

    trace, diverged = generated(seed), None
    parts = attrs.evolve(POOL, process=LookedUp)
    with Run(trace.setting, Layer.REAL, parts) as run:
        try:
            for step in trace.steps:
                run.do(step)
            run.finish()
        except Diverged as error:
            diverged = str(error)
        return Seen(seed, run.world.launched, len(looked_up), diverged)


def _started(pid: int) -> str | None:
    """When this process was started, in the kernel's ticks; None if there is none."""
    try:
        line = (_PROCESSES / str(pid) / "stat").read_text()
    except OSError:
        return None
    return line.rpartition(")")[2].split()[_STARTED]


@click.command()
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--walks", type=click.IntRange(1), default=10, show_default=True)
def main(seed: int, walks: int) -> None:
    """Print how many workers there were on `real`, and how many processes."""
    click.echo(json.dumps([attrs.asdict(one) for one in seen(range(seed, seed + walks))], indent=1))


if __name__ == "__main__":
    main()

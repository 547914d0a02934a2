"""The options of `poolcheck explore`; what it does is imported when it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

PROCESSES_MAX: Final = 16
_AMOUNT: Final = click.IntRange(0, 9)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


def _processors() -> int:
    """So many processes can work at once here."""
    return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


@click.command()
@click.option("--workers", type=click.IntRange(1, 9), default=2, show_default=True)
@click.option("--sessions", type=_AMOUNT, default=2, show_default=True)
@click.option("--tasks", type=_AMOUNT, default=3, show_default=True)
@click.option("--faults", type=_AMOUNT, default=1, show_default=True)
@click.option(
    "--asks",
    type=_AMOUNT,
    default=1,
    show_default=True,
    help="So often clients cancel, kill, reopen, close or shut down.",
)
@click.option(
    "--overtakes",
    type=_AMOUNT,
    default=0,
    show_default=True,
    help="So often a timer fires while something else could happen first.",
)
@click.option(
    "--symmetry/--no-symmetry",
    "symmetric",
    default=True,
    help="Of states that differ in names alone keep one.  [default: symmetry]",
)
@click.option(
    "--liveness/--no-liveness",
    "lively",
    default=True,
    help="Look for fair cycles, too.  [default: liveness]",
)
@click.option("--mutant", metavar="NAME", help="Plant this bug in the pool first.")
@click.option("--promise", metavar="NAME", help="Judge this promise alone.")
@click.option(
    "--processes",
    type=click.IntRange(1, PROCESSES_MAX),
    default=_processors,
    help="So many search.  [default: as many as can work at once]",
)
@click.option(
    "--memory",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    metavar="MB",
    help="More of the frontier than this is on disk.",
)
@click.option("--states-max", type=click.IntRange(1), metavar="N", help="Give up at so many.")
@click.option(
    "--seconds-max",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    help="Give up after so long.",
)
@click.option("--checkpoint", type=_FOLDER, metavar="DIR", help="Leave what to resume from there.")
@click.option("--resume", type=_FOLDER, metavar="DIR", help="Go on from a checkpoint.")
@click.option("--save", type=_FOLDER, metavar="DIR", help="Save counterexamples in this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def explore(**given: Any) -> int:
    r"""Search every schedule within bounds, to the end.

    \b
    poolcheck explore --workers 2 --sessions 2 --tasks 3 --faults 1
    poolcheck explore --mutant last-in-first-out --faults 0
    """
    from machines.explore.command import explore as run  # noqa: PLC0415 - see the docstring above

    return run(**given)

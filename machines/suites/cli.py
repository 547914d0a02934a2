"""The options of `poolcheck load`; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

REPORTS: Final = Path("artifacts/reports")
LOADS: Final = ("quick", "ramp", "sustained", "spike", "mixed", "errors", "all")
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("shape", type=click.Choice(LOADS), default="quick")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 24 * 3600),
    help="How long it lasts; of a ramp, each step.  [default: what is demanded, or usual]",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Fixes what is wanted.")
@click.option("--output", type=_FOLDER, default=REPORTS, show_default=True, help="For the reports.")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON.")
def load(
    shape: str, *, seconds: float | None, seed: int | None, output: Path, as_json: bool
) -> int:
    r"""Offer a pool of real processes operations that come at their own time.

    \b
    poolcheck load
    poolcheck load ramp
    poolcheck load sustained --json
    """
    from machines.suites.load.command import load as run  # noqa: PLC0415 - see the docstring

    return run(shape, seconds=seconds, seed=seed, output=output, as_json=as_json)

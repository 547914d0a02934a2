"""The options of `poolcheck load` and `performance`; what they do is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

BASELINE: Final = Path("artifacts/baselines/performance.json")
REPORTS: Final = Path("artifacts/reports")
LOADS: Final = ("quick", "ramp", "sustained", "spike", "mixed", "errors", "all")
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--quick", is_flag=True, help="Measure less, and little of scaling.")
@click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    default=BASELINE,
    show_default=True,
    help="What to compare to.",
)
@click.option("--save-baseline", "save", is_flag=True, help="Write it, and compare nothing.")
@click.option("--output", type=_FOLDER, default=REPORTS, show_default=True, help="For the report.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def performance(
    *, quick: bool, rounds: int, baseline: Path, save: bool, output: Path, as_json: bool
) -> int:
    r"""Measure a pool of real processes, and compare with what it was before.

    \b
    poolcheck performance
    poolcheck performance --quick --rounds 5 --json
    poolcheck performance --save-baseline
    """
    from machines.cli import _progress  # noqa: PLC0415 - see the module's docstring
    from machines.suites.performance.command import performance as run  # noqa: PLC0415 - as above

    return run(
        _progress,
        quick=quick,
        rounds=rounds,
        against=baseline,
        save=save,
        output=output,
        as_json=as_json,
    )


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

"""The options of `poolcheck gate` and `refresh`; what they do is imported when they run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

OUTPUT: Final = Path("artifacts/reports/gate")


def _processors() -> int:
    """So many processes can work at once here."""
    return len(os.sched_getaffinity(0))


@click.command()
@click.option("--only", multiple=True, metavar="CHECK", help="Only this one (may be repeated).")
@click.option("--list", "as_list", is_flag=True, help="Say what the checks are, and run none.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=OUTPUT,
    show_default=True,
    help="Where reports are written.",
)
@click.option(
    "--seed", type=click.IntRange(0), help="The fresh part's.  [default: a new one, printed]"
)
@click.option(
    "--rotation",
    type=click.IntRange(0),
    help="Which planted bugs' turn it is.  [default: the day's, printed]",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 16),
    default=_processors,
    help="So many work at once.  [default: as many as can]",
)
@click.option(
    "--history",
    "said",
    metavar="URL",
    help="What remembers this run; `none` if nothing does.  "
    "[default: $POOLCHECK_HISTORY, or artifacts/history.sqlite]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def gate(
    *,
    only: tuple[str, ...],
    as_list: bool,
    output: Path,
    seed: int | None,
    rotation: int | None,
    processes: int,
    said: str | None,
    as_json: bool,
) -> int:
    r"""Decide whether this tree may be merged: every check, its figure and its bar.

    \b
    poolcheck gate
    poolcheck gate --only search --only planted
    poolcheck gate --seed 7 --rotation 3 --json
    """
    from machines.gatekeeper import command  # noqa: PLC0415 - see the docstring above

    if as_list:
        return command.catalogue(as_json=as_json)
    return command.gate(
        only=command.known(only),
        output=output,
        seed=seed,
        rotation=rotation,
        processes=processes,
        said=said,
        as_json=as_json,
    )


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "--fixed",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Mark this counterexample as fixed, if it holds on every layer (may be repeated).",
)
@click.option(
    "--check", "only_look", is_flag=True, help="Write nothing; exit with 1 if one differs."
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def refresh(
    files: tuple[str, ...], *, fixed: tuple[Path, ...], only_look: bool, as_json: bool
) -> int:
    r"""Make what is generated anew, show the diff, and list what is stale; no bar becomes lower.

    \b
    poolcheck refresh
    poolcheck refresh artifacts/baselines/pace.json
    poolcheck refresh --fixed artifacts/counterexamples/S1-1a2b3c4d.json
    """
    from machines.gatekeeper import refresh as at_work  # noqa: PLC0415 - see the docstring above

    return at_work.refresh(
        names=at_work.known(files), fixed=fixed, only_look=only_look, as_json=as_json
    )

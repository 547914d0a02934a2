"""The options of `poolcheck report`; what it does is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

OUTPUT: Final = Path("docs/completion-report.md")


@click.command()
@click.option("--completion", is_flag=True, help="Run everything and write the completion report.")
@click.option("--quick", is_flag=True, help="Only what takes seconds.")
@click.option("--list", "as_list", is_flag=True, help="Say what would be run, and run nothing.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=OUTPUT,
    show_default=True,
    help="Where it is written.",
)
def report(*, completion: bool, quick: bool, as_list: bool, output: Path) -> int:
    r"""Write the completion report: what there is, what holds, what is missing, by command.

    \b
    poolcheck report --completion
    poolcheck report --completion --quick --output report.md

    It runs in the project's folder. Exit codes: 1 something does not hold, 3 something is unknown.
    """
    from machines.completion import command  # noqa: PLC0415 - see the module's docstring

    if not completion:
        raise click.UsageError("say which report: --completion")
    items = command.chosen(quick=quick)
    if as_list:
        return command.listed(items)
    return command.completion(items, output, quick=quick)

"""The options of `poolcheck shrink` and `poolcheck why`; what they do is imported when they run."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.argument("file", type=click.Path(path_type=Path))
_MUTANT = click.option("--mutant", metavar="NAME", help="Plant this bug in the pool first.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")


@click.command()
@_FILE
@_MUTANT
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where a smaller one is saved; beside FILE unless given.",
)
@click.option(
    "--walks",
    type=click.IntRange(0),
    default=8_000,
    show_default=True,
    help="So many short random runs in vain end the search for a shorter trace.",
)
@_JSON
def shrink(
    file: Path, mutant: str | None, folder: Path | None, walks: int, *, as_json: bool
) -> int:
    r"""Make a saved counterexample as small as it can be, and say what was tried.

    \b
    poolcheck shrink artifacts/counterexamples/S1-1a2b3c4d.json --mutant NAME
    """
    from machines.cli import _parts, _progress  # noqa: PLC0415 - see the module's docstring
    from machines.shrinking.command import shrink_file  # noqa: PLC0415 - see the module's docstring

    parts = _parts(mutant)
    return shrink_file(_progress, file, parts=parts, folder=folder, walks=walks, as_json=as_json)


@click.command()
@_FILE
@_MUTANT
@_JSON
def why(file: Path, mutant: str | None, *, as_json: bool) -> int:
    r"""Show a counterexample beside the nearest trace that passes, and when it becomes likely.

    \b
    poolcheck why artifacts/counterexamples/S1-1a2b3c4d.json --mutant NAME
    """
    from machines.cli import _parts, _progress  # noqa: PLC0415 - see the module's docstring
    from machines.explaining import explain  # noqa: PLC0415 - see the module's docstring

    return explain(_progress, file, _parts(mutant), as_json=as_json)

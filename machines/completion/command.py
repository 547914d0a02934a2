"""What `poolcheck report --completion` does between its options and its exit code."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from machines.completion.catalogue import COUNT, ITEMS
from machines.completion.item import Result, Speed, Standing, left_out, result
from machines.completion.page import Origin, page
from machines.history.environment import here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from machines.completion.item import Item
    from machines.history.environment import Environment

GAPS: Final = Path("docs/known-gaps.md")
_CODES: Final = ((Standing.VIOLATED, 1), (Standing.UNKNOWN, 3))


def chosen(*, quick: bool) -> tuple[Item, ...]:
    """The items that are run.

    Args:
        quick: whether only those that take seconds.
    """
    return tuple(one for one in ITEMS if not quick or one.speed is Speed.QUICK)


def listed(items: Sequence[Item]) -> int:
    """The items were printed; the exit code is returned.

    Args:
        items: which.
    """
    for one in items:
        click.echo(f"{one.line}  # {one.name}; at most {one.budget_s:g} s")
    return 0


def completion(items: Sequence[Item], output: Path, *, quick: bool) -> int:
    """Everything was run and the report is written; the exit code is returned.

    Args:
        items: what is run; the others are said to be left out.
        output: where it is written.
        quick: whether it was asked for so.

    Raises:
        ClickException: this is not the project's folder.
    """
    root = Path.cwd()
    if not (root / GAPS).is_file():
        raise click.ClickException(
            f"{GAPS} is not here: the report is made in the project's folder"
        )
    environment = here(root)
    found: dict[str, Result] = {}
    for item in ITEMS:
        if item not in items:
            found[item.name] = left_out(item)
            continue
        click.echo(f"{item.line} …", err=True)
        found[item.name] = one = result(item, root, {"NO_COLOR": "1"})
        words = f": {one.why}" if one.why else ""
        click.echo(f"  {one.standing.value} in {one.seconds:.1f} s{words}", err=True)
    origin = Origin(
        command=f"poolcheck report --completion{' --quick' if quick else ''}",
        commit=environment.commit,
        dirty=environment.dirty,
        machine=_machine(environment),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    counted = found[COUNT.name]
    holds = counted.standing is Standing.HOLDS
    components = json.loads(counted.output)["components"] if holds else []
    gaps = (root / GAPS).read_text().partition("\n")[2]
    _replace(output, page(found, components, gaps, origin))
    click.echo(f"written: {output}", err=True)
    standings = {one.standing for one in found.values()}
    return next((code for standing, code in _CODES if standing in standings), 0)


def _machine(environment: Environment) -> str:
    cores = f"{environment.cores} processors"
    return f"Python {environment.python}, {environment.platform}, {cores}"


def _replace(output: Path, text: str) -> None:
    """The file has this text, or what it had before; never a part of it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=output.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, output)

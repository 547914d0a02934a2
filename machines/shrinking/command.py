"""What `poolcheck shrink` does: a saved counterexample made smaller, or said to be minimal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import click

from machines import counterexample
from machines.drivers import Layer
from machines.run import execute
from machines.shrink import Shrunk, shrink
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from machines.counterexample import Counterexample
    from machines.parts import Parts


def shrink_file(
    progress: Callable[[str, int], AbstractContextManager[Callable[[], None]]],
    file: Path,
    *,
    parts: Parts,
    folder: Path | None,
    walks: int,
    as_json: bool,
) -> int:
    """The file's trace was shrunk, and saved if it became smaller; the exit code is returned.

    Args:
        progress: shows how much of something is done.
        file: a counterexample's.
        parts: the pool, perhaps with a bug planted in it.
        folder: where a smaller one is saved; where the file is, unless given.
        walks: so many random short runs in vain end the search for a shorter one.
        as_json: whether to print one JSON object instead of lines.

    Raises:
        ClickException: it is no counterexample, or its trace does not break its promise.
    """
    try:
        example = counterexample.load(file)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    with progress("shrinking", len(example.steps)) as advance:
        shrunk, layer = _shrunk(file, example, parts, walks, advance)
    saved = None
    if shrunk.trace != example.trace:
        folder = file.parent if folder is None else folder
        saved = counterexample.save(_smaller(example, shrunk, layer, parts), folder)
    _tell(example, shrunk, saved, as_json=as_json)
    return 0


def _shrunk(
    file: Path, example: Counterexample, parts: Parts, walks: int, advance: Callable[[], None]
) -> tuple[Shrunk, Layer]:
    """In the cheapest world that shows the violation."""
    left = len(example.steps)

    def after_each(steps: int) -> None:
        nonlocal left
        for _ in range(left - steps):
            advance()
        left = steps

    own = [kind for kind in PROMISES if kind.promise == example.promise]
    for layer in (Layer.SIM, Layer.WIRE):
        try:
            shrunk = shrink(
                example.trace,
                example.promise,
                layer,
                parts,
                promises=own,
                walks=walks,
                after_each=after_each,
            )
        except ValueError:
            continue  # this world does not show it
        return shrunk, layer
    raise click.ClickException(
        f"{file}: the pool keeps {example.promise} on its trace, on sim and on wire, so there is "
        "nothing to shrink; --mutant NAME plants a bug"
    )


def _smaller(example: Counterexample, shrunk: Shrunk, layer: Layer, parts: Parts) -> Counterexample:
    own = [kind for kind in PROMISES if kind.promise == example.promise]
    report = execute(shrunk.trace, layer, parts, promises=own)
    origin = {**example.origin, "shrunk_from": example.name}
    fresh = counterexample.new(shrunk.trace, report, example.status, **origin)
    return attrs.evolve(fresh, certificate=shrunk.certificate)


def _tell(example: Counterexample, shrunk: Shrunk, saved: Path | None, *, as_json: bool) -> None:
    before, after = len(example.steps), len(shrunk.trace.steps)
    tried = {kind: len(those) for kind, those in shrunk.certificate.tried.items()}
    facts = {
        "promise": example.promise,
        "steps_before": before,
        "steps": after,
        "tried": shrunk.tried,
        "certificate": {kind: list(those) for kind, those in shrunk.certificate.tried.items()},
        "saved": None if saved is None else str(saved),
    }
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    counts = ", ".join(f"{kind} {count}" for kind, count in tried.items())
    if saved is None:
        click.echo(f"{example.promise}: {before} steps, minimal already")
    else:
        click.echo(f"{example.promise}: {before} steps became {after}")
        click.echo(f"saved:   {saved}")
    click.echo(f"tried in vain ({shrunk.tried} traces in all): {counts}")

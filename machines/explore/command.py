"""What `poolcheck explore` does between its options and its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from machines.explore.bounds import Bounds
from machines.explore.checkpoint import CheckpointError
from machines.explore.engine import Search, search
from machines.explore.found import Found, keep
from machines.explore.limits import Limits
from machines.explore.meter import Meter
from machines.explore.options import AMOUNTS, Options
from model.promises import WORDS

if TYPE_CHECKING:
    from pathlib import Path

    from machines.explore.outcome import Outcome

HOLDS: Final = 0
VIOLATED: Final = 1
UNKNOWN: Final = 3
MEGABYTE: Final = 1 << 20


def explore(
    *,
    mutant: str | None,
    promise: str | None,
    symmetric: bool,
    save: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """The search has ended and was reported; the exit code is returned.

    Args:
        mutant: the name of a bug that is planted first.
        promise: the only promise that is judged.
        symmetric: whether of states that differ in names alone one is kept.
        save: where counterexamples are saved.
        as_json: whether to print one JSON object instead of words.
        **given: the other options.

    Raises:
        ClickException: it cannot run.
    """
    options = _options(
        bounds=Bounds(**{name: given.pop(name) for name in AMOUNTS}),
        symmetric=symmetric,
        mutant=mutant,
        promise=promise,
    )
    outcome = _searched(options, **given)
    space = options.space()
    folder = options.folder if save is None else save
    found = [keep(finding, space, options.pool, folder) for finding in outcome.findings]
    if as_json:
        click.echo(json.dumps(facts(options, outcome, found), indent=1))
    else:
        click.echo("\n".join(report(options, outcome, found)))
    if found:
        return VIOLATED
    return HOLDS if outcome.complete else UNKNOWN


def _options(*, mutant: str | None, promise: str | None, **rest: Any) -> Options:
    from machines.mutants import BY_NAME  # noqa: PLC0415 - with all that they change

    if mutant is not None and mutant not in BY_NAME:
        known = ", ".join(sorted(BY_NAME))
        raise click.ClickException(f"--mutant {mutant!r}: mutants are {known}")
    if promise is not None and promise not in WORDS:
        raise click.ClickException(f"--promise {promise!r}: promises are {', '.join(WORDS)}")
    return Options(mutant=mutant, promise=promise, **rest)


def _searched(
    options: Options,
    *,
    processes: int,
    memory: int,
    lively: bool,
    states_max: int | None,
    seconds_max: float | None,
    checkpoint: Path | None,
    resume: Path | None,
) -> Outcome:
    if checkpoint is not None and resume is not None:
        raise click.ClickException(
            "--checkpoint with --resume: a resumed search goes on in its own"
        )
    limits = Limits(states_max, seconds_max)
    with Meter() as meter, limits.heeding_signals():
        try:
            return search(
                Search(
                    options.space,
                    options.words,
                    processes,
                    limits,
                    memory * MEGABYTE,
                    lively=lively,
                    folder=checkpoint or resume,
                    resumed=resume is not None,
                    meter=meter,
                )
            )
        except CheckpointError as error:
            raise click.ClickException(str(error)) from error


def facts(options: Options, outcome: Outcome, found: list[Found]) -> dict[str, Any]:
    """What `--json` prints.

    Args:
        options: what was searched.
        outcome: what came of it.
        found: what was saved.
    """
    counts = outcome.counts
    states = counts.states if options.symmetric else counts.orbits
    return {
        "bounds": options.facts(),
        "states": states,
        "orbits": counts.orbits,
        "transitions": counts.transitions,
        "depth": counts.depth,
        "complete": outcome.complete,
        "violations": [str(one.path) for one in found],
        "seconds": round(outcome.seconds, 3),
        "unknown": outcome.unknown,
        "found": [one.facts() for one in found],
    }


def report(options: Options, outcome: Outcome, found: list[Found]) -> list[str]:
    """What is printed for people; as above."""
    counts = outcome.counts
    kept = f"{counts.orbits:,} states"
    if options.symmetric:
        kept = f"{counts.orbits:,} orbits"
        if counts.states is not None:
            kept += f" of {counts.states:,} states"
    lines = []
    for one in found:
        lines += [*one.lines(options.pool), ""]
    verdict = "complete" if outcome.complete else "not complete"
    if outcome.unknown is not None:
        verdict = f"unknown: {outcome.unknown}"
    lines.append(
        f"{verdict}: {kept}, {counts.transitions:,} steps, {counts.depth} deep, "
        f"{outcome.seconds:.1f} s; {_findings(found)}"
    )
    lines.append(
        "within: " + ", ".join(f"{name} {getattr(options.bounds, name)}" for name in AMOUNTS)
    )
    return lines


def _findings(found: list[Found]) -> str:
    if not found:
        return "nothing found"
    return "found: " + ", ".join(one.example.promise for one in found)

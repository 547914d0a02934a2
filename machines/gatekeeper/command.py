"""What `poolcheck gate` does between its options and its exit code."""

from __future__ import annotations

import datetime
import json
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

import machines
from machines.gatekeeper import reports
from machines.gatekeeper.catalogue import BY_NAME, CHECKS
from machines.gatekeeper.check import Plan
from machines.gatekeeper.conduct import conducted
from machines.gatekeeper.remembered import remember
from machines.history import place_of
from machines.history.environment import here

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from machines.gatekeeper.check import Check, Outcome

SEED_BITS: Final = 31
SAVED: Final = "artifacts/counterexamples"
_STARTED: Final = ("pyproject.toml", "machines", "model", "pool")


def gate(
    *,
    only: Sequence[str],
    output: Path,
    seed: int | None,
    rotation: int | None,
    processes: int,
    said: str | None,
    as_json: bool,
) -> int:
    """The checks have run and everything was reported; the exit code is returned.

    Args:
        only: the names of the checks that run; all if there is none.
        output: where reports are written.
        seed: the fresh part's; a new one unless given.
        rotation: which planted bugs' turn it is; that of the day unless given.
        processes: so many processes can work at once.
        said: where the history is, see `machines.history.place_of`.
        as_json: whether to print one JSON object instead of lines.

    Raises:
        ClickException: it cannot run here.
    """
    root = _root()
    place, environment, began_at = _history(said, root), here(root), time.time()
    plan = Plan(
        root,
        _emptied(root / output, root),
        secrets.randbits(SEED_BITS) if seed is None else seed,
        _today() if rotation is None else rotation,
        processes,
    )
    chosen = [check for check in CHECKS if not only or check.name in only]
    if not as_json:
        click.echo(f"seed {plan.seed}, rotation {plan.rotation}, {len(chosen)} checks")
    before = _saved(root)
    began = time.monotonic()
    outcomes = conducted(chosen, plan, (lambda _: None) if as_json else _tell)
    seconds = time.monotonic() - began
    found = sorted(_saved(root) - before)
    result = reports.Result(plan, tuple(outcomes), seconds, tuple(found))
    reports.write(result)
    unkept = remember(result, place, environment, began_at)
    if unkept is not None:
        click.echo(unkept, err=True)
    if as_json:
        click.echo(json.dumps(result.facts(), indent=1))
    else:
        click.echo("\n".join(reports.lines(result)))
    return result.code


def catalogue(*, as_json: bool) -> int:
    """Every check was listed, with its bar and its commands; the exit code is returned.

    Args:
        as_json: whether to print a list of facts instead of lines.
    """
    plan = Plan(Path(), Path("artifacts/reports/gate"), 0, 0, _processors())
    if as_json:
        click.echo(json.dumps([_facts(check, plan) for check in CHECKS], indent=1))
        return 0
    for check in CHECKS:
        click.echo(f"{check.name:<16}{check.demand}; bar: {check.bar}")
        for command in check.commands(plan):
            click.echo(f"{'':<16}  {command.line}")
    return 0


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names of checks are returned as they are.

    Raises:
        ClickException: there is no such check.
    """
    unknown = sorted(set(names) - set(BY_NAME))
    if unknown:
        raise click.ClickException(f"--only {unknown[0]!r}: checks are {', '.join(BY_NAME)}")
    return tuple(names)


def _facts(check: Check, plan: Plan) -> dict[str, object]:
    return {
        "check": check.name,
        "demand": check.demand,
        "bar": check.bar,
        "budget_s": check.budget_s,
        "commands": [command.line for command in check.commands(plan)],
    }


def _history(said: str | None, root: Path) -> str:
    try:
        return place_of(said, root)
    except ValueError as error:
        raise click.ClickException(f"--history {error}") from error


def _processors() -> int:
    return len(os.sched_getaffinity(0))


def _root() -> Path:
    """The project's folder, in which this must be run, and whose own code judges it."""
    root = Path.cwd()
    if not all((root / name).exists() for name in _STARTED):
        raise click.ClickException(f"{root}: the gate is run in the project's folder")
    mine = Path(str(machines.__file__)).resolve().parents[1]
    if mine != root.resolve():
        raise click.ClickException(f"{root}: the gate that was started is that of {mine}")
    return root


def _emptied(folder: Path, root: Path) -> Path:
    """The folder, with nothing in it of another run; whatever else is there is left alone."""
    names = {"gate.json", "junit.xml", "summary.md", "counterexamples", *BY_NAME}
    if folder.resolve() == root.resolve():
        raise click.ClickException("--output: the project's own folder is no place for reports")
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _today() -> int:
    """The number of the day, in UTC: the same everywhere."""
    return datetime.datetime.now(datetime.UTC).date().toordinal()


def _saved(root: Path) -> set[Path]:
    return set((root / SAVED).glob("*.json"))


def _tell(outcome: Outcome) -> None:
    click.echo(reports.line(outcome))

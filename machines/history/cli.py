"""The options of `poolcheck history`; what it does is imported when it runs."""

from __future__ import annotations

from typing import Final

import click

REASONS: Final = ("flaky", "regression", "coverage")


def _reasons(_: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """A comma-separated choice of reasons to fail."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if set(names) - set(REASONS):
        raise click.BadParameter(f"{value!r}: reasons are {', '.join(REASONS)}", param=param)
    return names


@click.command()
@click.option(
    "--history",
    "said",
    metavar="URL",
    help="A file, or postgresql://…  [default: $POOLCHECK_HISTORY, or artifacts/history.sqlite]",
)
@click.option(
    "--runs",
    "runs_max",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    help="So many of the last runs are looked at.",
)
@click.option(
    "--accidents",
    type=click.FloatRange(0.0, 0.5, min_open=True),
    default=0.001,
    show_default=True,
    help="So rarely may a sound test fail by accident.",
)
@click.option(
    "--least",
    type=click.FloatRange(0.0),
    default=0.03,
    show_default=True,
    help="A smaller part of a duration or figure is no change.",
)
@click.option(
    "--drop",
    type=click.FloatRange(0.0),
    default=0.5,
    show_default=True,
    help="Points that coverage may lie below the runs before.",
)
@click.option(
    "--top", type=click.IntRange(1), default=10, show_default=True, help="So many rows of a table."
)
@click.option(
    "--fail-on",
    "fail_on",
    callback=_reasons,
    default="",
    metavar="REASON,…",
    help=f"Exit with 1 if there is such a thing: {', '.join(REASONS)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def history(
    *,
    said: str | None,
    runs_max: int,
    accidents: float,
    least: float,
    drop: float,
    top: int,
    fail_on: tuple[str, ...],
    as_json: bool,
) -> int:
    r"""Say what the last runs show together: flaky tests, regressions, trends, slowest tests.

    \b
    poolcheck history
    poolcheck history --fail-on flaky,regression,coverage
    poolcheck history --history postgresql://server/team --runs 1000 --json

    With --fail-on exit code 1 says that there is one, and 3 that the runs are too few to say.
    """
    from machines.history import command  # noqa: PLC0415 - see the module's docstring

    wanted = command.Wanted(runs_max, accidents, least, drop, top, fail_on)
    return command.history(said, wanted, as_json=as_json)

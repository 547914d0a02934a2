"""`python -m machines.shrinking`: how well the trace shrinker does on every planted bug.

Exit codes: 0 every bar is reached, 1 one is missed, 2 cannot run.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import click

from machines.shrinking.failing import STEPS_MIN
from machines.shrinking.measure import SHRINKABLE, STARTS, Shrinking, known_traces, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS_MAX: Final = 10.0
SAME_LEAST: Final = 0.9


@click.command()
@click.option("--starts", type=click.IntRange(1), default=STARTS, show_default=True)
@click.option("--mutant", "names", multiple=True, metavar="NAME", help="Only this planted bug.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def main(starts: int, names: tuple[str, ...], *, as_json: bool) -> int:
    """Shrink long failing traces of every planted bug, and say what is left of them."""
    known, every = known_traces(), {mutant.name: mutant for mutant in SHRINKABLE}
    for name in names:
        if name not in every:
            raise click.ClickException(f"--mutant {name!r}: known are {', '.join(sorted(every))}")
    done: list[Shrinking] = []
    for name in names or tuple(every):
        those = [measure(every[name], start, known.get(name)) for start in range(starts)]
        if not as_json:
            _tell(those)
        done += those
    totals = total(done)
    if as_json:
        facts = {**totals, "shrinkings": [one.facts() for one in done]}
        click.echo(json.dumps(facts, indent=1))
    else:
        click.echo("".join(f"\n{key.replace('_', ' ')}: {value}" for key, value in totals.items()))
    return 0 if totals["reached"] else 1


def total(done: Sequence[Shrinking]) -> dict[str, Any]:
    """The figures of all shrinkings together, and whether they reach the bars.

    Args:
        done: all of them, each planted bug's together.
    """
    bugs = [list(those) for _, those in groupby(done, lambda one: one.mutant)]
    same = sum(len({len(one.trace.steps) for one in those}) == 1 for those in bugs)
    minimal = sum(not one.removable for one in done)
    slowest = max(one.seconds for one in done)
    long = all(one.steps_before >= STEPS_MIN for one in done)
    reached = minimal == len(done) and slowest <= SECONDS_MAX and same >= SAME_LEAST * len(bugs)
    return {
        "bugs": len(bugs),
        "same_length": same,
        "shrinkings": len(done),
        "minimal": minimal,
        "padded": sum(one.padded for one in done),
        "seconds_max": round(slowest, 2),
        "reached": reached and long,
    }


def _tell(those: Sequence[Shrinking]) -> None:
    before = ",".join(str(one.steps_before) for one in those)
    left = ",".join(str(len(one.trace.steps)) for one in those)
    seconds = max(one.seconds for one in those)
    wrong = " NOT MINIMAL" if any(one.removable for one in those) else ""
    click.echo(f"{those[0].mutant:<34} {before:>19} -> {left:<14} {seconds:5.1f} s{wrong}")


if __name__ == "__main__":
    try:
        sys.exit(main.main(standalone_mode=False))
    except click.ClickException as error:
        click.echo(f"shrinking: {error.format_message()}", err=True)
        sys.exit(2)

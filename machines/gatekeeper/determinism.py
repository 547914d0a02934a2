"""Determinism: a sample of runs, told as digests, to be compared with those of another process.

The gate runs `python -m machines.gatekeeper.determinism` twice, under different hash seeds: what
depends on the order of a set, or on an address, gives other digests the second time.
"""

from __future__ import annotations

import json
from typing import Final

import click

from machines import counterexample, garbage
from machines.counterexample import FOLDER, CounterexampleError
from machines.drivers import Layer
from machines.run import execute
from machines.walker import walk

ONE_IN: Final = 5  # of the walks run on `wire`, too


def digests(first: int, walks: int) -> dict[str, str]:
    """Walks and saved counterexamples have run; the digest of each is returned by its name.

    Args:
        first: the first walk's seed.
        walks: how many.
    """
    found: dict[str, str] = {}
    with garbage.set_aside():
        for seed in range(first, first + walks):
            trace, report = walk(seed)
            found[f"walk {seed} on sim"] = report.digest
            if seed % ONE_IN == 0:
                found[f"walk {seed} on wire"] = execute(trace, Layer.WIRE).digest
        for path in sorted(FOLDER.glob("*.json")):
            try:
                trace = counterexample.load(path).trace
            except CounterexampleError as error:
                raise click.ClickException(str(error)) from error
            found[f"{path.stem} on sim"] = execute(trace).digest
    return found


@click.command()
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--walks", type=click.IntRange(1), default=200, show_default=True)
def main(seed: int, walks: int) -> None:
    """Print the digest of each run of a sample."""
    click.echo(json.dumps(digests(seed, walks), indent=1))


if __name__ == "__main__":
    main()

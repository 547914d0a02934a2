"""`poolcheck chaos`: one scenario, or all of them together, for so many seconds, and its report."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.suites.chaos.demands import Demand

NAMES: Final = (
    "kill",
    "cascade",
    "herd",
    "delay",
    "corruption",
    "byzantine",
    "memory",
    "scarcity",
    "partition",
    "all",
)
EXIT_CODES: Final = {True: 0, False: 1, None: 3}
WORDS: Final = {True: "met", False: "missed", None: "unknown"}
VERDICTS: Final = {True: "holds", False: "violated", None: "unknown"}
OUTPUT: Final = Path("artifacts/reports/chaos")


@click.command()
@click.argument("scenario", type=click.Choice(NAMES), default="all")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 24 * 3600),
    default=60.0,
    show_default=True,
    help="How long the pool is struck.",
)
@click.option("--seed", type=int, default=0, help="Fixes what is wanted, and who is struck.")
@click.option(
    "--tasks",
    type=click.IntRange(1),
    metavar="N",
    help="So many tasks, as fast as the pool takes them; then it ends.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUTPUT,
    show_default=True,
    help="Where the report goes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def chaos(
    *,
    scenario: str,
    seconds: float,
    seed: int,
    tasks: int | None,
    output: Path,
    as_json: bool,
) -> int:
    r"""Strike a pool of real processes under load, then demand the truth of it.

    \b
    poolcheck chaos kill --seconds 20
    poolcheck chaos all --seconds 300 --seed 7
    poolcheck chaos corruption --tasks 100000 --seconds 3600
    """
    from machines.suites.chaos import demands, report  # noqa: PLC0415 - numpy, which takes long
    from machines.suites.chaos.run import run_chaos  # noqa: PLC0415 - as above
    from machines.suites.chaos.scenarios import SCENARIOS  # noqa: PLC0415 - as above
    from machines.suites.settings import SettingsError, load  # noqa: PLC0415 - as above

    try:
        settings = load()
        output.mkdir(parents=True, exist_ok=True)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"--output {output}: {error.strerror}") from error
    log = output / f"{scenario}.log"
    with tempfile.TemporaryDirectory() as folder, _logged(log):
        run = run_chaos(SCENARIOS[scenario], Path(folder), seconds=seconds, seed=seed, tasks=tasks)
        found = demands.demands(run, settings.on("free"))
    facts = report.facts(run, found, settings)
    path = output / f"{scenario}.json"
    path.write_text(json.dumps(facts, indent=1) + "\n")
    report.draw(run, output / f"{scenario}.png")
    if as_json:
        click.echo(json.dumps(facts, indent=1))
    else:
        _tell(run.scenario.words, found, facts, path)
    return EXIT_CODES[demands.verdict(found)]


def _tell(words: str, found: list[Demand], facts: dict[str, Any], path: Path) -> None:
    ends = ", ".join(f"{count} {name}" for name, count in facts["endings"].items())
    click.echo(f"{words}: {facts['tasks']} tasks in {facts['seconds']:g} s, {ends}")
    for one in found:
        figure = f"{one.figure:g} {one.unit}, demanded {one.bar:g}"
        click.echo(f"{WORDS[one.met]:>8}  {one.name}: {figure} ({one.source})")
        if one.words:
            click.echo(f"          {one.words}")
    for one in facts["overrides"]:
        click.echo(f"{one['key']} = {one['now']} instead of {one['was']} ({one['variable']})")
    click.echo(f"report: {path}")


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """What the pool logs goes to the file, and nowhere else."""
    logger = logging.getLogger("pool")
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = logger.propagate
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
        handler.close()

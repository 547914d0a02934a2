"""The `poolcheck` command: replay saved failures, check that planted bugs are found, measure.

Exit codes: 0 holds, 1 violated, 2 cannot run, 3 diverged or unknown. Worker processes import the
program that started them, so what a command needs is imported when it runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from machines.commands import Commands
from machines.completion.cli import report
from machines.explore.cli import explore
from machines.gatekeeper.cli import gate, refresh
from machines.history.cli import history
from machines.shrinking.cli import shrink, why
from machines.suites.chaos.command import chaos
from machines.suites.cli import load, performance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from machines.parts import Parts
    from machines.recorded import Retraced
    from machines.replay import Traced
    from machines.selfcheck import Seeds

LAYERS: Final = ("sim", "wire", "real")
CANNOT_RUN: Final = 2
UNKNOWN: Final = 3
LIMIT_MAX_S: Final = 3600.0


def _layers(_: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """A comma-separated choice of layers."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names or set(names) - set(LAYERS):
        raise click.BadParameter(f"{value!r}: layers are {', '.join(LAYERS)}", param=param)
    return names


def _seconds(_: click.Context, param: click.Parameter, value: str) -> float:
    """A bound in seconds that the operating system can wait for."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LIMIT_MAX_S:  # neither is what is no number
        words = f"{value!r}: seconds, more than 0 and at most {LIMIT_MAX_S:g}"
        raise click.BadParameter(words, param=param)
    return seconds


def main() -> None:
    """The command has run; this process ends with its exit code."""
    try:
        code = command.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        click.echo(f"poolcheck: {' '.join(error.format_message().split())}", err=True)
        code = CANNOT_RUN
    except OSError as error:
        click.echo(f"poolcheck: {error}", err=True)
        code = CANNOT_RUN
    except click.Abort:
        click.echo("poolcheck: interrupted", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=Commands, no_args_is_help=False)
@click.version_option(package_name="poolcheck")
def command() -> None:
    """Check pools of worker processes: see also `pytest machines/`."""


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--layer", "layers", callback=_layers, default=",".join(LAYERS), show_default=True)
@click.option("--times", type=click.IntRange(1), default=1, show_default=True)
@click.option("--mutant", metavar="NAME", help="Plant this bug in the pool first.")
@click.option(
    "--limit",
    callback=_seconds,
    default=10.0,
    show_default=True,
    help="Seconds that `real` waits for one fact of the operating system.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("artifacts/counterexamples"),
    show_default=True,
    help="Where what a flight recorder's file shows broken is saved, shrunk.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="So many processes do it."
)
@click.option("--as-test", is_flag=True, help="Print the one FILE as a pytest function instead.")
def replay(  # noqa: PLR0913 - each is an option
    files: tuple[Path, ...],
    *,
    layers: tuple[str, ...],
    times: int,
    mutant: str | None,
    limit: float,
    save: Path,
    as_json: bool,
    jobs: int,
    as_test: bool,
) -> int:
    r"""Run saved counterexamples, or a flight recorder's file, again and say whether they hold.

    \b
    poolcheck replay artifacts/counterexamples/*.json
    poolcheck replay FILE --layer real --times 20
    poolcheck replay artifacts/counterexamples/*.json --layer real --times 1000 --jobs 2
    poolcheck replay FILE --as-test > tests/test_it.py
    """
    from machines.counterexample import Counterexample  # noqa: PLC0415 - see the module's docstring
    from machines.recorded import is_record  # noqa: PLC0415 - see the module's docstring
    from machines.replaying import replay_all, tell_as_test  # noqa: PLC0415 - see the docstring

    if as_test and len(files) > 1:
        raise click.UsageError("--as-test takes one FILE")
    _parts(mutant)
    examples = [(file, _load(file, mutant, save)) for file in files]
    if as_test:
        return tell_as_test(*examples[0], mutant)
    code = replay_all(
        _progress,
        examples,
        layers,
        times=times,
        mutant=mutant,
        limit_s=limit,
        jobs=jobs,
        as_json=as_json,
    )
    # An open counterexample that is violated is as it should be; a log that shows one is not.
    home = any(is_record(file) and isinstance(one, Counterexample) for file, one in examples)
    return code or int(home)


@command.command()
@click.option("--seed", type=int, default=0, show_default=True, help="Hypothesis's seed.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="So many seeds, from that one on.",
)
@click.option(
    "--mutant", "names", multiple=True, metavar="NAME", help="Only this bug (may be repeated)."
)
@click.option(
    "--real",
    "real_times",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Replays of each on real processes.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    help="Save each shrunk counterexample in this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def selfcheck(
    seed: int,
    seeds: int,
    names: tuple[str, ...],
    real_times: int,
    save: Path | None,
    as_json: bool,
) -> int:
    """Plant bugs in the pool and demand that the machines find every one."""
    from machines import counterexample  # noqa: PLC0415 - see the module's docstring
    from machines.drivers import Diverged  # noqa: PLC0415 - see the module's docstring
    from machines.mutants import BY_NAME, MUTANTS  # noqa: PLC0415 - see the module's docstring
    from machines.selfcheck import canary_found, check_all  # noqa: PLC0415 - as above

    for name in names:
        _parts(name)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
    chosen = [BY_NAME[name] for name in names] or list(MUTANTS)
    try:
        with _progress("hunting planted bugs", 1 + len(chosen) * seeds) as advance:
            canary = canary_found(seed)
            advance()
            those = range(seed, seed + seeds)
            checks = check_all(chosen, those, real_times=real_times, after_each=advance)
    except Diverged as error:
        click.echo(f"poolcheck: diverged: {error}", err=True)
        return UNKNOWN
    if save is not None:
        for one in checks:
            if one.first.example is not None:
                counterexample.save(one.first.example, save)
    if as_json:
        facts = {
            "mutants": [one.facts() for one in checks],
            "canary": "found" if canary else "missed",
        }
        click.echo(json.dumps(facts, indent=1))
    else:
        _tell_checks(checks, canary=canary)
    return 0 if canary and all(one.passed for one in checks) else 1


@command.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Calls a round from which latency is taken; the other amounts follow from it.",
)
@click.option("--measures", metavar="NAME,…", help="Only these; all but `flat` unless given.")
@click.option("--contestants", metavar="NAME,…", help="Only these; all unless given.")
@click.option(
    "--flat",
    type=click.IntRange(1),
    metavar="N",
    help="Also the parent's memory at ten points of so many no-ops.",
)
@click.option(
    "--limit",
    "limit_s",
    callback=_seconds,
    default=120.0,
    show_default=True,
    help="Seconds after which a trial is said to hang.",
)
@click.option("--bars", "demand_bars", is_flag=True, help="Exit with 1 if one is missed.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), help="Draw .png or .svg.")
def bench(*, as_json: bool, demand_bars: bool, **settings: Any) -> int:
    r"""Measure this pool and its peers side by side.

    \b
    poolcheck bench --rounds 1 --contestants ours-fork,ppe-fork
    poolcheck bench --measures latency,throughput --bars --json
    """
    from machines.bench.command import bench as run  # noqa: PLC0415 - see the module's docstring

    given = {name: value for name, value in settings.items() if value is not None}
    return run(_progress, as_json=as_json, demand_bars=demand_bars, **given)


@command.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--agreement",
    type=click.IntRange(0),
    metavar="N",
    default=200,
    show_default=True,
    help="So many random walks on sim and on wire.",
)
@click.option(
    "--real",
    type=click.IntRange(0),
    metavar="N",
    default=10,
    show_default=True,
    help="So many of them on real, too.",
)
@click.option("--crash-points", is_flag=True, help="A worker dies wherever it can.")
@click.option("--seed", type=click.IntRange(0), default=0, help="The first walk's number.")
@click.option("--mutant", metavar="NAME", help="With FILE: plant this bug in the pool first.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def check(
    *,
    files: tuple[Path, ...],
    agreement: int,
    real: int,
    crash_points: bool,
    seed: int,
    mutant: str | None,
    as_json: bool,
) -> int:
    r"""Whether the layers agree, and what becomes of workers that die at the worst moment.

    With FILE, a flight recorder's: which promises its pool kept.

    \b
    poolcheck check incident.log
    poolcheck check --agreement 10000 --real 500
    poolcheck check --agreement 0 --real 0 --crash-points
    """
    from machines.checking import check as run  # noqa: PLC0415 - see the module's docstring

    if files:
        from machines.checking_logs import check_logs  # noqa: PLC0415 - see the module's docstring

        return check_logs(_progress, files, parts=_parts(mutant), as_json=as_json)
    return run(
        _progress,
        agreement=agreement,
        real=real,
        crash_points=crash_points,
        seed=seed,
        as_json=as_json,
    )


command.add_command(shrink)
command.add_command(why)
command.add_command(explore)
command.add_command(gate)
command.add_command(refresh)
command.add_command(chaos)
command.add_command(load)
command.add_command(history)
command.add_command(report)
command.add_command(performance)


def _load(file: Path, mutant: str | None, save: Path) -> Traced:
    """The counterexample in the file; of a flight recorder's what it shows broken, or its trace."""
    from machines import counterexample, recorded  # noqa: PLC0415 - see the module's docstring

    try:
        if recorded.is_record(file):
            found = _followed(file, recorded.load(file, _parts(mutant)))
            return found if found.report.violation is None else _home(file, found, mutant, save)
        return counterexample.load(file)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _home(file: Path, found: Retraced, mutant: str | None, save: Path) -> Traced:
    """What the log shows broken is a saved counterexample."""
    from machines.homecoming import come_home  # noqa: PLC0415 - see the module's docstring

    example, path = come_home(file, found, save, _parts(mutant), mutant)
    many = f"{found.events:,} events, {len(found.trace.steps):,} steps"
    words = f"broke {example.promise}; shrunk to {len(example.steps)} steps; saved: {path}"
    click.echo(f"poolcheck: {file}: {many}: {words}", err=True)
    return example


def _followed(file: Path, found: Retraced) -> Retraced:
    """A record that no world tells ends the command, with exit code 1; 3 if that is not known."""
    from model.checker import Verdict  # noqa: PLC0415 - see the module's docstring

    if found.verdict is Verdict.HOLDS:
        return found
    click.echo(f"poolcheck: {file}: {found.verdict.value}: {found.why}", err=True)
    raise click.exceptions.Exit(1 if found.verdict is Verdict.VIOLATED else UNKNOWN)


def _parts(mutant: str | None) -> Parts:
    from machines.mutants import BY_NAME  # noqa: PLC0415 - see the module's docstring
    from machines.parts import POOL  # noqa: PLC0415 - see the module's docstring

    if mutant is None:
        return POOL
    if mutant not in BY_NAME:
        raise click.ClickException(f"--mutant {mutant!r}: mutants are {', '.join(sorted(BY_NAME))}")
    return BY_NAME[mutant].parts


class _progress:  # noqa: N801 - used as a function
    """A bar on the terminal's error output while a block runs; silent where there is none."""

    def __init__(self, what: str, total: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - see the module's docstring
        from rich.progress import Progress  # noqa: PLC0415 - see the module's docstring

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Callable[[], None]:
        self._bar.start()
        return lambda: self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _tell_checks(checks: Sequence[Seeds], *, canary: bool) -> None:
    from statistics import median  # noqa: PLC0415 - see the module's docstring

    from rich.console import Console  # noqa: PLC0415 - see the module's docstring
    from rich.table import Table  # noqa: PLC0415 - see the module's docstring

    table = Table(box=None, pad_edge=False)
    for column in ("planted bug", "breaks", "seeds", "examples", "s", "steps", "real", "verdict"):
        right = column in ("seeds", "examples", "s", "steps", "real")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for one in checks:
        facts = one.facts()
        steps = f"{facts['steps_found']} → {facts['steps']}" if one.found_in else "-"
        verdict = "found" if one.passed else "FAILED" if facts["found"] else "MISSED"
        figures = (facts["examples"], f"{facts['seconds']:.1f}", steps, facts["real"] or "-")
        row = (facts["name"], facts["promise"], facts["found_in"], *figures, verdict)
        table.add_row(*map(str, row))
    console = Console()
    console.print(table)
    found = sum(one.passed for one in checks)
    told = [one.facts() for one in checks]
    steps = median([facts["steps"] for facts in told if facts["steps"] is not None] or [0])
    examples = median(facts["examples"] for facts in told)
    console.print(
        f"{found} of {len(checks)} found; the canary was {'found' if canary else 'MISSED'}\n"
        f"medians: {examples:g} examples, {steps:g} steps"
    )

"""What `poolcheck load` does between its options and its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import click

from machines.suites import plots, settings
from machines.suites.demand import EXIT_CODES, all_met
from machines.suites.load import report, shapes, verdict
from machines.suites.load.run import run_load
from machines.suites.log import logged_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from machines.suites.load.shapes import Shape
    from machines.suites.settings import LayerSettings


def load(name: str, *, seconds: float | None, seed: int | None, output: Path, as_json: bool) -> int:
    """The loads have been carried out and reported; the exit code is returned.

    Args:
        name: of a shape; `quick` for a short one of each but the ramp, `all` for each in full.
        seconds: how long it lasts; of a ramp, each step; None for what is demanded or usual.
        seed: fixes what is wanted and who is killed; None for the configured one.
        output: the folder of the reports.
        as_json: whether to print them as one list in JSON.

    Raises:
        ClickException: the configuration cannot be used, or there is no such folder to be had.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        known = settings.load()
    except OSError as error:
        raise click.ClickException(f"--output {output}: {error.strerror}") from error
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from error
    free = known.on("free")
    if seed is not None:
        free = attrs.evolve(free, seed=seed)
    if not as_json:
        for override in known.overrides:
            click.echo(f"setting: {override}")
    told, met = [], []
    for shape in _chosen(name, free, seconds):
        title = f"quick-{shape.name}" if name == "quick" else shape.name
        with logged_to(output / f"load-{title}.log"), free.logged():
            run = run_load(shape, free)
        demands = verdict.demands(run, free)
        facts = {**report.facts(run, demands, known), "seed": free.seed}
        (output / f"load-{title}.json").write_text(json.dumps(facts, indent=1) + "\n")
        plots.draw_load(facts, output / f"load-{title}.png")
        told.append(facts)
        met += demands
        if not as_json:
            tell(facts, [str(one) for one in demands])
    click.echo(json.dumps(told, indent=1) if as_json else f"reports: {output}")
    return EXIT_CODES[all_met(met)]


def tell(facts: Mapping[str, Any], demands: list[str]) -> None:
    """What came of one load was printed, in a few lines.

    Args:
        facts: of its report.
        demands: a line of each.
    """
    ends = ", ".join(f"{count:,} {ending}" for ending, count in facts["endings"].items())
    click.echo(f"{facts['shape']}: {facts['words']}: {ends}")
    late = ", ".join(f"{key[:-3]} {value:.2f}" for key, value in facts["latency"].items())
    cost = facts["client"]
    click.echo(f"         ms from when it was due: {late}")
    click.echo(
        f"         the client itself: {cost['processor_us']:g} µs of processor time each, "
        f"submitted {cost['late']['p50_ms']:.2f} ms late, p99 {cost['late']['p99_ms']:.2f}"
    )
    if facts["shape"] == "ramp":
        until = facts["p99_held_until_per_s"]
        held = "no rate" if until is None else f"{until:,.0f} a second"
        click.echo(f"         p99 was as demanded up to {held}; it {_end_of(facts)}")
    for line in demands:
        click.echo(line)


def _end_of(facts: Mapping[str, Any]) -> str:
    if facts["broke"]:
        return f"broke after {facts['breaking_per_s'] or 0:,.0f} a second"
    return "did not break"


def _chosen(name: str, free: LayerSettings, seconds: float | None) -> Iterator[Shape]:
    if name == "quick":
        for shape, long in shapes.QUICK_S.items():
            yield shapes.SHAPES[shape](free, long if seconds is None else seconds)
    elif name == "all":
        for make in shapes.SHAPES.values():
            yield make(free, seconds)
    else:
        yield shapes.SHAPES[name](free, seconds)

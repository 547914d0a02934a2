"""What `poolcheck performance` does between its options and its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from machines.suites import plots, settings, where
from machines.suites.demand import EXIT_CODES, VERDICTS, Demand, Sense, all_met
from machines.suites.log import logged_to
from machines.suites.performance import baseline
from machines.suites.performance.run import Amount, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from machines.bench.spread import Spread
    from machines.harness import Comparison
    from machines.suites.performance.run import Performance
    from machines.suites.settings import LayerSettings, Settings

QUICK: Final = Amount(
    rounds=baseline.ROUNDS_MIN, calls=1_000, workers=(1, 2), payloads=(0, 1 << 16)
)


def performance(
    progress: Callable[[str, int], AbstractContextManager[Callable[[], None]]],
    *,
    quick: bool,
    rounds: int,
    against: Path,
    save: bool,
    output: Path,
    as_json: bool,
) -> int:
    """Performance was measured, compared and reported; the exit code is returned.

    Args:
        progress: shows how much of something is done.
        quick: whether less is measured, and little of scaling.
        rounds: how often.
        against: the baseline's file.
        save: whether that is written, and nothing compared.
        output: the folder of the report.
        as_json: whether to print the report.

    Raises:
        ClickException: the configuration or the baseline cannot be used.
    """
    if rounds < baseline.ROUNDS_MIN:
        words = f"--rounds {rounds}: at least {baseline.ROUNDS_MIN} are needed to compare"
        raise click.ClickException(words)
    try:
        known = settings.load()
        before = None if save else baseline.load(against)
        output.mkdir(parents=True, exist_ok=True)
    except (settings.SettingsError, baseline.BaselineError, OSError) as error:
        raise click.ClickException(str(error)) from error
    free = known.on("free")
    amount = attrs.evolve(QUICK if quick else Amount(), rounds=rounds)
    with (
        logged_to(output / "performance.log"),
        free.logged(),
        progress("measuring", rounds) as advance,
    ):
        found = measure(free, amount, advance)
    made = where.facts(known)
    try:
        if save:
            baseline.save(against, found.ratios, {k: made[k] for k in ("at", "commit", "machine")})
        compared = [] if before is None else baseline.compare(before, found.ratios)
    except baseline.BaselineError as error:
        raise click.ClickException(str(error)) from error
    demands = demands_of(compared, free)
    facts = facts_of(found, compared, demands, known, made)
    (output / "performance.json").write_text(json.dumps(facts, indent=1) + "\n")
    plots.draw_scaling(facts, output / "performance.png")
    if as_json:
        click.echo(json.dumps(facts, indent=1))
    else:
        _tell(facts, compared, demands)
        click.echo(f"report: {output / 'performance.json'}")
    return EXIT_CODES[all_met(demands)]


def demands_of(compared: Sequence[Comparison], free: LayerSettings) -> list[Demand]:
    """None may be certainly slower than the baseline by more than the configured ratio.

    Args:
        compared: to the baseline; none where there is no baseline.
        free: the settings of the layer `free`.
    """
    bar = free.thresholds["regression_ratio"]
    return [
        Demand(
            f"{one.what}, certainly slower",
            round(one.low, 4),
            Sense.AT_MOST,
            bar.value,
            "times",
            bar.source,
        )
        for one in compared
    ]


def facts_of(
    found: Performance,
    compared: Sequence[Comparison],
    demands: Sequence[Demand],
    known: Settings,
    made: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that is known of the run.

    Args:
        found: what was measured.
        compared: to the baseline.
        demands: what is demanded of that.
        known: the configuration.
        made: where the result came from.
    """
    return {
        "suite": "performance",
        **made,
        "pool": {"size": known.on("free").size},
        "calibrations": [one.facts() for one in found.calibrations],
        "figures": _facts(found.figures),
        "ratios": _facts(found.ratios),
        "resources": list(found.resources),
        "latency": {**found.distribution.facts(), "distribution": found.distribution.curve()},
        "scaling": {
            "workers": [{"workers": size, **_facts(one)} for size, one in found.workers.items()],
            "payload": [{"bytes": size, **_facts(one)} for size, one in found.payload.items()],
        },
        "compared": [attrs.asdict(one) for one in compared],
        "demands": [one.facts() for one in demands],
        "verdict": VERDICTS[all_met(demands)],
    }


def _facts(spreads: Mapping[str, Spread]) -> dict[str, Any]:
    return {name: spread.facts() for name, spread in spreads.items()}


def _tell(
    facts: Mapping[str, Any], compared: Sequence[Comparison], demands: Sequence[Demand]
) -> None:
    for override in facts["overrides"]:
        now = f"{override['key']} = {override['now']} instead of {override['was']}"
        click.echo(f"setting: {now} ({override['variable']})")
    for name, one in facts["figures"].items():
        click.echo(f"{name:>16}  {_spread(one)}")
    for row in facts["scaling"]["workers"]:
        heavy = _spread(row["compute_per_s"])
        noops = _spread(row["noop_per_s"])
        bare = f"{row['bare_per_s']['median']:,.0f} without a pool"
        click.echo(f"{row['workers']:>8} workers  no-ops/s {noops}; computations/s {heavy}, {bare}")
    for row in facts["scaling"]["payload"]:
        click.echo(f"{row['bytes']:>10} bytes  echoes/s {_spread(row['per_s'])}")
    for one in compared:
        click.echo(f"to the baseline, by the calibration: {one}")
    for demand in demands:
        click.echo(str(demand))
    if not compared:
        click.echo("nothing was compared: this is the baseline from now on")


def _spread(one: Mapping[str, Any]) -> str:
    return f"{one['median']:,.1f} ({one['min']:,.1f} to {one['max']:,.1f})"

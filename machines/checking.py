"""What `poolcheck check` does: agreement of the layers on random walks, and the crash points."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from machines.agreement import disagreements
from machines.crash_points import one_of_each, points, shortest_paths, survey
from machines.drivers import Layer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]

SHOWN_MAX = 5


def check(
    progress: Progress,
    *,
    agreement: int,
    real: int,
    crash_points: bool,
    seed: int,
    as_json: bool,
) -> int:
    """Everything that was wanted has run and was reported; the exit code is returned.

    Args:
        progress: shows how much of something is done.
        agreement: how many walks run on `wire` too.
        real: how many walks run on `real` too.
        crash_points: whether a worker dies at every crash point.
        seed: the first walk's number.
        as_json: whether to print one JSON object instead of lines.

    Returns:
        0 if all layers agreed and no promise was broken, else 1.
    """
    facts: dict[str, Any] = {"agreement": [], "crash_points": []}
    lines: list[str] = []
    for layer, walks in ((Layer.WIRE, agreement), (Layer.REAL, real)):
        if walks:
            said, told = _agreement(progress, layer, range(seed, seed + walks))
            facts["agreement"].append(said)
            lines += told
    if crash_points:
        said_of, told = _crash_points(progress)
        facts["crash_points"] = said_of
        lines += told
    click.echo(json.dumps(facts) if as_json else "\n".join(lines))
    held = [fact["holds"] for part in facts.values() for fact in part]
    return 0 if all(held) else 1


def _agreement(progress: Progress, layer: Layer, seeds: range) -> tuple[dict[str, Any], list[str]]:
    with progress(f"sim and {layer}", len(seeds)) as advance:
        found = disagreements(layer, seeds, lambda _: advance())
    agreed = len(seeds) - len(found)
    facts = {
        "layer": layer.value,
        "walks": len(seeds),
        "first": seeds.start,
        "agreed": agreed,
        "holds": not found,
        "disagreements": [one.facts() for one in found],
    }
    lines = [f"sim and {layer} agree on {agreed:,} of {len(seeds):,} walks"]
    return facts, lines + [f"  {one.line()}" for one in found[:SHOWN_MAX]]


def _crash_points(progress: Progress) -> tuple[list[dict[str, Any]], list[str]]:
    found = points(shortest_paths())
    facts, lines = [], []
    for layer in Layer:
        chosen = found if layer is Layer.SIM else one_of_each(found)
        with progress(f"crash points on {layer}", len(chosen)) as advance:
            result = survey(chosen, layer, lambda _: advance())
        facts.append(
            {
                "layer": layer.value,
                "runs": result.runs,
                "boundaries": len(result.counts),
                "holds": result.runs > 0 and not result.broken,
                "broken": [said for _, said in result.broken],
            }
        )
        lines += ["", f"crash points on {layer}", *result.table()]
        lines += [f"  {said}: {trace}" for trace, said in result.broken[:SHOWN_MAX]]
    return facts, lines

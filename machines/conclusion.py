"""The conclusion of a hunt: what was found is shrunk, saved, replayed everywhere, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from machines import counterexample, story
from machines.counterexample import Status, Worlds
from machines.drivers import Layer
from machines.parts import POOL, Parts
from machines.replay import replay, worlds
from machines.run import execute
from machines.shrink import shrink
from machines.wander import WALKS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from machines.certificate import Certificate
    from machines.hunt import Finding
    from machines.replay import Replay
    from machines.trace import Trace

REAL_TIMES: Final = 3


def conclude(
    finding: Finding, layer: Layer, folder: Path, parts: Parts = POOL, **origin: str
) -> str:
    """The finding is a saved counterexample; its story is returned, ready to print.

    Args:
        finding: what a hunt found.
        layer: where it was found.
        folder: where counterexamples are saved.
        parts: the pool, perhaps with a bug planted in it.
        **origin: what the file says of where it came from.
    """
    trace, shrunk_on, shown = _shrunk(finding, layer, parts)
    report = execute(trace, shrunk_on, parts)
    if report.violation is None:
        return _vanished(finding, layer)
    example = counterexample.new(
        trace, report, Status.OPEN, found_by="pytest machines/", layer=layer.value, **origin
    )
    replays = [
        replay(example, where, parts=parts, times=REAL_TIMES if where is Layer.REAL else 1)
        for where in Layer
    ]
    example = attrs.evolve(example, world=worlds(replays), certificate=shown)
    path = folder / example.name
    if not path.exists():  # one that is kept already is not overwritten: it says more
        counterexample.save(example, folder)
    command = f"poolcheck replay {path}"
    if "mutant" in origin:
        command += f" --mutant {origin['mutant']}"
    lines = [
        *story.verdict(report),
        "",
        *story.story(trace, report),
        "",
        f"worlds:  {worlds_told(replays)}",
        f"saved:   {path}",
        f"replay:  {command}",
    ]
    return "\n".join(lines)


def _shrunk(
    finding: Finding, layer: Layer, parts: Parts
) -> tuple[Trace, Layer, Certificate | None]:
    """Shrunk in the cheapest world that shows the violation; real processes never shrink."""
    promise = finding.violation.promise
    for where in (Layer.SIM, Layer.WIRE):
        try:
            shrunk = shrink(finding.trace, promise, where, parts, walks=WALKS)
        except ValueError:
            continue  # this world does not show it
        return shrunk.trace, where, shrunk.certificate
    return finding.trace, layer, None


_MEANS: Final = {
    Worlds.BOTH: "so it is no artefact of the simulation",
    Worlds.SIM: "so the simulation lies",
    Worlds.REAL: "so something leaks past the core",
    None: "so it is in what only wire has",
}


def worlds_told(replays: Iterable[Replay]) -> str:
    """Where a promise was broken, what that means, and in how many runs of how many."""
    seen = list(replays)
    world = worlds(seen)
    counts = ", ".join(f"{one.layer} {one.violated}/{one.runs}" for one in seen)
    return f"{world or 'neither sim nor real'}, {_MEANS[world]} ({counts})"


def _vanished(finding: Finding, layer: Layer) -> str:
    sentence = f"{finding.violation.promise}: {finding.violation.sentence}"
    return f"found on {layer}, but the same trace does not show it again: {sentence}"

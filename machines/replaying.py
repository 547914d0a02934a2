"""What `poolcheck replay` does: every file on every layer, and what came of it, told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from machines import story
from machines.conclusion import worlds_told
from machines.drivers import Layer
from machines.replay import EXIT, Answer, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from machines.parts import Parts
    from machines.replay import Replay, Stale, Traced

    Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]

WIDTH: Final = 20


def replay_all(
    progress: Progress,
    examples: Sequence[tuple[Path, Traced]],
    layers: Sequence[str],
    *,
    times: int,
    parts: Parts,
    limit_s: float,
    as_json: bool,
) -> int:
    """Every file has run on every layer, and all was told; the exit code is returned.

    Args:
        progress: shows how much of something is done.
        examples: the files, and what is in them.
        layers: where.
        times: how many runs of each on each.
        parts: the pool, perhaps with a bug planted in it.
        limit_s: seconds that `real` waits for one fact of the operating system.
        as_json: whether to print a list of facts instead of lines.
    """
    results: list[tuple[Path, Traced, list[Replay]]] = []
    with progress("replaying", len(examples) * len(layers) * times) as advance:
        for file, example in examples:
            ran = [
                replay(
                    example,
                    Layer(layer),
                    times=times,
                    parts=parts,
                    limit_s=limit_s,
                    after_each=advance,
                )
                for layer in layers
            ]
            results.append((file, example, ran))
    if as_json:
        facts = [one.facts(str(file)) for file, _, ran in results for one in ran]
        click.echo(json.dumps(facts, indent=1))
    else:
        for file, example, ran in results:
            click.echo("\n".join(_lines(file, example, ran)))
    answers = {one.answer for _, _, ran in results for one in ran}
    order = list(Answer)
    return EXIT[max(answers, key=order.index)]


def _lines(file: Path, example: Traced, ran: Sequence[Replay]) -> Iterator[str]:
    """A line for each layer; below it what must be known; the story once."""
    told = False
    for one in ran:
        runs = f"{one.runs} run{'s' * (one.runs != 1)}"
        digests = f"{len(one.digests)} digest{'s' * (len(one.digests) != 1)}"
        digest = one.digests[0][:12] if one.digests else "-"
        yield f"{file.name:<{WIDTH}} {one.layer:<5} {one.answer:<9} {runs}, {digests} {digest}"
        yield from (f"    {line}" for line in _more(one))
        if one.answer is Answer.VIOLATED and not told and one.report is not None:
            told = True
            story_of = story.story(example.trace, one.report)
            yield from (f"    {line}" for line in (*story.verdict(one.report), *story_of))
    if told and {one.layer for one in ran} >= {Layer.SIM, Layer.REAL}:
        yield f"    worlds: {worlds_told(ran)}"


def _more(one: Replay) -> Iterator[str]:
    if one.answer is Answer.VIOLATED and one.saved is not None:
        yield f"as saved: {one.broken}" if one.as_saved else f"{one.broken}; saved was {one.saved}"
    if one.answer is Answer.DIVERGED:
        yield one.sentence
    if one.stale is not None:
        yield from _stale(one, one.stale)


def _stale(one: Replay, stale: Stale) -> Iterator[str]:
    yield f"at step {stale.step + 1}: the pool no longer offers this step"
    instead = "; ".join(story.tell(command) for command in stale.offered)
    yield f"instead: {instead or 'nothing'}"
    ended = "" if one.answer is Answer.VIOLATED else ", and no promise was broken"
    yield f"the rest: {stale.possible} of {stale.after} later steps were possible{ended}"

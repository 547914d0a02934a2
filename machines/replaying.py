"""What `poolcheck replay` does: every file on every layer, and what came of it, told."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Final

import click

from machines import beside, story
from machines.as_test import CannotBeTest, as_test
from machines.conclusion import worlds_told
from machines.counterexample import Counterexample
from machines.drivers import Diverged, Layer
from machines.mutants import BY_NAME
from machines.parts import POOL
from machines.replay import EXIT, Answer, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from machines.replay import Replay, Stale, Traced

    Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
    # What to replay, where, how many times, with which bug, and for how long facts are waited.
    _Work = tuple[Traced, Layer, int, str | None, float]

WIDTH: Final = 20


def replay_all(
    progress: Progress,
    examples: Sequence[tuple[Path, Traced]],
    layers: Sequence[str],
    *,
    times: int,
    mutant: str | None,
    limit_s: float,
    jobs: int,
    as_json: bool,
) -> int:
    """Every file has run on every layer, and all was told; the exit code is returned.

    Args:
        progress: shows how much of something is done.
        examples: the files, and what is in them.
        layers: where.
        times: how many runs of each on each.
        mutant: the bug that is planted in the pool first; None for none.
        limit_s: seconds that `real` waits for one fact of the operating system.
        jobs: how many processes do it.
        as_json: whether to print a list of facts instead of lines.
    """
    work = [
        (example, Layer(layer), times, mutant, limit_s)
        for _, example in examples
        for layer in layers
    ]
    with progress("replaying", len(work) * times) as advance:
        done = _apart(work, jobs, advance) if jobs > 1 else _here(work, advance)
        results = [
            (file, example, list(itertools.islice(done, len(layers)))) for file, example in examples
        ]
    if as_json:
        facts = [one.facts(str(file)) for file, _, ran in results for one in ran]
        click.echo(json.dumps(facts, indent=1))
    else:
        for file, example, ran in results:
            click.echo("\n".join(_lines(file, example, ran)))
    answers = {one.answer for _, _, ran in results for one in ran}
    order = list(Answer)
    return EXIT[max(answers, key=order.index)]


def _here(work: Sequence[_Work], advance: Callable[[], None]) -> Iterator[Replay]:
    """Everything is done by this process."""
    for one in work:
        yield _run(*one, advance)


def _apart(work: Sequence[_Work], jobs: int, advance: Callable[[], None]) -> Iterator[Replay]:
    """Everything is done by so many processes; which does what changes nothing of what comes."""
    with contextlib.ExitStack() as stack:
        executor = beside.executor(min(jobs, len(work)))
        stack.callback(executor.shutdown, cancel_futures=True)
        for one, result in zip(work, executor.map(_run_apart, work), strict=True):
            for _ in range(one[2]):
                advance()
            yield result


def _run(
    example: Traced,
    layer: Layer,
    times: int,
    mutant: str | None,
    limit_s: float,
    advance: Callable[[], None] = lambda: None,
) -> Replay:
    parts = POOL if mutant is None else BY_NAME[mutant].parts
    return replay(example, layer, times=times, parts=parts, limit_s=limit_s, after_each=advance)


def _run_apart(work: _Work) -> Replay:
    """What is of use only where there is a story to tell stays there where there is none."""
    one = _run(*work)
    if one.answer is Answer.HOLDS:
        one.report = None
    return one


def tell_as_test(file: Path, example: Traced, mutant: str | None) -> int:
    """The counterexample was printed as a pytest function; the exit code is returned.

    Args:
        file: where it is saved.
        example: what is in the file.
        mutant: the planted bug that the test is to find; the file's own unless given.

    Raises:
        click.ClickException: there is no such test; the message is one line that says why.
    """
    if not isinstance(example, Counterexample):
        raise click.ClickException(f"{file}: a recorded log is no counterexample")
    name = mutant or example.origin.get("mutant")
    planted = BY_NAME[name].parts if name in BY_NAME else POOL
    try:
        click.echo(as_test(example, file.name, planted), nl=False)
    except (CannotBeTest, Diverged) as error:
        raise click.ClickException(f"{file}: {error}") from error
    return 0


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

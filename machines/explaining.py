"""What `poolcheck why` does: a counterexample beside the nearest trace that passes."""

from __future__ import annotations

import itertools
import json
import textwrap
from typing import TYPE_CHECKING, Final

import click

from machines import counterexample, story
from machines.drivers import Layer
from machines.why import why
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machines.counterexample import Counterexample
    from machines.parts import Parts
    from machines.run import Report
    from machines.trace import Trace
    from machines.why import Passing, Why

WIDTH: Final = 80
_COLUMN: Final = 38
_BAR: Final = 20


def explain(file: Path, parts: Parts, *, as_json: bool) -> int:
    """What can be said of why the file's trace breaks its promise was told; returns exit code 0.

    Args:
        file: a counterexample's.
        parts: the pool, perhaps with a bug planted in it.
        as_json: whether to print one JSON object instead of a story.

    Raises:
        ClickException: it is no counterexample, or its trace does not break its promise.
    """
    try:
        example = counterexample.load(file)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    found = _found(file, example, parts)
    if as_json:
        click.echo(json.dumps({"file": str(file), **found.facts()}, indent=1))
    else:
        click.echo("\n".join(told(found)))
    return 0


def _found(file: Path, example: Counterexample, parts: Parts) -> Why:
    """In the cheapest world that shows the violation."""
    own = [kind for kind in PROMISES if kind.promise == example.promise]
    for layer in (Layer.SIM, Layer.WIRE):
        try:
            return why(example.trace, example.promise, layer, parts, promises=own)
        except ValueError:
            continue  # this world does not show it
    raise click.ClickException(
        f"{file}: the pool keeps {example.promise} on its trace, on sim and on wire, so there is "
        "nothing to explain; --mutant NAME plants a bug"
    )


def told(found: Why) -> list[str]:
    """The story, in lines of at most 80 letters."""
    violation = found.report.violation
    lines = [] if violation is None else _wrapped(f"{violation.promise}: {violation.sentence}")
    if found.passing is None:
        lines += ["", "no single change of its order, and no step left out, makes it pass"]
    else:
        lines += ["", *_side_by_side(found.trace, found.report, found.passing)]
    return [*lines, "", *_chances(found)]


def _side_by_side(failing: Trace, report: Report, passing: Passing) -> Iterator[str]:
    yield from _wrapped(f"it passes if {passing.change}; they part at step {passing.parts_at + 1}:")
    yield ""
    yield f"{'fails':<{_COLUMN}}    passes"
    both = itertools.zip_longest(
        _clauses(failing, report, passing.parts_at),
        _clauses(passing.trace, passing.report, passing.parts_at),
        fillvalue=(),
    )
    for left, right in both:
        for one, other in itertools.zip_longest(left, right, fillvalue=""):
            yield f"{one:<{_COLUMN}}  | {other}".rstrip()


def _clauses(whole: Trace, report: Report, begin: int) -> list[list[str]]:
    """Each step from there on, and the end, with what it showed, in lines of one column."""
    blocks = []
    last = len(whole.steps)
    for at in range(begin, last + 1):
        if report.step is not None and at > report.step:
            break
        words = story.tell(whole.steps[at]) if at < last else "the fair ending"
        number = f"{at + 1}. " if at < last else ""
        lines = textwrap.wrap(number + words, _COLUMN)
        for clause in story.showed(report.showed[at + 1]):
            lines += textwrap.wrap(clause, _COLUMN, initial_indent="   ", subsequent_indent="   ")
        if report.step == at and report.violation is not None:
            lines.append(f"   {report.violation.promise} is broken")
        blocks.append(lines)
    return blocks


def _chances(found: Why) -> Iterator[str]:
    yield "broken so often if the schedule is left to chance after so many steps:"
    for at, chance in enumerate(found.chances):
        mark = "  <- likely from here on" if at == found.likely_after else ""
        yield f"  {at:>3}  {chance:>4.0%}  {'#' * round(chance * _BAR)}{mark}"


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH)

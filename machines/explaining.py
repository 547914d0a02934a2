"""What `poolcheck why` does: a counterexample beside the nearest trace that passes."""

from __future__ import annotations

import itertools
import json
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from machines import counterexample, story
from machines.drivers import Layer
from machines.nearest import Differs
from machines.parts import POOL
from machines.plain import plain_trace
from machines.why import RUNS, why
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from machines.counterexample import Counterexample
    from machines.nearest import Passing
    from machines.parts import Parts
    from machines.run import Report
    from machines.trace import Trace
    from machines.why import Why

WIDTH: Final = 80
_COLUMN: Final = 38
_BAR: Final = 20
_ENDING_MAX: Final = 6  # clauses of a fair ending, as in a story
_NEAR: Final = {
    Differs.SCHEDULE: "with another schedule it passes: ",
    Differs.TIMING: "with a fault, or the clock, at another time it passes: ",
    Differs.ORDER: "no other schedule that was tried passes; another order of wishes does: ",
    Differs.STEP: "no other order that was tried passes; without one step it does: ",
}


def explain(
    progress: Callable[[str, int], AbstractContextManager[Callable[[], None]]],
    file: Path,
    parts: Parts,
    *,
    as_json: bool,
) -> int:
    """What can be said of why the file's trace breaks its promise was told; returns exit code 0.

    Args:
        progress: shows how much of something is done.
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
    with progress("running it otherwise", len(example.steps) + 2) as advance:
        found, layer = _found(file, example, parts, advance)
    if as_json:
        click.echo(json.dumps({"file": str(file), "layer": str(layer), **facts(found)}, indent=1))
    else:
        click.echo("\n".join(told(found)))
    return 0


def _found(
    file: Path, example: Counterexample, parts: Parts, advance: Callable[[], None]
) -> tuple[Why, Layer]:
    """In the cheapest world that shows the violation."""
    own = [kind for kind in PROMISES if kind.promise == example.promise]
    for layer in (Layer.SIM, Layer.WIRE):
        try:
            found = why(
                example.trace, example.promise, layer, parts, promises=own, after_each=advance
            )
        except ValueError:
            continue  # this world does not show it
        return found, layer
    planted = example.origin.get("mutant", "NAME")
    hint = f"; --mutant {planted} plants a bug" if parts is POOL else ""
    raise click.ClickException(
        f"{file}: the pool keeps {example.promise} on its trace, on sim and on wire, so there is "
        f"nothing to explain{hint}"
    )


def facts(found: Why) -> dict[str, Any]:
    """What `--json` prints of it, and a report can show; steps are counted from 0, as in files.

    Args:
        found: what is to be shown.
    """
    violation, passing = found.report.violation, found.passing
    near = None
    if passing is not None:
        near = {
            "differs": str(passing.differs),
            "changes": list(passing.changes),
            "parts_at": passing.parts_at,
            **_side(passing.trace, passing.report),
        }
    return {
        "promise": None if violation is None else violation.promise,
        "sentence": None if violation is None else violation.sentence,
        "step": found.report.step,
        "failing": _side(found.trace, found.report),
        "passing": near,
        "runs": RUNS,
        "chances": list(found.chances),
        "likely_after": found.likely_after,
    }


def _side(whole: Trace, report: Report) -> dict[str, Any]:
    """The trace as a file has it, and its story: each step, then the fair ending."""
    words = [story.tell(step) for step in whole.steps]
    shown = [story.showed(records) for records in report.showed]
    return {
        **plain_trace(whole),
        "begins": shown[0],
        "story": [
            {"step": one, "showed": what} for one, what in zip(words, shown[1:], strict=False)
        ],
        "ending": shown[len(words) + 1] if len(shown) > len(words) + 1 else [],
    }


def told(found: Why) -> list[str]:
    """The story, in lines of at most 80 letters.

    Args:
        found: what is to be told.
    """
    violation = found.report.violation
    lines = [] if violation is None else _wrapped(f"{violation.promise}: {violation.sentence}")
    if found.passing is None:
        lines += ["", "nothing that was tried makes it pass: no other order, and no step less"]
    else:
        lines += ["", *_side_by_side(found.trace, found.report, found.passing)]
    return [*lines, "", *_chances(found)]


def _side_by_side(failing: Trace, report: Report, passing: Passing) -> Iterator[str]:
    yield from _wrapped(_NEAR[passing.differs] + "; then ".join(passing.changes))
    yield ""
    yield from _wrapped(story.story(failing, report)[0])
    for at, step in enumerate(failing.steps[: passing.parts_at]):
        yield from _wrapped(f"{at + 1}. {story.tell(step)}")
    yield ""
    yield f"they part at step {passing.parts_at + 1}:"
    yield f"{'fails':<{_COLUMN}}  | passes"
    both = itertools.zip_longest(
        _blocks(failing, report, passing.parts_at),
        _blocks(passing.trace, passing.report, passing.parts_at),
        fillvalue=(),
    )
    for left, right in both:
        for one, other in itertools.zip_longest(left, right, fillvalue=""):
            yield f"{one:<{_COLUMN}}  | {other}".rstrip()


def _blocks(whole: Trace, report: Report, begin: int) -> Iterator[list[str]]:
    """Each step from there on, and the end, with what it showed, in lines of one column."""
    last = len(whole.steps) if report.step is None else report.step
    for at in range(begin, last + 1):
        ending = at == len(whole.steps)
        words = "…  the fair ending" if ending else f"{at + 1}. {story.tell(whole.steps[at])}"
        lines = _indented(words, "")
        clauses = story.showed(report.showed[at + 1])
        for clause in clauses[-_ENDING_MAX:] if ending else clauses:
            lines += _indented(clause, "   ")
        if at == last:
            violation = report.violation
            end = "no promise is broken" if violation is None else f"{violation.promise} is broken"
            lines += _indented(end, "=> ")
        yield lines


def _indented(words: str, before: str) -> list[str]:
    return textwrap.wrap(words, _COLUMN, initial_indent=before, subsequent_indent="   ")


def _chances(found: Why) -> Iterator[str]:
    yield "broken so often if the schedule is left to chance after so many steps:"
    for at, chance in enumerate(found.chances):
        mark = "  <- likely from here on" if at == found.likely_after else ""
        yield f"  {at:>3}  {chance:>4.0%}  {'#' * round(chance * _BAR)}{mark}"


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH)

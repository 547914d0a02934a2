"""What `poolcheck bench` does between its options and its exit code."""

from __future__ import annotations

import json
import os
import platform
import time
from typing import TYPE_CHECKING, Any, Final

import click

from machines.bench import plot, table
from machines.bench.bars import BARS, all_reached, judge_all
from machines.bench.options import Options
from machines.bench.results import Results
from machines.bench.tournament import run, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from machines.bench.bars import Verdict

EXIT_CODES: Final = {True: 0, False: 1, None: 3}
WORDS: Final = {True: "reached", False: "missed", None: "unknown"}


def bench(
    progress: Callable[[str, int], AbstractContextManager[Callable[[], None]]],
    *,
    as_json: bool,
    demand_bars: bool,
    **settings: Any,
) -> int:
    """The bench has run and was reported; the exit code is returned.

    Without `demand_bars` that is 0. With it, 1 says that a bar was missed; 3, that none was, but
    one could not be judged, or that the rounds were too few.

    Args:
        progress: shows how much of something is done.
        as_json: whether to print one JSON object instead of tables.
        demand_bars: whether the bars decide the exit code.
        **settings: fields of `Options`.

    Raises:
        ClickException: it cannot run, or bars are demanded and there are none.
    """
    try:
        options = Options(**settings)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    names = [one.name for one in options.chosen_measures]
    if demand_bars and not any(bar.measure in names for bar in BARS):
        raise click.ClickException(f"--bars: there is none for --measures {','.join(names)}")
    began = time.monotonic()
    with progress("measuring", sum(1 for _ in schedule(options))) as advance:
        results = Results(run(options, after_each=advance))
    verdicts = judge_all(results, names)
    if as_json:
        told = facts(results, verdicts, options, time.monotonic() - began)
        click.echo(json.dumps(told, indent=1))
    else:
        table.show(results, verdicts, options)
    if options.plot is not None:
        plot.draw(results, options, options.plot)
    return EXIT_CODES[all_reached(verdicts)] if demand_bars else 0


def facts(
    results: Results, verdicts: Sequence[Verdict], options: Options, seconds: float
) -> dict[str, Any]:
    """What `--json` prints.

    Args:
        results: what was measured.
        verdicts: the judged bars.
        options: what was asked for.
        seconds: how long it took.
    """
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "settings": {
            "rounds": options.rounds,
            "workers": options.workers,
            "samples": options.samples,
            "flat": options.flat,
            "measures": [one.name for one in options.chosen_measures],
            "contestants": {one.name: one.version for one in options.present},
        },
        "absent": [one.name for one in options.absent],
        "figures": results.facts(),
        "ratios": results.ratios(),
        "bars": [one.facts() for one in verdicts],
        "verdict": WORDS[all_reached(verdicts)],
        "seconds": round(seconds, 3),
    }

"""The order in which everything is measured, and its carrying out.

In each round the contestants of a measure run right after one another, and every round begins with
another one, so that whatever else the machine does hits all alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.bench.launch import Asked, Outcome, Status, launch
from machines.bench.measure import FLAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from machines.bench.contestant import Contestant
    from machines.bench.options import Options

# These say the same in every round; to ask once is enough.
FINAL: Final = frozenset((Status.NOT_BUILT, Status.HANGS, Status.LOSES))
FLAT_PER_S_MIN: Final = 1_000


def schedule(options: Options) -> Iterator[Asked]:
    """Every trial of a run, in order.

    Args:
        options: what was asked for.
    """
    for round_ in range(options.rounds):
        for measure in options.chosen_measures:
            if measure.name != FLAT:
                entrants = [one for one in options.present if measure.admits(one)]
                for one in rotated(entrants, round_):
                    yield _asked(options, one.name, measure.name, round_)
    if options.flat is not None and options.flat_contestant is not None:
        limit_s = options.limit_s + options.flat / FLAT_PER_S_MIN
        name = options.flat_contestant.name
        yield Asked(name, FLAT, 0, options.workers, options.flat, limit_s)


def rotated(entrants: Sequence[Contestant], by: int) -> list[Contestant]:
    """The same contestants, so many of the first ones moved to the end.

    Args:
        entrants: in any order.
        by: how many; more than there are begins anew.
    """
    first = by % len(entrants) if entrants else 0
    return [*entrants[first:], *entrants[:first]]


def run(
    options: Options,
    *,
    after_each: Callable[[], None] = lambda: None,
    launch: Callable[[Asked], Outcome] = launch,
) -> list[Outcome]:
    """Every trial was carried out, or left out because its answer is known.

    Args:
        options: what was asked for.
        after_each: called after each trial, for progress.
        launch: carries out one trial.

    Raises:
        OSError: the operating system refused a process.
    """
    outcomes: list[Outcome] = []
    known: set[tuple[str, str]] = set()
    for asked in schedule(options):
        if (asked.contestant, asked.measure) not in known:
            outcomes.append(launch(asked))
            if outcomes[-1].status in FINAL:
                known.add((asked.contestant, asked.measure))
        after_each()
    return outcomes


def _asked(options: Options, contestant: str, measure: str, round_: int) -> Asked:
    return Asked(contestant, measure, round_, options.workers, options.samples, options.limit_s)

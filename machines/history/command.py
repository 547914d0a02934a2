"""What `poolcheck history` does between its options and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen
from sqlalchemy.exc import SQLAlchemyError

from machines.history.flaky import Flakiness, flakiness
from machines.history.past import read
from machines.history.place import named, place_of
from machines.history.regression import Change, changes, series_of
from machines.history.store import NoHistory
from machines.history.trends import Slow, Trend, dropped, slowest, trends

if TYPE_CHECKING:
    from machines.history.past import Past

UNKNOWN: Final = 3


@frozen
class Wanted:
    """What is asked of a history.

    Attributes:
        runs_max: so many of the last runs are looked at, of each kind.
        accidents: so rarely may a sound test fail by accident.
        least: a smaller part of a level is no change.
        drop: points that coverage may lie below the runs before.
        top: so many rows of a table.
        fail_on: what makes the exit code 1.
    """

    runs_max: int = 200
    accidents: float = 0.001
    least: float = 0.03
    drop: float = 0.5
    top: int = 10
    fail_on: tuple[str, ...] = ()


@frozen(eq=False)
class Findings:
    """What the last runs show together.

    Attributes:
        past: the runs.
        flaky: the tests whose outcomes differ on the same code.
        changes: lasting changes of durations and figures.
        series: so many durations and figures were compared.
        trends: how figures went.
        dropped: those of them that fell further than they may.
        slowest: tests.
    """

    past: Past
    flaky: Flakiness
    changes: tuple[Change, ...]
    series: int
    trends: tuple[Trend, ...]
    dropped: tuple[Trend, ...]
    slowest: tuple[Slow, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """The changes for the worse."""
        return tuple(one for one in self.changes if one.worse)

    def standing(self, reason: str) -> bool | None:
        """Whether there is such a thing; None if the runs are too few to say.

        Args:
            reason: `flaky`, `regression` or `coverage`.
        """
        if reason == "flaky":
            return bool(self.flaky.named) if self.flaky.compared else None
        if reason == "regression":
            return bool(self.regressions) if self.series else None
        return bool(self.dropped) if any(one.unit == "%" for one in self.trends) else None

    def facts(self, fail_on: tuple[str, ...]) -> dict[str, Any]:
        """What `--json` prints.

        Args:
            fail_on: the reasons that were asked about.
        """
        words = {True: "yes", False: "no", None: "unknown"}
        return {
            "runs": len(self.past.runs),
            "compared": {"tests": self.flaky.compared, "series": self.series},
            "flaky": [one.facts() for one in self.flaky.scores],
            "left_out": [self.past.runs[at].number for at in self.flaky.accidents],
            "changes": [one.facts() for one in self.changes],
            "trends": [one.facts() for one in self.trends],
            "coverage_dropped": [one.name for one in self.dropped],
            "slowest": [one.facts() for one in self.slowest],
            "found": {reason: words[self.standing(reason)] for reason in fail_on},
        }


def history(said: str | None, wanted: Wanted, *, as_json: bool) -> int:
    """What the history shows was printed; the exit code is returned.

    Args:
        said: where it is; see `place_of`.
        wanted: what is asked of it.
        as_json: whether to print one JSON object instead of tables.

    Raises:
        ClickException: there is none, or it cannot be read.
    """
    try:
        place = place_of(said, Path.cwd())
        if not place:
            raise NoHistory("--history none: there is nothing to read")
        past = read(place, wanted.runs_max)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    except (SQLAlchemyError, OSError) as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())
        raise click.ClickException(f"history {named(place)}: {why}") from error
    found = findings(past, wanted)
    if as_json:
        click.echo(json.dumps(found.facts(wanted.fail_on), indent=1))
    else:
        from machines.history import table  # noqa: PLC0415 - rich, for those who want tables

        table.show(found, wanted, named(place))
    standings = [found.standing(reason) for reason in wanted.fail_on]
    if any(standings):
        return 1
    return UNKNOWN if None in standings else 0


def findings(past: Past, wanted: Wanted) -> Findings:
    """What these runs show together is returned.

    Args:
        past: the runs.
        wanted: what is asked of them.
    """
    many = series_of(past)
    went = trends(past)
    return Findings(
        past=past,
        flaky=flakiness(past, wanted.accidents),
        changes=tuple(changes(many, wanted.least)),
        series=len(many),
        trends=tuple(went),
        dropped=tuple(dropped(went, wanted.drop)),
        slowest=tuple(slowest(past, wanted.top)),
    )

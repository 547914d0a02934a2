"""The results: what was measured, by contestant, measure and figure, and the ratios of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from machines.bench import contestant, measure
from machines.bench.contestant import Kind
from machines.bench.launch import Outcome, Status
from machines.bench.measure import Better
from machines.bench.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from machines.bench.measure import Figure


@frozen
class Results:
    """All outcomes of a run.

    Attributes:
        outcomes: in the order in which they came.
    """

    outcomes: Sequence[Outcome]

    def spread(self, name: str, of: str, figure: str) -> Spread | None:
        """A contestant's figure over the rounds; None if it has none.

        Args:
            name: the contestant's.
            of: the measure's.
            figure: the figure's.
        """
        return Spread.of(self._by_round(name, of, figure).values())

    def status(self, name: str, of: str) -> Status | None:
        """The gravest thing that came of a contestant's measure; None if it was not asked for."""
        met = {outcome.status for outcome in self._outcomes(name, of)}
        order = list(Status)
        return max(met, key=order.index) if met else None

    def samples(self, name: str, of: str) -> int:
        """How much was asked for at least; 0 if nothing was."""
        return min((one.asked.samples for one in self._outcomes(name, of)), default=0)

    def detail(self, name: str, of: str) -> str:
        """What was said of it first, if anything was."""
        return next((one.detail for one in self._outcomes(name, of) if one.detail), "")

    def ratio(self, name: str, against: str, of: str, figure: str) -> Spread | None:
        """One contestant's figure over another's, round by round; None if no round has both.

        Args:
            name: the contestant above the line.
            against: the one below it.
            of: the measure's name.
            figure: the figure's.
        """
        above = self._by_round(name, of, figure)
        below = self._by_round(against, of, figure)
        both = (round_ for round_ in above if below.get(round_))
        return Spread.of(above[round_] / below[round_] for round_ in both)

    def best_peer(self, of: str, figure: str) -> str | None:
        """The peer with the best median among those that measured up in every round.

        Args:
            of: the measure's name.
            figure: the figure's.
        """
        medians: dict[str, float] = {}
        for one in contestant.CONTESTANTS:
            spread = self.spread(one.name, of, figure)
            measured = self.status(one.name, of) is Status.MEASURED
            if one.kind is Kind.PEER and measured and spread is not None:
                medians[one.name] = spread.median
        if not medians:
            return None
        better = next(f.better for f in measure.BY_NAME[of].figures if f.name == figure)
        choose = min if better is Better.LOWER else max
        return choose(medians, key=lambda name: medians[name])

    def facts(self) -> list[dict[str, Any]]:
        """What `--json` prints of every figure."""
        return [
            {
                "contestant": name,
                "measure": of,
                "status": status.value,
                "detail": self.detail(name, of),
                "figures": {
                    figure.name: {"unit": figure.unit, "better": figure.better.value, **all_of_it}
                    for figure, all_of_it in self._told(name, of)
                },
            }
            for name in contestant.BY_NAME
            for of in measure.BY_NAME
            if (status := self.status(name, of)) is not None
        ]

    def ratios(self) -> list[dict[str, Any]]:
        """What `--json` prints of ours over everybody else, figure by figure."""
        return [
            {
                "contestant": ours,
                "against": other,
                "measure": of.name,
                "figure": figure.name,
                **told,
            }
            for of in measure.MEASURES
            for figure in of.figures
            for ours in contestant.BY_NAME
            for other in contestant.BY_NAME
            if contestant.BY_NAME[ours].kind is Kind.OURS
            and contestant.BY_NAME[other].kind is not Kind.OURS
            and (ratio := self.ratio(ours, other, of.name, figure.name)) is not None
            and (told := ratio.facts())
        ]

    def _told(self, name: str, of: str) -> Iterator[tuple[Figure, dict[str, Any]]]:
        for figure in measure.BY_NAME[of].figures:
            spread = self.spread(name, of, figure.name)
            if spread is not None:
                yield figure, spread.facts()

    def _by_round(self, name: str, of: str, figure: str) -> dict[int, float]:
        outcomes = self._outcomes(name, of)
        return {one.asked.round: one.figures[figure] for one in outcomes if figure in one.figures}

    def _outcomes(self, name: str, of: str) -> list[Outcome]:
        wanted = (name, of)
        return [one for one in self.outcomes if (one.asked.contestant, one.asked.measure) == wanted]

"""Flaky tests: the same code, the same Python, the same platform, and different outcomes.

Runs with these three equal are a stratum. In a stratum where a test always failed it is broken, and
where it always passed it is sound; only where it did both does it say something of chance. Its
failure rate is that of the strata in which it passed at least once. A sound test can fail by an
accident that is none of its own, a machine out of memory, say; so a test is *named* flaky only if
it failed significantly more often than such accidents are allowed to explain. The one that was seen
to differ, but too rarely for that, is a *suspect*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen
from scipy import stats  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from machines.history.past import Past

ACCIDENTS: Final = 0.001  # so rarely may a sound test fail: a choice, see docs/history.md
CONFIDENCE: Final = 0.95
_TOGETHER_MIN: Final = 3  # failures in one run that may be one accident


@frozen
class Score:
    """How flaky a test is.

    Attributes:
        test: its name.
        runs: in strata where it passed at least once.
        failures: among them.
        strata: in how many it both passed and failed.
        low: of the failure rate's interval (Clopper and Pearson's, exact), at `CONFIDENCE`.
        high: of the same.
        chance: that accidents explain it, corrected for so many tests (Benjamini, Hochberg).
        named: whether it is flaky; else it is a suspect.
    """

    test: str
    runs: int
    failures: int
    strata: int
    low: float
    high: float
    chance: float
    named: bool

    @property
    def rate(self) -> float:
        """The failures of one run, estimated."""
        return self.failures / self.runs

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "test": self.test,
            "verdict": "flaky" if self.named else "suspect",
            "runs": self.runs,
            "failures": self.failures,
            "strata": self.strata,
            "rate": round(self.rate, 5),
            "interval": [round(self.low, 5), round(self.high, 5)],
            "chance": float(f"{self.chance:.3g}"),
        }


@frozen
class Flakiness:
    """What a history says of flaky tests.

    Attributes:
        scores: of each test whose outcomes differed, the surest first.
        compared: so many tests were run twice at least in a stratum where they passed.
        accidents: the places of runs that were left out, since too much failed in them at once.
    """

    scores: tuple[Score, ...]
    compared: int
    accidents: tuple[int, ...]

    @property
    def named(self) -> tuple[Score, ...]:
        """Those that are flaky."""
        return tuple(one for one in self.scores if one.named)


def flakiness(past: Past, accidents: float = ACCIDENTS) -> Flakiness:
    """What the outcomes say is returned.

    Args:
        past: the runs; those whose code is not known are not compared.
        accidents: the failure rate of a sound test that need not be explained.
    """
    past = past.without([at for at, run in enumerate(past.runs) if not run.code])
    left_out = _accidents(past, accidents)
    runs, failures, mixed = _counted(past.without(left_out))
    compared = np.flatnonzero(runs >= 2)
    if not len(compared):
        return Flakiness((), 0, tuple(left_out))
    chances = stats.binom.sf(failures[compared] - 1, runs[compared], accidents)
    chances = stats.false_discovery_control(chances)
    scores = [
        _score(past.tests[at], int(runs[at]), int(failures[at]), int(mixed[at]), float(chance))
        for at, chance in zip(compared, chances, strict=True)
        if failures[at]
    ]
    scores.sort(key=lambda one: (not one.named, -one.low, one.test))
    return Flakiness(tuple(scores), len(compared), tuple(left_out))


def _score(test: str, runs: int, failures: int, strata: int, chance: float) -> Score:
    interval = stats.binomtest(failures, runs).proportion_ci(CONFIDENCE, method="exact")
    named = chance <= 1 - CONFIDENCE
    return Score(
        test, runs, failures, strata, float(interval.low), float(interval.high), chance, named
    )


def _strata(past: Past) -> Any:
    """The number of each run's stratum."""
    numbers: dict[tuple[str, str, str], int] = {}
    return np.array([numbers.setdefault(run.stratum, len(numbers)) for run in past.runs], np.intp)


def _cells(past: Past) -> tuple[Any, Any]:
    """How often each test ran in each stratum, and failed there: tests are rows."""
    strata = _strata(past)
    shape = (len(past.tests), int(strata.max(initial=-1)) + 1)
    at = (past.test, strata[past.run])
    runs, failures = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    np.add.at(runs, at, 1)
    np.add.at(failures, at, past.failed)
    return runs, failures


def _counted(past: Past) -> tuple[Any, Any, Any]:
    """Of each test the runs that can be compared, its failures there, and its mixed strata."""
    runs, failures = _cells(past)
    comparable = (runs >= 2) & (failures < runs)
    mixed = comparable & (failures > 0)
    return (
        (runs * comparable).sum(axis=1),
        (failures * comparable).sum(axis=1),
        mixed.sum(axis=1),
    )


def _accidents(past: Past, accidents: float) -> list[int]:
    """The runs in which more failed at once than the tests' own rates can explain.

    A test's own rate is taken from the other runs. The number that fails by chance has thinner
    tails than Poisson's distribution, so that a run is left out too rarely rather than too often.
    """
    runs, failures = _cells(past)
    strata = _strata(past)
    suspects: list[int] = []
    for at in range(len(past.runs)):
        here = past.run == at
        tests, failed = past.test[here], past.failed[here]
        n, k = runs[tests, strata[at]], failures[tests, strata[at]]
        comparable = (n >= 2) & (k < n)
        together = int((failed & comparable).sum())
        if together < _TOGETHER_MIN:
            continue
        others = (k - failed)[comparable] / (n - 1)[comparable]
        expected = float(np.maximum(others, accidents).sum())
        if stats.poisson.sf(together - 1, expected) * len(past.runs) <= 1 - CONFIDENCE:
            suspects.append(at)
    return suspects

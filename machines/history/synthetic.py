"""Synthetic histories: runs whose truth is known, to measure what is found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen

from machines.history.past import Past, PastRun

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Twenty tests: eight that are sound, twelve that fail with these chances.
RATES: Final = (0.0,) * 8 + (
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50
)  # fmt: skip
NOISES: Final = {
    # deviation of the logarithm, part of runs that are slowed, kinship of neighbouring runs
    "quiet": (0.02, 0.02, 0.0),
    "usual": (0.05, 0.05, 0.0),
    "busy": (0.12, 0.10, 0.3),
}


@frozen
class Troubles:
    """What besides chance makes tests fail.

    Attributes:
        sound: so many more tests that are sound.
        broken: of them so many are broken by one commit and mended by a later one.
        foreign: of them so many always fail on another Python, on which every fifth run is.
        accidents: so many runs on a machine in trouble, where three tenths of all tests fail.
        mishaps: the chance of any test to fail for no reason of its own.
    """

    sound: int = 0
    broken: int = 0
    foreign: int = 0
    accidents: int = 0
    mishaps: float = 0.0


def outcomes(
    rng: np.random.Generator,
    rates: tuple[float, ...] = RATES,
    runs: int = 200,
    runs_of_a_commit: int = 5,
    troubles: Troubles | None = None,
) -> Past:
    """Runs of tests that fail by chance, a commit having a few runs.

    Args:
        rng: where chance comes from.
        rates: the failure rate of each test; its name says it.
        runs: how many.
        runs_of_a_commit: how many in a row are of the same code.
        troubles: what else there is; nothing unless given.
    """
    troubles = troubles or Troubles()
    chances = np.concatenate([rates, np.zeros(troubles.sound)])
    tests = [f"{'flaky' if rate else 'sound'}_{at:03}_{rate}" for at, rate in enumerate(chances)]
    other = (np.arange(runs) % 5 == 4) & (troubles.foreign > 0)
    commits = np.arange(runs) // runs_of_a_commit
    failed = rng.random((runs, len(tests))) < np.maximum(chances, troubles.mishaps)
    first = len(rates)
    for at in range(troubles.broken):
        begins = int(rng.integers(0, commits[-1]))
        ends = begins + int(rng.integers(1, 4))
        failed[(commits >= begins) & (commits < ends), first + at] = True
    foreign = first + troubles.broken
    failed[other, foreign : foreign + troubles.foreign] = True
    for at in rng.choice(runs, troubles.accidents, replace=False):
        failed[at] |= rng.random(len(tests)) < 0.3
    return Past(
        runs=tuple(_run(at, int(commits[at]), bool(other[at])) for at in range(runs)),
        tests=tuple(tests),
        run=np.repeat(np.arange(runs), len(tests)),
        test=np.tile(np.arange(len(tests)), runs),
        failed=failed.ravel(),
        seconds=np.full(failed.size, 0.001),
    )


def _run(at: int, commit: int, other: bool) -> PastRun:
    python = "3.12.1" if other else "3.11.7"
    code = f"commit{commit:04}"
    return PastRun(at, "pytest", "holds", float(at), 1.0, code, python, "Linux", 2)


def durations(
    rng: np.random.Generator, noise: str, runs: int = 100, slower: float = 0.0, since: int = 70
) -> NDArray[np.float64]:
    """One test's durations in seconds, of which those since a run are slower.

    Args:
        rng: where chance comes from.
        noise: one of `NOISES`.
        runs: how many.
        slower: by which part.
        since: the first run that is.
    """
    deviation, slowed, kinship = NOISES[noise]
    shocks = rng.normal(0.0, deviation, runs)
    logs = shocks.copy()
    for at in range(1, runs):
        logs[at] = kinship * logs[at - 1] + np.sqrt(1 - kinship**2) * shocks[at]
    busy = rng.random(runs) < slowed
    logs[busy] += np.log1p(rng.uniform(0.2, 1.0, int(busy.sum())))
    logs[since:] += np.log1p(slower)
    return np.exp(logs)

"""Free runs: clients in threads and asyncio tasks, a nemesis, and the production loop.

Goal: find a race in the production loop, which no schedule can dictate. Method: each run is a fresh
pool of real processes; what its flight recorder, its workers and its clients saw is judged as one
history (S1 to S9, S11 to S13, L1), each session's state for linearizability, and the record, led
through the simulation, for everything else. A run of which something is not known is no pass: too
many of them fail the test.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from machines.free.conclusion import conclude
from machines.free.judge import judge
from machines.free.nemesis import BLOWS
from machines.free.run import free_run, plan_of

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis import settings

    from machines.tally import Tally

# A free run takes as long as some fifty examples of the simulation.
ONE_IN: Final = 70
# In so many runs each signal must have met a task in flight; in fewer it may not have come to that.
SOMETIMES_RUNS: Final = 10


def test_no_promise_is_broken_by_the_loop_and_its_clients(
    poolcheck_free: Tally,
    poolcheck_budget: settings,
    poolcheck_seed: int | None,
    poolcheck_folder: Path | None,
    tmp_path: Path,
) -> None:
    """Each run's plan follows from its seed; who is faster does not."""
    runs = max(3, poolcheck_budget.max_examples // ONE_IN)
    first = (poolcheck_seed or 0) * runs
    known, unknown = 0, []
    struck: Counter[str] = Counter()
    for seed in range(first, first + runs):
        poolcheck_free.begun += 1
        folder = tmp_path / str(seed)
        folder.mkdir()
        run = free_run(plan_of(seed), folder)
        judgement = judge(run)
        if judgement.broken:
            pytest.fail(conclude(run, judgement, folder, poolcheck_folder), pytrace=False)
        poolcheck_free.examples += 1
        poolcheck_free.steps += judgement.retraced.events
        poolcheck_free.coverage.merge(judgement.retraced.report.coverage)
        known += not judgement.unknown
        unknown += [f"seed {seed}: {what}" for what in judgement.unknown]
        struck += run.struck
    assert struck.total() >= runs, "the nemesis has hardly struck"
    if runs >= SOMETIMES_RUNS:
        assert {f"{blow.name} at work" for blow in BLOWS} <= set(struck), struck
    assert known >= runs // 3, "\n".join(unknown)

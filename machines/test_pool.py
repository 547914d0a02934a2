"""The pool machine, on every layer: no promise is broken, whatever Hypothesis can think of.

Goal: find a sequence of client commands, deliveries, clock moves and faults after which the pool
has broken a promise of `model/promises.py`. Method: each example is a fresh pool; at its end
faults stop, everything is delivered, quiescence is demanded, the pool is shut down and nothing
may be left. On `real` each example starts real processes, so it gets a share of the budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from machines.conclusion import conclude
from machines.drivers import Layer
from machines.hunt import budget_of, hunt

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis import settings

    from machines.parts import Parts
    from machines.tally import Tally

SHARE: Final = {Layer.SIM: 1.0, Layer.WIRE: 0.3, Layer.REAL: 0.05}


def test_no_promise_is_broken(
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_budget: settings,
    poolcheck_parts: Parts,
    poolcheck_folder: Path,
    poolcheck_seed: int | None,
    poolcheck_origin: dict[str, str],
) -> None:
    """Each finding is shrunk, saved, replayed on every layer, and told as a story."""
    examples = max(10, round(poolcheck_budget.max_examples * SHARE[poolcheck_layer]))
    budget = budget_of(
        poolcheck_budget, poolcheck_layer, examples, poolcheck_budget.stateful_step_count
    )
    findings = hunt(
        poolcheck_layer, poolcheck_tally, budget, parts=poolcheck_parts, seeded=poolcheck_seed
    )
    stories = [
        conclude(finding, poolcheck_layer, poolcheck_folder, poolcheck_parts, **poolcheck_origin)
        for finding in findings
    ]
    mutant = poolcheck_origin.get("mutant")
    if mutant and not stories:
        tried = f"{poolcheck_tally.begun} examples on {poolcheck_layer}"
        pytest.fail(f"the planted bug {mutant} was NOT found in {tried}", pytrace=False)
    if stories:
        pytest.fail("\n\n".join(["", *stories]), pytrace=False)
    assert poolcheck_tally.examples >= examples // 2

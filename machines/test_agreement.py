"""Agreement: random runs on `sim`, `wire` and `real` give one digest.

Goal: find a run on which the simulation lies. Method: the walker's runs, of every command and
fault, once in the simulation and once on the layer; the logs are compared entry by entry. A
fifth of the profile's examples run on `wire`, a hundredth on `real`; `poolcheck check
--agreement 10000 --real 500` runs as many as one likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.agreement import disagreements
from machines.drivers import Layer

if TYPE_CHECKING:
    from hypothesis import settings

    from machines.run import Report
    from machines.tally import Tally

ONE_IN: Final = {Layer.SIM: 5, Layer.WIRE: 5, Layer.REAL: 100}


def test_every_layer_gives_the_digest_of_the_simulation(
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_budget: settings,
    poolcheck_seed: int | None,
) -> None:
    """On `sim` a walk runs twice: it must be the same the second time."""
    walks = max(1, poolcheck_budget.max_examples // ONE_IN[poolcheck_layer])
    first = (poolcheck_seed or 0) * walks

    broken = []

    def count(report: Report) -> None:
        if report.violation is not None:
            broken.append(report.violation)
        poolcheck_tally.replayed(report)

    found = disagreements(poolcheck_layer, range(first, first + walks), count)
    assert not found, "\n".join(one.line() for one in found)
    assert not broken, broken[0]

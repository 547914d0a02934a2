"""Crash points: wherever a worker dies, no promise is broken.

Goal: find a point at which a worker's death breaks a promise. Method: nothing is sampled; along
the shortest steps to every reachable transition a worker dies before, in and after each effect and
each frame (`crash_points.py`), in the simulation all of them. Elsewhere there is one death at each
kind of boundary, and the digest must be the simulation's. The profile `dev` takes the paths to the
transitions by themselves, the others also those to each with each fault that can meet it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.crash_points import (
    one_of_each,
    plain_paths,
    points,
    shortest_paths,
    survey,
)
from machines.drivers import Layer

if TYPE_CHECKING:
    from hypothesis import settings

    from machines.parts import Parts
    from machines.tally import Tally

ALL_FROM: Final = 5_000


def test_wherever_a_worker_dies_no_promise_is_broken(
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_budget: settings,
    poolcheck_parts: Parts,
) -> None:
    """Every chosen point is one at which a worker really died."""
    everywhere = poolcheck_budget.max_examples >= ALL_FROM
    found = points(shortest_paths() if everywhere else plain_paths())
    chosen = found if poolcheck_layer is Layer.SIM else one_of_each(found)
    result = survey(chosen, poolcheck_layer, poolcheck_tally.replayed, parts=poolcheck_parts)
    poolcheck_tally.deaths += result.runs
    assert not result.broken, "\n".join(f"{said}: {trace}" for trace, said in result.broken)
    assert result.runs > 0
    assert set(result.counts) == {boundary for point in found for boundary in point.boundaries}

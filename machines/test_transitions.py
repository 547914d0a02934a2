"""Transitions: everything that can fire does, on every layer, in the tour.

Goal: transition coverage of 100 percent that does not hang on luck. Method: the complete search
(`machines/search.py`) knows the shortest steps to each tuple of a move and the fault that meets
it; `machines/tour.py` made a small set of traces of them that together fire all tuples, and they
are replayed here, as real as the layer is. What each fires is known from the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import story, transitions
from machines.run import execute
from machines.tour import fires

if TYPE_CHECKING:
    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.reachable import Reachable
    from machines.tally import Tally


def test_the_tour_fires_all_that_can_fire(
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_parts: Parts,
    poolcheck_reachable: Reachable,
) -> None:
    """Each trace fires what it fires in simulation and breaks no promise; together, everything."""
    reachable = {*poolcheck_reachable.tuples, *poolcheck_reachable.happens}
    fired: set[str] = set()
    for number, whole in enumerate(poolcheck_reachable.traces()):
        report = execute(whole, poolcheck_layer, poolcheck_parts)
        if report.violation is not None:
            told = [*story.verdict(report), *story.story(whole, report)]
            pytest.fail("\n".join([f"trace {number} of the tour", *told]), pytrace=False)
        assert transitions.shortcoming(number, fires(whole), report) is None
        fired |= {*report.coverage.fired, *report.coverage.happened}
        poolcheck_tally.replayed(report)
    assert reachable - fired == set()
    standing = transitions.standing(poolcheck_layer, poolcheck_tally.coverage, poolcheck_reachable)
    assert standing.missing == []

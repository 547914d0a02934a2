"""Transitions: everything that can fire does, on every layer, in stories that the search found.

Goal: transition coverage of 100 percent that does not hang on luck. Method: the complete search
(`machines/search.py`) knows the shortest steps to each tuple of a move and the fault that meets
it; a few of these traces fire all tuples, and they are replayed here, as real as the layer is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import story, transitions
from machines.run import execute

if TYPE_CHECKING:
    from machines.drivers import Layer
    from machines.parts import Parts
    from machines.reachable import Reachable
    from machines.tally import Tally


def test_all_that_can_fire_fires(
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_parts: Parts,
    poolcheck_reachable: Reachable,
) -> None:
    """Each story fires what it is told for and breaks no promise; together they fire everything."""
    fired: set[str] = set()
    for name in poolcheck_reachable.stories:
        whole = poolcheck_reachable.trace(name)
        report = execute(whole, poolcheck_layer, poolcheck_parts)
        if report.violation is not None:
            lines = [f"the story of {name!r}", *story.verdict(report), *story.story(whole, report)]
            pytest.fail("\n".join(lines), pytrace=False)
        assert transitions.shortcoming(name, report) is None
        fired |= {*report.coverage.fired, *report.coverage.happened}
        poolcheck_tally.replayed(report)
    reachable = {*poolcheck_reachable.tuples, *poolcheck_reachable.happens}
    assert reachable - fired == set()
    standing = transitions.standing(poolcheck_layer, poolcheck_tally.coverage, poolcheck_reachable)
    assert standing.missing == []

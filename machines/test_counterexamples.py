"""Every saved counterexample, on every layer, for ever.

A file with the status `fixed` must hold; one that is `open` must still be found as it was. One
whose steps the pool no longer offers is stale: it tests nothing any more, and that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import counterexample, story
from machines.counterexample import Counterexample, CounterexampleError, Status
from machines.drivers import Layer
from machines.replay import Answer, replay

if TYPE_CHECKING:
    from pathlib import Path

    from machines.parts import Parts
    from machines.tally import Tally


def test_saved_counterexample(
    poolcheck_file: Path,
    poolcheck_layer: Layer,
    poolcheck_tally: Tally,
    poolcheck_parts: Parts,
) -> None:
    """A fixed one holds; an open one is still violated, by the same promise at the same step."""
    example = _loaded(poolcheck_file)
    result = replay(example, poolcheck_layer, parts=poolcheck_parts)
    if result.report is None:
        pytest.fail(f"diverged: {result.sentence}", pytrace=False)
    poolcheck_tally.replayed(result.report)
    simulated = replay(example, Layer.SIM, parts=poolcheck_parts)
    assert result.digests == simulated.digests, f"{poolcheck_layer} and sim disagree"
    if example.status is Status.OPEN and result.answer is Answer.HOLDS:
        words = f"{poolcheck_file} is open, but holds now: set its status to fixed"
        pytest.fail(words, pytrace=False)
    if example.status is Status.OPEN:
        expected = (Answer.VIOLATED, example.promise, example.step)
        assert (result.answer, result.promise, result.step) == expected
    elif result.answer is not Answer.HOLDS:
        told = [*story.verdict(result.report), "", *story.story(example.trace, result.report)]
        where = f"{result.answer} at step {result.step}: {result.sentence}"
        pytest.fail("\n".join([where, "", *told]), pytrace=False)


def _loaded(path: Path) -> Counterexample:
    try:
        return counterexample.load(path)
    except CounterexampleError as error:
        refusal = str(error)
    pytest.fail(refusal, pytrace=False)

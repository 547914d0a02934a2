"""Traces that end in a loop: what is broken by never happening, judged by a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from machines import loop, trace
from machines.counterexample import Counterexample, Status
from machines.drivers import Layer
from machines.mutants import ENDLESS
from machines.parts import POOL
from machines.replay import Answer, replay
from machines.run import Run
from machines.setting import Setting
from model.promises import PROMISES

if TYPE_CHECKING:
    from machines.parts import Parts
    from machines.replay import Replay

OWN = [kind for kind in PROMISES if kind.promise == ENDLESS.promise]
# As the complete search finds it: a worker is lost, and the retry is planned for ever.
FOR_EVER = Counterexample(
    "L1",
    "step 8 comes again and again, fair to everybody, and it is owed for ever",
    Status.OPEN,
    step=8,
    digest="0" * 64,
    setting=Setting(size=1),
    steps=(
        trace.Submit(0),
        trace.Deliver(0),
        trace.Exit(0, trace.Way.READING),
        trace.Deliver(0),
        trace.Deliver(0),
        trace.Deliver(1),
        trace.Advance(1.0),
        trace.Advance(1.0),
    ),
    origin={"loop": "8"},
)


def replayed(example: Counterexample, layer: Layer = Layer.SIM, parts: Any = None) -> Replay:
    wanted: Parts = ENDLESS.parts if parts is None else parts
    return replay(example, layer, parts=wanted, promises=OWN)


@pytest.mark.parametrize("layer", [Layer.SIM, Layer.WIRE])
def test_a_loop_that_changes_nothing_breaks_what_is_still_promised(layer: Layer) -> None:
    seen = replayed(FOR_EVER, layer)
    assert (seen.answer, seen.as_saved) == (Answer.VIOLATED, True)
    assert seen.report is not None
    assert len(seen.report.showed) == len(FOR_EVER.steps) + 2


def test_its_digest_is_that_of_one_round() -> None:
    seen = replayed(FOR_EVER)
    with Run(FOR_EVER.setting, parts=ENDLESS.parts, promises=OWN) as run:
        for command in FOR_EVER.steps:
            run.do(command)
        once = run.so_far()
    assert seen.digests == [once.digest]


def test_a_pool_that_does_not_go_round_is_brought_to_its_end_and_holds() -> None:
    assert replayed(FOR_EVER, parts=POOL).answer is Answer.HOLDS


def test_a_loop_that_passes_somebody_over_shows_nothing() -> None:
    """Time may pass for ever while a reply waits to be heard; no fair schedule does that."""
    unheard = attrs.evolve(
        FOR_EVER,
        step=2,
        steps=(trace.Submit(0), trace.Advance(0.0)),
        origin={"loop": "2"},
    )
    assert replayed(unheard, parts=POOL).answer is Answer.HOLDS


def test_a_loop_with_a_wish_in_it_shows_nothing() -> None:
    wished = attrs.evolve(
        FOR_EVER,
        step=3,
        steps=(trace.Deliver(0), trace.Submit(0), trace.Cancel(0)),
        origin={"loop": "3"},
    )
    assert replayed(wished, parts=POOL).answer is not Answer.VIOLATED


@pytest.mark.parametrize("said", ["", "0", "9", "-1", "x", "²"])
def test_what_names_no_step_of_the_trace_is_no_loop(said: str) -> None:
    assert loop.begins(attrs.evolve(FOR_EVER, origin={"loop": said})) is None

"""Crash points: where a worker can die along a path, each once, and that it does die there."""

from __future__ import annotations

from collections import Counter

import pytest

from machines.crash_points import (
    FURTHER,
    Boundary,
    Moment,
    Survey,
    one_of_each,
    plain_paths,
    points,
    shortest_paths,
    survey,
)
from machines.drivers import Layer
from machines.mutants import BY_NAME
from machines.run import execute
from machines.trace import (
    Command,
    Crash,
    Deliver,
    Exit,
    How,
    Mangle,
    Open,
    Receive,
    Setting,
    Submit,
    Trace,
    Way,
)
from model import history as saw

ONE = Setting(size=1)
SERVED = Trace(ONE, (Deliver(0), Submit(0), Receive(0), Open(0), Deliver(0)))
LAYERS = [Layer.SIM, Layer.WIRE, Layer.REAL]


def deaths(path: Trace, what: str, moment: Moment) -> list[Command]:
    """What brings the deaths at this boundary, in the path's order."""
    wanted = Boundary(what, moment)
    return [one.trace.steps[one.death] for one in points([path]) if wanted in one.boundaries]


def test_at_a_frame_to_a_worker_it_dies_before_it_half_through_it_and_after_it() -> None:
    frame = "frame to a worker: task"
    assert deaths(SERVED, frame, Moment.BEFORE) == [Crash(0)]
    assert deaths(SERVED, frame, Moment.IN) == [Crash(0, half=True)]
    assert deaths(SERVED, frame, Moment.AFTER) == [Exit(0, Way.READING), Crash(0)]


def test_at_a_reply_it_dies_before_it_in_three_parts_of_it_and_after_it() -> None:
    frame = "frame from a worker: reply"
    assert deaths(SERVED, frame, Moment.BEFORE) == [Crash(0)]
    cuts = [Mangle(0, how) for how in (How.CUT_EARLY, How.CUT, How.CUT_LATE)]
    assert deaths(SERVED, frame, Moment.IN) == cuts
    assert deaths(SERVED, frame, Moment.AFTER) == [Crash(0)]


def test_between_any_two_effects_of_a_step_it_dies_once() -> None:
    submit = Trace(ONE, SERVED.steps[:2])
    between = [one for one in points([submit]) if one.death == 1]
    afters = [step.after for one in between if isinstance(step := one.trace.steps[1], Crash)]
    assert afters == list(range(len(afters)))
    after_one = {boundary for one in between[1:2] for boundary in one.boundaries}
    assert {boundary.moment for boundary in after_one} == {Moment.BEFORE, Moment.AFTER}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_worker_dies_when_so_many_effects_more_are_performed(layer: Layer) -> None:
    trace = Trace(ONE, (Deliver(0), Crash(0, after=1), Submit(0, retries=1)))
    report = execute(trace, layer)
    shown = [type(record) for record in report.showed[3]]
    assert saw.Died not in [type(record) for record in report.showed[2]]
    assert saw.Assigned in shown
    assert saw.Died in shown
    assert report.violation is None
    assert report.digest == execute(trace).digest


@pytest.mark.parametrize("layer", LAYERS)
def test_who_dies_with_half_a_frame_has_not_begun_its_task(layer: Layer) -> None:
    trace = Trace(ONE, (Deliver(0), Submit(0), Crash(0, half=True), Deliver(0), Deliver(0)))
    report = execute(trace, layer)
    assert (report.violation, report.impossible) == (None, ())
    shown = [record for records in report.showed[:6] for record in records]
    assert not [record for record in shown if isinstance(record, saw.Started)]
    assert report.digest == execute(trace).digest


def test_who_is_to_die_later_is_spared_when_faults_stop() -> None:
    report = execute(Trace(ONE, (Deliver(0), Crash(0, after=50))))
    assert report.violation is None
    died = [at for at, records in enumerate(report.showed) for r in records if type(r) is saw.Died]
    assert died == [3]  # at the pool's end, of its own accord


def test_every_path_s_points_are_found_and_more_where_faults_meet_transitions() -> None:
    plain = plain_paths()
    assert len(points(plain)) > 500
    assert set(plain) <= set(shortest_paths())
    assert len(shortest_paths()) > 5 * len(plain)


def test_a_few_points_have_a_death_at_every_kind_of_boundary() -> None:
    found = points(plain_paths())
    few = one_of_each(found)
    assert len(few) < 100
    everything = {boundary for one in found for boundary in one.boundaries}
    assert {boundary for one in few for boundary in one.boundaries} == everything
    assert not [one for one in few if one.death in execute(one.trace).impossible]
    for moment in Moment:
        assert Boundary("frame to a worker: stop", moment) in everything


@pytest.mark.parametrize("mutant", ["never-replaced", "skips-reaping", "lost-with-its-worker"])
def test_a_pool_that_cannot_bear_a_death_is_found(mutant: str) -> None:
    result = survey(points([SERVED]), Layer.SIM, parts=BY_NAME[mutant].parts)
    assert result.broken


def test_the_table_counts_what_is_before_in_and_after_each() -> None:
    one, other = Boundary("effect: SendTask", Moment.BEFORE), Boundary("frame", Moment.IN)
    lines = list(Survey(Counter({one: 2, other: 1}), 3).table())
    assert [line.split() for line in lines[1:]] == [
        ["effect:", "SendTask", "2", "-", "-"],
        ["frame", "-", "1", "-"],
        ["3", "runs,", "at", "2", "kinds", "of", "boundary"],
    ]


def test_nothing_is_counted_where_nothing_can_be_done() -> None:
    assert points([Trace(ONE, ())]) == []
    assert survey([], Layer.SIM) == Survey()
    assert points(FURTHER)

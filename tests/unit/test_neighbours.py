"""Neighbours: what differs in little from a trace, and leads to shorter ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from machines import shrink as shrinker
from machines.drivers import Layer
from machines.mutants import BY_NAME
from machines.neighbours import CHOICES, near, neighbours, otherwise
from machines.parts import POOL
from machines.run import execute
from machines.shrink import shrink
from machines.shrinking.cli import shrink as options
from machines.shrinking.failing import own
from machines.trace import Advance, Deliver, How, Jump, Mangle, Setting, Shutdown, Submit, Trace
from machines.wander import WALKS

if TYPE_CHECKING:
    import pytest

WRONG = BY_NAME["deadline-kills-the-wrong-worker"]
SLOW = (Deliver(0), Deliver(1), Submit(0), Submit(1, deadline=1.0), Jump(1.0))


def those(whole: Trace) -> set[Trace]:
    return set(neighbours(whole, Layer.SIM, POOL))


def test_each_choice_of_a_setting_and_each_argument_has_its_neighbour() -> None:
    whole = Trace(Setting(1), (Submit(0),))
    found = those(whole)
    settings = {one for choice in CHOICES if (one := near(whole.setting, choice)) is not None}
    assert {Trace(setting, whole.steps) for setting in settings} - {whole} <= found
    assert {Trace(whole.setting, (step,)) for step in otherwise(Submit(0))} <= found
    assert whole not in {Trace(whole.setting, (step,)) for step in otherwise(Submit(0))}


def test_what_never_ends_gets_a_deadline() -> None:
    assert Submit(0, operation="stick", deadline=1.0) in set(otherwise(Submit(0)))
    given = Submit(0, operation="echo", deadline=5.0)
    assert attrs.evolve(given, operation="stick") in set(otherwise(given))


def test_choices_that_do_not_go_together_are_no_neighbours() -> None:
    assert near(Setting(1, max_overflow=1), {"queue_limit": 0}) is None
    assert all(one.setting.config() for one in those(Trace(Setting(1, lazy=True), (Submit(0),))))


def test_two_arguments_are_others_at_once() -> None:
    stuck = [Submit(task, operation="stick", deadline=1.0) for task in (0, 1)]
    assert Trace(Setting(2), (*SLOW[:2], *stuck, *SLOW[4:])) in those(Trace(Setting(2), SLOW))


def test_another_step_takes_the_place_of_two() -> None:
    found = those(Trace(Setting(1), (Submit(0), Advance(1.0), Advance(2.0))))
    for other in (Deliver(0), Mangle(0, How.DROPPED), Shutdown(), Jump(60.0)):
        assert Trace(Setting(1), (Submit(0), other)) in found
        assert Trace(Setting(1), (other, Submit(0))) in found


def test_of_one_step_and_of_two_all_that_is_shorter_is_a_neighbour() -> None:
    found = those(Trace(Setting(1), (Deliver(0), Advance(70.0))))
    setting = Setting(2, openings_max=1, start_failures_max=1)
    damaged = {Trace(setting, (Mangle(worker, How.DROPPED),)) for worker in (0, 1)}
    assert damaged & found  # on which of the two is all the same
    assert Trace(Setting(1, lazy=True), ()) in those(Trace(Setting(1), (Deliver(0),)))
    assert {len(one.steps) for one in those(Trace(Setting(1), ()))} == {0}


def test_a_neighbour_leads_out_of_a_dead_end() -> None:
    assert execute(Trace(Setting(2), SLOW), parts=WRONG.parts).violation is not None
    given, held = Trace(Setting(2), SLOW), own(WRONG)
    stuck = shrink(given, WRONG.promise, parts=WRONG.parts, promises=held)
    found = shrink(given, WRONG.promise, parts=WRONG.parts, promises=held, walks=1)
    assert (len(stuck.trace.steps), len(found.trace.steps)) == (5, 2)


def test_nobody_looks_around_when_enough_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinker, "EFFORT_MAX", 1)
    given, held = Trace(Setting(2), SLOW), own(WRONG)
    left = shrink(given, WRONG.promise, parts=WRONG.parts, promises=held, walks=1_000)
    assert len(left.trace.steps) == 5
    assert left.tried < 200


def test_the_command_looks_around_as_long_as_every_finder_does() -> None:
    (walks,) = (option for option in options.params if option.name == "walks")
    assert walks.default == WALKS

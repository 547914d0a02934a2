"""Replay: its four answers, which of them outweighs which, and what it tells machines."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from machines import counterexample
from machines.counterexample import Counterexample, Status, Worlds
from machines.drivers import Layer
from machines.mutants import BY_NAME, DEAF
from machines.offers import offered
from machines.replay import EXIT, Answer, Broken, Replay, Stale, replay, worlds
from machines.run import execute
from machines.trace import (
    Advance,
    Command,
    Continue,
    Crash,
    Deliver,
    Open,
    Receive,
    Setting,
    Stop,
    Submit,
    Trace,
)
from model.checker import Violation
from model.promises import PROMISES

if TYPE_CHECKING:
    from machines.run import Report

FOLDER = Path(__file__).parents[2] / "artifacts" / "counterexamples"
LIMIT_S = 0.3
DESIGNED = {"file", "layer", "verdict", "promise", "step", "digest", "runs", "digests"}
IN_PROCESS = [Layer.SIM, Layer.WIRE]


def example(*steps: Command, size: int = 1) -> Counterexample:
    return Counterexample("L2", "words", Status.FIXED, 0, "0" * 64, Setting(size), steps)


GOOD = example(Deliver(0), Submit(0), Receive(0), Open(0), Deliver(0))
CRASH = example(Deliver(0), Crash(0))
STALE = example(Deliver(0), Open(5), Submit(0), Receive(3))


@pytest.mark.parametrize("layer", Layer)
def test_a_trace_that_breaks_nothing_holds(layer: Layer) -> None:
    result = replay(GOOD, layer)
    assert (result.answer, result.promise, result.step) == (Answer.HOLDS, None, None)
    assert (result.runs, result.violated) == (1, 0)
    assert result.digests == [execute(GOOD.trace).digest]
    assert result.layer is layer


@pytest.mark.parametrize("layer", Layer)
def test_a_trace_that_breaks_a_promise_is_violated_at_its_step(layer: Layer) -> None:
    result = replay(CRASH, layer, parts=BY_NAME["never-replaced"].parts)
    assert (result.answer, result.promise, result.step) == (Answer.VIOLATED, "S16", 2)
    assert result.sentence == "at 0 s only 0 of 1 workers live, and nothing hinders more"
    assert (result.runs, result.violated) == (1, 1)


@pytest.mark.parametrize("layer", Layer)
def test_a_step_that_is_no_longer_offered_makes_it_stale_there_and_the_rest_is_tried(
    layer: Layer,
) -> None:
    result = replay(STALE, layer)
    assert (result.answer, result.promise, result.step) == (Answer.STALE, None, 1)
    assert result.sentence == "the pool no longer offers this step"
    assert result.report is not None
    assert result.report.impossible == (1, 3)
    assert result.runs == 1


@pytest.mark.parametrize("layer", Layer)
def test_a_stale_replay_says_what_the_pool_offered_instead_and_how_far_the_rest_went(
    layer: Layer,
) -> None:
    trace = example(Submit(0), Submit(1), Deliver(0), Open(0), Crash(7), Receive(0), Open(0))
    result = replay(trace, layer)
    assert result.stale == Stale(3, (Receive(0),), after=3, possible=2)
    facts = result.facts("f")["stale"]
    offered = [{"do": "receive", "worker": 0}]
    assert facts == {"step": 3, "offered": offered, "after": 3, "possible": 2}


def test_what_a_pool_offers_instead_is_the_same_for_another_and_all_that_is_next() -> None:
    trace = Trace(Setting(2), (Submit(0), Submit(1), Deliver(0), Deliver(1), Receive(1), Open(0)))
    assert offered(trace, 5) == [Open(1), Receive(0)]
    assert offered(trace, 0) == [Deliver(0), Deliver(1), Advance(60.0)]
    stopped = Trace(Setting(2), (Stop(1), Crash(7)))
    assert offered(stopped, 1)[:2] == [Crash(0), Crash(1)]
    assert Continue(1) in offered(stopped, 1)


def test_a_replay_that_is_not_stale_says_nothing_of_it() -> None:
    assert replay(GOOD, Layer.SIM).stale is None
    assert replay(GOOD, Layer.SIM).facts("f")["stale"] is None


def test_a_violated_replay_says_whether_it_is_the_promise_and_the_step_that_were_saved() -> None:
    parts = BY_NAME["never-replaced"].parts
    as_saved = attrs.evolve(CRASH, promise="S16", step=2)
    result = replay(as_saved, Layer.SIM, parts=parts)
    assert result.as_saved
    assert (result.broken, result.facts("f")["as_saved"]) == (Broken("S16", 2), True)
    for other in (attrs.evolve(as_saved, promise="L2"), attrs.evolve(as_saved, step=1)):
        result = replay(other, Layer.SIM, parts=parts)
        assert (result.answer, result.as_saved) == (Answer.VIOLATED, False)
        assert result.facts("f")["as_saved"] is False
    assert replay(as_saved, Layer.SIM).facts("f")["as_saved"] is None


@pytest.mark.parametrize(
    ("sim", "real", "world"),
    [
        (Answer.VIOLATED, Answer.VIOLATED, Worlds.BOTH),
        (Answer.VIOLATED, Answer.HOLDS, Worlds.SIM),
        (Answer.HOLDS, Answer.VIOLATED, Worlds.REAL),
        (Answer.HOLDS, Answer.HOLDS, None),
        (None, Answer.VIOLATED, None),
        (Answer.VIOLATED, None, None),
    ],
)
def test_the_world_of_a_new_one_is_where_it_was_violated(
    sim: Answer | None, real: Answer | None, world: Worlds | None
) -> None:
    known = {Layer.SIM: sim, Layer.WIRE: Answer.HOLDS, Layer.REAL: real}
    assert worlds(Replay(k, answer=v) for k, v in known.items() if v is not None) is world


def test_a_stale_trace_that_breaks_a_promise_is_violated() -> None:
    stale = example(Open(5), Crash(0))
    result = replay(stale, Layer.SIM, parts=BY_NAME["never-replaced"].parts)
    assert (result.answer, result.promise) == (Answer.VIOLATED, "S16")


def test_a_fact_that_does_not_come_within_the_limit_makes_it_diverged() -> None:
    result = replay(GOOD, Layer.REAL, parts=DEAF.parts, limit_s=LIMIT_S)
    assert (result.answer, result.promise, result.step) == (Answer.DIVERGED, None, None)
    assert result.sentence == "worker 0 sent no frame within 0.3 s"
    assert (result.runs, result.violated, result.digests) == (0, 0, [])
    assert result.report is None


def test_a_diverged_replay_is_not_run_again() -> None:
    told: list[int] = []
    result = replay(
        GOOD,
        Layer.REAL,
        parts=DEAF.parts,
        limit_s=LIMIT_S,
        times=3,
        after_each=lambda: told.append(1),
    )
    assert (result.answer, len(told)) == (Answer.DIVERGED, 1)


@pytest.mark.parametrize("layer", IN_PROCESS)
def test_the_deaf_worker_is_deaf_on_real_only(layer: Layer) -> None:
    assert replay(GOOD, layer, parts=DEAF.parts).answer is Answer.HOLDS


@pytest.mark.parametrize("layer", Layer)
def test_many_runs_give_one_digest(layer: Layer) -> None:
    told: list[int] = []
    result = replay(GOOD, layer, times=4, after_each=lambda: told.append(1))
    assert (result.runs, len(result.digests), len(told)) == (4, 1, 4)


def test_only_the_promises_asked_for_are_judged() -> None:
    parts = BY_NAME["never-replaced"].parts
    assert replay(CRASH, Layer.SIM, parts=parts, promises=()).answer is Answer.HOLDS


def report(kind: Answer) -> Report:
    """A report that gives this answer by itself."""
    broken = BY_NAME["never-replaced"].parts
    return {
        Answer.HOLDS: lambda: execute(GOOD.trace),
        Answer.STALE: lambda: execute(STALE.trace),
        Answer.VIOLATED: lambda: execute(CRASH.trace, parts=broken),
    }[kind]()


@pytest.mark.parametrize(
    "answers", [*itertools.permutations(Answer, 2), *itertools.permutations(Answer, 3)]
)
def test_the_gravest_answer_wins_in_whatever_order_they_come(answers: tuple[Answer, ...]) -> None:
    result = Replay(Layer.SIM)
    for answer in answers:
        if answer is Answer.DIVERGED:
            result.diverge("it did not come")
        else:
            result.add(report(answer))
    order = [Answer.HOLDS, Answer.STALE, Answer.DIVERGED, Answer.VIOLATED]
    assert result.answer is max(answers, key=order.index)
    assert result.runs == len(answers) - (Answer.DIVERGED in answers)
    assert result.violated == answers.count(Answer.VIOLATED)
    assert result.promise == ("S16" if Answer.VIOLATED in answers else None)


def test_promise_step_and_sentence_are_those_of_one_run() -> None:
    first = report(Answer.VIOLATED)
    second = attrs.evolve(first, violation=Violation("S1", "another", 0), step=0)
    result = Replay(Layer.REAL)
    result.add(first)
    result.add(second)
    runs = [("S16", first.step, first.violation and first.violation.sentence), ("S1", 0, "another")]
    assert (result.promise, result.step, result.sentence) in runs


def test_distinct_digests_are_counted() -> None:
    result = Replay(Layer.SIM)
    for one in (GOOD, CRASH, GOOD):
        result.add(execute(one.trace))
    assert len(result.digests) == 2
    assert result.facts("f")["digests"] == 2
    assert result.facts("f")["digest"] == result.digests[0]


def test_facts_of_a_violated_replay_have_the_designed_keys_and_are_json() -> None:
    result = replay(CRASH, Layer.SIM, parts=BY_NAME["never-replaced"].parts, times=2)
    facts = result.facts("a/file.json")
    assert set(facts) >= DESIGNED
    assert json.loads(json.dumps(facts)) == facts
    expected = {
        "file": "a/file.json",
        "layer": "sim",
        "verdict": "violated",
        "promise": "S16",
        "step": 2,
        "digest": result.digests[0],
        "runs": 2,
        "digests": 1,
    }
    assert {key: facts[key] for key in DESIGNED} == expected


def test_facts_of_a_diverged_replay_say_what_is_not_known() -> None:
    result = Replay(Layer.REAL)
    result.diverge("it did not come")
    facts = result.facts("f")
    assert (facts["verdict"], facts["digest"], facts["digests"]) == ("diverged", None, 0)
    assert (facts["promise"], facts["step"], facts["runs"]) == (None, None, 0)


def test_each_answer_has_its_exit_code() -> None:
    codes = {Answer.HOLDS: 0, Answer.VIOLATED: 1, Answer.STALE: 3, Answer.DIVERGED: 3}
    assert codes == EXIT


@pytest.mark.parametrize("layer", IN_PROCESS)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_saved_counterexample_holds_today_and_is_not_stale(path: Path, layer: Layer) -> None:
    assert replay(counterexample.load(path), layer).answer is Answer.HOLDS


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_saved_counterexample_is_found_again_with_its_bug_planted(path: Path) -> None:
    saved = counterexample.load(path)
    mutant = BY_NAME[saved.origin["mutant"]]
    own = [kind for kind in PROMISES if kind.promise == saved.promise]
    result = replay(saved, mutant.layer, parts=mutant.parts, promises=own)
    found = (result.answer, result.promise, result.step, result.sentence)
    assert found == (Answer.VIOLATED, saved.promise, saved.step, saved.sentence)
    assert result.digests == [saved.digest]


def test_an_empty_trace_holds() -> None:
    assert replay(example(), Layer.WIRE).answer is Answer.HOLDS
    assert execute(Trace(Setting(1), (Advance(0.0),))).violation is None

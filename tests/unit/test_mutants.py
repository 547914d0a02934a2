"""The planted bugs: each is found, as what it is, in a trace that can be read at a glance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import settings

from machines import counterexample, selfcheck
from machines.drivers import Layer
from machines.hunt import budget_of, hunt
from machines.mutants import BY_NAME, CANARY, DEAF, ENDLESS, MUTANTS, Mutant
from machines.mutants.page import page
from machines.parts import POOL, Parts
from machines.replay import Answer, replay
from machines.run import execute
from machines.selfcheck import Check, Seeds, canary_found, check, check_all
from machines.tally import Tally
from model.promises import PROMISES, WORDS

if TYPE_CHECKING:
    from machines.counterexample import Counterexample

SEED = 0
SAVED = Path(__file__).parents[2] / "artifacts" / "counterexamples"
DESIGNED = {"name", "promise", "found", "examples", "seconds", "steps", "real"}
NAMES = [mutant.name for mutant in MUTANTS]
# One bug in each part; `poolcheck selfcheck` hunts them all.
SAMPLE = [
    BY_NAME[name]
    for name in (
        "resolved-twice-after-retry",
        "youngest-first",
        "back-of-the-line",
        "everybody-probes",
        "trusting-decoder",
        "remembers-answers",
        "leaks-a-descriptor",
    )
]
HARMLESS = Mutant("harmless", "L1", "nothing is wrong with it", POOL)


def test_every_name_names_one_planted_bug() -> None:
    everything = [*MUTANTS, CANARY, DEAF, ENDLESS]
    assert len({mutant.name for mutant in everything}) == len(everything)
    assert {name: mutant.name for name, mutant in BY_NAME.items()} == {
        mutant.name: mutant.name for mutant in everything
    }


@pytest.mark.parametrize("promise", WORDS)
def test_every_promise_is_broken_by_two_planted_bugs_at_least(promise: str) -> None:
    assert sum(mutant.promise == promise for mutant in MUTANTS) >= 2


def test_there_are_planted_bugs_in_every_part() -> None:
    assert len(MUTANTS) >= 40
    parts = [attribute.name for attribute in attrs.fields(Parts) if attribute.name != "body"]
    for name in parts:
        assert any(getattr(m.parts, name) is not getattr(POOL, name) for m in MUTANTS), name


def test_the_page_of_the_planted_bugs_is_theirs() -> None:
    assert (SAVED.parents[1] / "docs" / "planted-bugs.md").read_text() == page()


def saved_of(promise: str) -> list[Counterexample]:
    """The saved counterexamples of one promise."""
    return [counterexample.load(path) for path in sorted(SAVED.glob(f"{promise}-*.json"))]


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_saved_trace_is_violated_with_the_bug_and_holds_without(mutant: Mutant) -> None:
    own = [kind for kind in PROMISES if kind.promise == mutant.promise]
    saved = sorted(
        saved_of(mutant.promise), key=lambda example: example.origin.get("mutant") != mutant.name
    )
    for example in saved:
        report = execute(example.trace, mutant.layer, mutant.parts, promises=own)
        if report.violation is not None:
            assert replay(example, mutant.layer).answer is Answer.HOLDS
            return
    pytest.fail(f"no saved trace of {mutant.promise} shows {mutant.name}")


def test_every_planted_bug_says_what_it_does() -> None:
    assert len({mutant.words for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_planted_bug_changes_exactly_one_part(mutant: Mutant) -> None:
    names = [attribute.name for attribute in attrs.fields(Parts)]
    changed = [n for n in names if getattr(mutant.parts, n) is not getattr(POOL, n)]
    assert len(changed) == 1


def test_a_planted_bug_names_a_promise_that_there_is() -> None:
    with pytest.raises(ValueError, match="promise"):
        Mutant("odd", "S99", "breaks what nobody promised", POOL)


@pytest.mark.parametrize("mutant", SAMPLE, ids=[mutant.name for mutant in SAMPLE])
def test_a_planted_bug_is_found_shrunk_and_seen_on_real_processes(mutant: Mutant) -> None:
    stages: list[int] = []
    one = check(mutant, SEED, real_times=1, after_each=lambda: stages.append(1))
    assert one.example is not None
    assert one.promise == mutant.promise
    assert len(one.example.steps) <= mutant.steps_max
    assert one.real is not None
    assert one.real.promise == mutant.promise
    assert one.passed
    assert len(stages) == 3
    facts = one.facts()
    assert set(facts) >= DESIGNED
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["name"], facts["found"], facts["real"]) == (mutant.name, True, "1/1")
    assert one.example.origin["mutant"] == mutant.name
    # The pool without the bug does not break where the bug did.
    assert execute(one.example.trace, mutant.layer).violation is None


def test_a_seed_gives_the_same_find_every_time() -> None:
    first, second = (check(BY_NAME["skips-reaping"], 5, real_times=0) for _ in range(2))
    assert first.example == second.example
    assert (first.examples, first.steps_found) == (second.examples, second.steps_found)


def test_seeds_are_told_together_and_do_not_depend_on_who_hunts() -> None:
    names = ("skips-reaping", "never-replaced", "idle-twice", "last-in-first-out")
    mutants = [BY_NAME[name] for name in names]
    stages: list[int] = []
    together = check_all(mutants, [3, 4], real_times=0, after_each=lambda: stages.append(1))
    assert len(stages) == len(mutants) * 2
    for mutant, seeds in zip(mutants, together, strict=True):
        alone = tuple(check(mutant, seed, real_times=0) for seed in (3, 4))
        assert [one.example for one in seeds.checks] == [one.example for one in alone]
        facts = seeds.facts()
        assert (facts["name"], facts["found"], facts["found_in"]) == (mutant.name, True, "2/2")
        assert seeds.passed


def test_a_bug_that_one_seed_misses_is_not_found() -> None:
    found = check(BY_NAME["skips-reaping"], SEED, real_times=0)
    missed = Check(found.mutant, None, 7, 0.1, 0, None, None)
    seeds = Seeds((found, missed))
    assert (seeds.found_in, seeds.passed) == (1, False)
    facts = seeds.facts()
    most = max(found.examples, 7)
    assert (facts["found"], facts["found_in"], facts["examples_max"]) == (False, "1/2", most)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_canary_is_found(seed: int) -> None:
    assert canary_found(seed)


def test_where_no_bug_is_planted_none_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "EXAMPLES_MAX", 150)
    one = check(HARMLESS, SEED, real_times=1)
    assert not one.found
    assert not one.passed
    assert (one.promise, one.example, one.real) == (None, None, None)
    assert one.examples >= 150
    assert one.facts()["found"] is False
    assert one.facts()["steps"] is None


def test_a_hunt_without_a_planted_bug_finds_nothing_on_wire_either() -> None:
    tally = Tally()
    budget = budget_of(settings(database=None), Layer.WIRE, 40, 30)
    assert hunt(Layer.WIRE, tally, budget, seeded=SEED) == []
    assert tally.examples >= 40
    assert tally.steps > tally.examples
    assert len(tally.coverage.moves("worker")) > 10


def test_a_bug_found_as_another_promise_or_not_on_real_has_not_passed() -> None:
    good = check(BY_NAME["never-replaced"], SEED, real_times=1)
    assert good.passed
    other = next(name for name in WORDS if name != "L2")
    assert not attrs.evolve(good, promise=other).passed
    assert good.real is not None
    for spoilt in ({"violated": 0}, {"runs": 2}, {"digests": ["a", "b"]}):
        real = attrs.evolve(good.real, **spoilt)
        assert not attrs.evolve(good, real=real).passed
    none = Check(good.mutant, None, 1, 0.1, 0, None, None)
    assert not none.passed
    assert none.facts()["real"] is None

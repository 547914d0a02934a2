"""The planted bugs: each is found, as what it is, in a trace that can be read at a glance."""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import settings

from machines import selfcheck
from machines.drivers import Layer
from machines.hunt import budget_of, hunt
from machines.mutants import BY_NAME, CANARY, DEAF, MUTANTS, Mutant
from machines.parts import POOL, Parts
from machines.run import execute
from machines.selfcheck import Check, canary_found, check
from machines.tally import Tally
from model.promises import PROMISES, WORDS

SEED = 0
DESIGNED = {"name", "promise", "found", "examples", "seconds", "steps", "real"}
NAMES = [mutant.name for mutant in MUTANTS]
HARMLESS = Mutant("harmless", "L1", "nothing is wrong with it", POOL)


def test_every_name_names_one_planted_bug() -> None:
    everything = [*MUTANTS, CANARY, DEAF]
    assert len({mutant.name for mutant in everything}) == len(everything)
    assert {name: mutant.name for name, mutant in BY_NAME.items()} == {
        mutant.name: mutant.name for mutant in everything
    }


def test_every_promise_is_broken_by_some_planted_bug() -> None:
    assert {mutant.promise for mutant in MUTANTS} == {kind.promise for kind in PROMISES}


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


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
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

"""Machines are put to the proof: their share of the budget, their turns, and what fails a test."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from machines import roster
from machines.burst import BurstMachine
from machines.drivers import Layer
from machines.hunt import TURN, budget_of, hunt_in_turn
from machines.machine import Machine
from machines.mutants import BY_NAME
from machines.parts import POOL, Parts
from machines.pool_machine import PoolMachine
from machines.prove import EXAMPLES_MIN, Prove
from machines.roster import MACHINES
from machines.tally import Tally

ROOT = Path(__file__).parents[2]
PROFILE = settings(database=None, max_examples=200, stateful_step_count=20)


def prove(tmp_path: Path, parts: Parts = POOL, layer: Layer = Layer.SIM, **origin: str) -> Prove:
    return Prove(layer, Tally(), PROFILE, parts, tmp_path, 0, origin)


def test_every_machine_of_the_tests_is_on_the_roster() -> None:
    found: set[type[Machine]] = set()
    for path in sorted((ROOT / "machines").glob("test_*.py")):
        module = importlib.import_module(f"machines.{path.stem}")
        found |= {
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Machine)
            and value.__name__.endswith("Machine")
            and value is not Machine
        }
    assert found == set(MACHINES)
    assert len(MACHINES) == len(set(MACHINES))
    assert roster.MACHINES[0] is PoolMachine


def test_the_machines_shares_of_a_profile_are_about_the_whole_of_it() -> None:
    assert 1.0 <= sum(machine.share for machine in MACHINES) <= 1.2


def test_a_machine_has_its_share_of_its_layer_s_share(tmp_path: Path) -> None:
    assert prove(tmp_path).examples(PoolMachine) == 80
    assert prove(tmp_path, layer=Layer.WIRE).examples(PoolMachine) == 24
    assert prove(tmp_path, layer=Layer.REAL).examples(BurstMachine) == EXAMPLES_MIN


def test_a_sound_pool_is_proven_with_all_its_examples(tmp_path: Path) -> None:
    proof = prove(tmp_path)
    proof(PoolMachine)
    assert proof.tally.examples >= proof.examples(PoolMachine)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_promise_fails_with_its_story_and_is_saved(tmp_path: Path) -> None:
    proof = prove(tmp_path, BY_NAME["never-replaced"].parts, mutant="never-replaced")
    with pytest.raises(pytest.fail.Exception, match="is broken") as failed:
        proof(PoolMachine)
    assert "a pool of " in str(failed.value)
    assert list(tmp_path.glob("*.json"))


def test_a_planted_bug_that_the_whole_pool_does_not_find_fails(tmp_path: Path) -> None:
    proof = prove(tmp_path, POOL, mutant="nothing")
    with pytest.raises(pytest.fail.Exception, match="the planted bug nothing was NOT found"):
        proof(PoolMachine)
    proof(BurstMachine)  # the others need not find every bug


def test_machines_take_turns_until_the_examples_are_spent() -> None:
    seen: list[str] = []

    class First(PoolMachine):
        def teardown(self) -> None:
            seen.append("first")
            super().teardown()

    class Second(PoolMachine):
        def teardown(self) -> None:
            seen.append("second")
            super().teardown()

    budget = settings(budget_of(PROFILE, Layer.SIM, 3 * TURN, 5), phases=[Phase.generate])
    assert hunt_in_turn(Layer.SIM, Tally(), budget, [First, Second]) == []
    turns = [name for at, name in enumerate(seen) if at == 0 or seen[at - 1] != name]
    assert turns == ["first", "second", "first"]
    assert seen.count("second") >= TURN


def test_whoever_finds_it_ends_the_hunt() -> None:
    budget = settings(budget_of(PROFILE, Layer.SIM, 400, 30), phases=[Phase.generate])
    tally = Tally()
    parts = BY_NAME["never-replaced"].parts
    (finding, *_) = hunt_in_turn(Layer.SIM, tally, budget, MACHINES, parts=parts)
    assert finding.violation.promise in ("S16", "L2")
    assert tally.begun < 400

"""The fault catalogue: every fault of a trace is in it, and each strikes on each of its layers."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from machines import fault, swarm
from machines.drivers import Layer
from machines.fault import CATALOGUE, YES, Fault
from machines.run import Run, execute
from machines.trace import FAULTS, Continue, Submit, Trace, fault_of
from machines.workload import OPERATIONS

if TYPE_CHECKING:
    from machines.trace import Command, Setting

ROOT = Path(__file__).parents[2]
MADE = [one for one in CATALOGUE if one.steps]


def in_flight(steps: tuple[Command, ...], setting: Setting) -> bool:
    """Whether a task is accepted and unresolved when these commands are done."""
    with Run(setting) as run:
        for step in steps:
            run.do(step)
        return bool(run.world.core.tasks)


def strikes(one: Fault) -> list[int]:
    """Where among its steps the fault is made."""
    return [at for at, step in enumerate(one.steps) if swarm.name_of(step) in one.by]


@pytest.mark.parametrize("layer", Layer)
@pytest.mark.parametrize("one", MADE, ids=[f"{one.sort}: {one.name}" for one in MADE])
def test_each_fault_strikes_while_a_task_is_in_flight_and_no_promise_is_broken(
    one: Fault, layer: Layer
) -> None:
    assert one.on(layer)
    whole = Trace(one.setting, one.steps)
    report = execute(whole, layer)
    assert report.violation is None
    assert report.impossible == ()
    assert report.digest == execute(whole).digest
    striking = {
        swarm.name_of(one.steps[at])
        for at in strikes(one)
        if isinstance(one.steps[at], Submit) or in_flight(one.steps[:at], one.setting)
    }
    assert striking == set(one.by)


def test_every_fault_that_a_trace_can_name_is_in_the_catalogue() -> None:
    by = {name for one in CATALOGUE for name in one.by}
    faults = {name for name in swarm.NAMES if name.split(":")[0] in {kind.do for kind in FAULTS}}
    operations = {f"submit:{name}" for name in OPERATIONS}
    assert faults | operations <= by
    assert {fault_of(step) for one in MADE for step in one.steps} - {None} == faults
    assert fault_of(Continue(0)) is None


def test_a_fault_without_steps_says_why_each_layer_has_no_meaning_for_it() -> None:
    for one in CATALOGUE:
        assert set(one.layers) == set(Layer)
        assert bool(one.steps) == all(one.layers[layer] == YES for layer in Layer)
        assert all(one.layers.values())


def test_the_tests_that_the_catalogue_names_are_there() -> None:
    named = [name for one in CATALOGUE for name in one.by if name.startswith("tests/")]
    assert named
    for name in named:
        path, function = name.split("::")
        tree = ast.parse((ROOT / path).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_is_what_the_catalogue_says() -> None:
    assert (ROOT / "docs" / "faults.md").read_text() == fault.page()

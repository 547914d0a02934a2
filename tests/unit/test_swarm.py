"""Swarm: what a run may go without, and that it does go without it."""

from __future__ import annotations

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from machines import swarm
from machines.body import Condition
from machines.pool_machine import PoolMachine
from machines.run import Run
from machines.trace import Crash, Deliver, Mangle, NextStart, Setting, Submit


def test_every_command_and_fault_may_be_left_out_but_the_schedule_and_the_plainest_task() -> None:
    assert {"cancel", "shutdown", "advance", "crash", "mangle:cut", "next_start:hangs"} <= set(
        swarm.NAMES
    )
    assert "submit:fail" in swarm.NAMES
    kept = {"submit:echo", "deliver", "receive", "open", "continue", "next_start:normal"}
    assert not kept & set(swarm.NAMES)
    assert len(set(swarm.NAMES)) == len(swarm.NAMES)


@pytest.mark.parametrize("command", [Crash(3), Mangle(0), NextStart(), Submit(0, "fail")])
def test_the_names_are_those_of_commands(command: swarm.Command) -> None:
    assert swarm.name_of(command) in swarm.NAMES


def test_zeros_leave_nothing_out_and_each_bit_one_name() -> None:
    assert swarm.of(bytes(9)) == frozenset()
    assert swarm.of(bytes([1])) == {swarm.NAMES[0]}
    assert swarm.of(bytes([0, 2])) == {swarm.NAMES[9]}
    assert swarm.of(b"\xff" * 9) == set(swarm.NAMES)


def test_what_is_left_out_shrinks_to_nothing() -> None:
    assert find(swarm.OFF, lambda _: True) == frozenset()


@given(data=st.data())
def test_some_runs_go_without_much_and_some_without_nothing(data: st.DataObject) -> None:
    off = data.draw(swarm.OFF)
    assert off <= set(swarm.NAMES)


def test_a_machine_does_not_do_what_is_left_out() -> None:
    machine = PoolMachine(Run, lambda *_: None)
    machine.begin(Setting(size=1), frozenset({"crash"}))
    assert not machine.allows("crash")
    machine.crash(which=0)
    assert machine.in_condition(Condition.RUNNING) == [0]
    machine.deliver(which=0)
    assert machine.run is not None
    assert machine.run.steps == [Deliver(0)]
    machine.teardown()

"""The menu and the walker: bytes become commands that are possible, and a number a whole run."""

from __future__ import annotations

from collections import Counter
from random import Random

from machines import swarm
from machines.burst import BurstMachine
from machines.menu import BYTES, DISHES, Menu
from machines.run import Run, execute
from machines.trace import COMMANDS, Deliver, Setting, Trace
from machines.walker import generated, left_out, setting, walk

SEEDS = range(200)


def test_each_byte_stands_for_something_and_0_for_what_a_fair_schedule_does() -> None:
    assert len(DISHES) == BYTES
    with Run(Setting(size=2)) as run:
        assert Menu(run.world).choose(0) == Deliver(0)


def test_what_is_chosen_is_almost_always_possible() -> None:
    steps = impossible = 0
    for seed in SEEDS:
        trace, report = walk(seed)
        steps += len(trace.steps)
        impossible += len(report.impossible)
    assert impossible < steps / 50


def test_every_command_is_chosen_by_some_walk_and_all_that_may_be_left_out() -> None:
    names: Counter[str] = Counter()
    for seed in SEEDS:
        names.update(swarm.name_of(step) for step in generated(seed, length=400).steps)
    assert {name.split(":")[0] for name in names} == set(COMMANDS)
    assert set(swarm.NAMES) <= set(names)


def test_what_is_left_out_is_not_chosen() -> None:
    for seed in range(20):
        chance = Random(seed)  # noqa: S311 - reproducible choices, nothing secret
        with Run(setting(chance)) as run:
            off = left_out(chance)
            menu = Menu(run.world, off)
            for byte in chance.randbytes(100):
                if (command := menu.choose(byte)) is not None:
                    assert swarm.name_of(command) not in off
                    run.do(command)


def test_a_walk_is_its_seed_s_and_its_trace_runs_again_the_same() -> None:
    for seed in range(20):
        trace, report = walk(seed)
        assert isinstance(trace, Trace)
        assert walk(seed) == (trace, report)
        assert execute(trace) == report
        assert execute(trace).digest == report.digest


def test_walks_break_no_promise() -> None:
    assert {walk(seed)[1].violation for seed in SEEDS} == {None}


def test_a_burst_does_many_things_by_name() -> None:
    machine = BurstMachine(Run, lambda *_: None)
    machine.start(2, None, {}, frozenset())
    machine.burst(bytes(range(0, 256, 8)))
    assert machine.run is not None
    assert len(machine.run.steps) > 8
    machine.teardown()

"""One trace, one digest: on `sim`, `wire` and `real`, and under every hash seed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from machines.drivers import Layer
from machines.firings import legal_moves
from machines.gate import Start
from machines.pool_machine import FLAVOURS, setting_of
from machines.run import Report, Run, execute, fair_moves
from machines.trace import (
    COMMANDS,
    Advance,
    Command,
    How,
    Mangle,
    NextStart,
    Shutdown,
    Submit,
    Trace,
)
from machines.workload import OPERATIONS

TRACES = 300
NAMES = sorted(COMMANDS)
ON_REAL = range(0, TRACES, 26)
SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 60.0)
SELDOM = {"shutdown": 0.1}


def generated(seed: int) -> Trace:
    """A trace of up to 80 commands of every kind, with numbers that mostly mean something.

    Half of the commands are what a fair schedule would do next, or nothing would get anywhere.
    """
    chance = random.Random(seed)  # noqa: S311 - a fixed seed, nothing secret
    limit = chance.choice((None, None, 0, 1, 3))
    flavour = chance.choice(FLAVOURS)
    setting = setting_of(chance.randint(1, 3), limit, flavour)
    tasks = 0
    with Run(setting) as run:
        for _ in range(chance.randint(20, 80)):
            fair = fair_moves(run.world)
            if fair and chance.random() < 0.5:
                run.do(chance.choice(fair))
                continue
            (name,) = chance.choices(NAMES, [SELDOM.get(name, 1) for name in NAMES])
            worker = chance.randint(0, len(run.world.bodies))
            run.do(_command(name, chance, worker, tasks))
            tasks += name == "submit"
        return Trace(setting, tuple(run.steps))


def _command(name: str, chance: random.Random, worker: int, tasks: int) -> Command:
    task = max(0, tasks - chance.randint(0, 4))
    if name in ("cancel", "kill", "open"):
        return COMMANDS[name](task)
    if name in ("receive", "deliver", "crash", "stop", "continue"):
        return COMMANDS[name](worker)
    session = chance.randint(0, 2)
    if name in ("open_session", "reopen", "close_session"):
        return COMMANDS[name](session)
    deadline = chance.choice((None, None, 1.0, 2.0))
    others: dict[str, Command] = {
        "submit": Submit(
            tasks,
            chance.choice(sorted(OPERATIONS)),
            deadline,
            chance.randint(0, 2),
            session if chance.random() < 0.4 else None,
        ),
        "shutdown": Shutdown(chance.random() < 0.5, chance.choice((None, 0.0, 1.0))),
        "advance": Advance(chance.choice(SECONDS)),
        "mangle": Mangle(worker, chance.choice(list(How))),
        "next_start": NextStart(chance.choice(list(Start))),
    }
    return others[name]


@pytest.fixture(scope="module")
def simulated() -> list[Report]:
    """Every generated trace's run on `sim`."""
    return [execute(generated(seed)) for seed in range(TRACES)]


def test_the_generated_traces_break_no_promise(simulated: list[Report]) -> None:
    assert [report.violation for report in simulated] == [None] * TRACES


def test_the_generated_traces_are_not_idle(simulated: list[Report]) -> None:
    kinds = {type(step) for seed in range(TRACES) for step in generated(seed).steps}
    fired = {move for report in simulated for move in report.coverage.moves("worker")}
    assert kinds == set(COMMANDS.values())
    assert fired == legal_moves("worker")
    steps = sum(len(generated(seed).steps) for seed in range(TRACES))
    assert sum(len(report.impossible) for report in simulated) < steps / 2


def test_running_a_trace_again_gives_the_same_report(simulated: list[Report]) -> None:
    assert [execute(generated(seed)) for seed in range(0, TRACES, 10)] == simulated[::10]


@pytest.mark.parametrize("first", range(0, TRACES, 10))
def test_wire_gives_the_digest_of_sim(simulated: list[Report], first: int) -> None:
    seeds = range(first, first + 10)
    wire = {seed: execute(generated(seed), Layer.WIRE) for seed in seeds}
    differing = [seed for seed in seeds if wire[seed].digest != simulated[seed].digest]
    assert differing == []
    assert [wire[seed].violation for seed in seeds] == [None] * len(seeds)
    assert [wire[s].impossible for s in seeds] == [simulated[s].impossible for s in seeds]
    assert [wire[s].showed for s in seeds] == [simulated[s].showed for s in seeds]


@pytest.mark.parametrize("seed", ON_REAL)
def test_real_gives_the_digest_of_sim(simulated: list[Report], seed: int) -> None:
    real = execute(generated(seed), Layer.REAL)
    assert real.violation is None
    assert real.digest == simulated[seed].digest
    assert real.showed == simulated[seed].showed


def test_the_digest_does_not_depend_on_the_hash_seed(simulated: list[Report]) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_layers_agree as here\n"
        "for seed in range(40): print(here.execute(here.generated(seed)).digest)\n"
    )
    expected = [report.digest for report in simulated[:40]]
    for seed in ("0", "1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.split() == expected, f"under PYTHONHASHSEED={seed}"

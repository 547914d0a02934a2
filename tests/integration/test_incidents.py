"""Incidents come home: a log of a production pool with a bug in it becomes a counterexample."""

from __future__ import annotations

import functools
import json
import logging
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from click.testing import CliRunner

from machines import counterexample, recorded
from machines.cli import command
from machines.counterexample import Status
from machines.free.clients import Party
from machines.free.run import RECORD, free_run, plan_of
from machines.homecoming import come_home
from machines.mutants import BY_NAME
from pool import Pool
from pool.loop import Loop

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from pool import PoolConfig
    from pool.core import Core

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

STEPS_MAX = 8
TIMES = 20
SEEDS = 10


def with_core(core: type[Core], config: PoolConfig) -> Pool:
    """A production pool whose mind has a bug."""
    with mock.patch("pool.pool.Loop", functools.partial(Loop, core=core)):
        return Pool(config=config)


def run(*args: str) -> Result:
    """The command has run; what it returns is its exit code."""
    return CliRunner().invoke(command, args, standalone_mode=False)


def recorded_log(name: str, folder: Path) -> Path:
    """A free run's log of a pool with this bug, that shows a promise broken."""
    parts = BY_NAME[name].parts
    for seed in range(SEEDS):
        own = folder / str(seed)
        own.mkdir()
        plan = plan_of(seed, party=Party(limit_s=2.0), start_method="fork")
        free_run(plan, own, functools.partial(with_core, parts.core))
        if recorded.load(own / RECORD, parts).report.violation is not None:
            return own / RECORD
    raise AssertionError(f"none of {SEEDS} runs shows {name}")


@pytest.mark.parametrize("name", ["replaced-too-early", "lies-about-start"])
def test_a_log_with_a_planted_bug_comes_home_as_a_counterexample_of_at_most_eight_steps(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    log = recorded_log(name, tmp_path)
    home = tmp_path / "home"
    options = ["--mutant", name, "--save", str(home), "--layer", "real", "--times", str(TIMES)]
    result = run("replay", str(log), *options, "--json")
    assert result.return_value == 1, result.output
    (path,) = home.iterdir()
    example = counterexample.load(path)
    assert 0 < len(example.steps) <= STEPS_MAX
    assert example.status is Status.OPEN
    assert example.certificate is not None
    assert example.origin["log"] == RECORD
    (real,) = json.loads(result.stdout)
    assert (real["verdict"], real["promise"]) == ("violated", example.promise)
    assert (real["violated"], real["runs"], real["digests"]) == (TIMES, TIMES, 1)
    assert f"broke {example.promise}; shrunk to {len(example.steps)} steps" in result.stderr


def test_a_healthy_log_does_not_come_home(tmp_path: Path) -> None:
    free_run(plan_of(0, party=Party(1, 0, 3), blows=0, start_method="fork"), tmp_path)
    log = tmp_path / RECORD
    checked = run("check", str(log), "--json")
    assert checked.return_value == 0, checked.output
    (facts,) = json.loads(checked.stdout)
    assert set(facts["promises"].values()) == {"holds"}
    home = tmp_path / "home"
    found = run("replay", str(log), "--layer", "sim", "--save", str(home))
    assert found.return_value == 0, found.output
    assert not home.exists()
    with pytest.raises(ValueError, match="its trace breaks no promise"):
        come_home(log, recorded.load(log), home)

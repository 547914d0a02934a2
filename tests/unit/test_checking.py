"""`poolcheck check`: agreement and crash points, their words, facts and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from machines import checking
from machines.agreement import Disagreement
from machines.cli import command
from machines.crash_points import plain_paths
from machines.drivers import Layer

if TYPE_CHECKING:
    import pytest


def run(*options: str) -> Result:
    return CliRunner().invoke(command, ["check", *options], standalone_mode=False)


def test_layers_that_agree_are_said_to_and_the_exit_code_is_0() -> None:
    result = run("--agreement", "5", "--real", "1")
    assert result.output.splitlines() == [
        "sim and wire agree on 5 of 5 walks",
        "sim and real agree on 1 of 1 walks",
    ]
    assert result.return_value == 0


def test_layers_that_disagree_are_named_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Disagreement(3, Layer.WIRE, "here")
    monkeypatch.setattr(checking, "disagreements", lambda *_: [one])
    result = run("--agreement", "5", "--real", "0")
    assert result.output.splitlines() == [
        "sim and wire agree on 4 of 5 walks",
        "  walk 3: sim and wire part: here",
    ]
    assert result.return_value == 1
    facts = json.loads(run("--agreement", "5", "--real", "0", "--json").output)
    assert facts["agreement"][0]["disagreements"] == [one.facts()]
    assert facts["agreement"][0]["holds"] is False


def test_crash_points_are_counted_on_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "shortest_paths", lambda: plain_paths()[:2])
    options = ("--agreement", "0", "--real", "0", "--crash-points")
    result = run(*options)
    assert [line for line in result.output.splitlines() if "crash points on" in line] == [
        f"crash points on {layer}" for layer in ("sim", "wire", "real")
    ]
    assert result.return_value == 0
    facts = json.loads(run(*options, "--json").output)["crash_points"]
    assert [fact["holds"] for fact in facts] == [True] * 3
    assert facts[0]["runs"] > facts[1]["runs"] > 0


def test_crash_points_at_which_nobody_dies_are_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "shortest_paths", list)
    assert run("--agreement", "0", "--real", "0", "--crash-points").return_value == 1

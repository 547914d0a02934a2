"""Layers that disagree are found, and one trace has one digest under every hash seed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from machines.agreement import Disagreement, disagreements
from machines.drivers import DRIVERS, Diverged, Layer
from machines.drivers.wire import WireDriver
from machines.firings import legal_moves
from machines.run import Report, execute
from machines.walker import generated, walk
from pool.events import Event, WorkerExited

WALKS = range(300)


class LyingDriver(WireDriver):
    """Tells of every kill that it was none."""

    def fact(self, worker: int, expected: Event) -> Event:
        told = super().fact(worker, expected)
        if isinstance(told, WorkerExited) and told.code == -9:
            return WorkerExited(worker, 5, told.unstarted)
        return told


class SilentDriver(WireDriver):
    """Shows nothing in time."""

    def fact(self, worker: int, expected: Event) -> Event:
        raise Diverged(f"worker {worker} did not say {expected}")


def test_the_walks_fire_every_move_of_the_lifecycle() -> None:
    fired = {move for seed in WALKS for move in walk(seed)[1].coverage.moves("worker")}
    assert fired == legal_moves("worker")


@pytest.mark.parametrize("layer", [Layer.SIM, Layer.WIRE])
def test_running_a_walks_trace_again_shows_the_same(layer: Layer) -> None:
    for seed in range(20):
        trace, report = walk(seed)
        again = execute(trace, layer)
        assert again.digest == report.digest
        assert (again.showed, again.impossible) == (report.showed, report.impossible)


def test_a_layer_that_lies_is_found_with_where_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRIVERS, Layer.WIRE, LyingDriver)
    reports: list[Report] = []
    found = disagreements(Layer.WIRE, range(10), reports.append)
    assert len(reports) == 10
    assert 0 < len(found) < 10
    assert "at entry" in found[0].sentence
    assert re.search(r'"WorkerExited",(\d),-9,.* / .*"WorkerExited",\1,5,', found[0].sentence)
    assert found[0].line().startswith(f"walk {found[0].seed}: sim and wire part: ")


def test_a_layer_that_shows_nothing_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRIVERS, Layer.WIRE, SilentDriver)
    assert [one.facts() for one in disagreements(Layer.WIRE, [3])] == [
        {"seed": 3, "layer": "wire", "sentence": "worker 0 did not say WorkerReady(worker=0)"}
    ]


def test_layers_that_agree_are_not_complained_about() -> None:
    nothing: list[Disagreement] = []
    assert disagreements(Layer.SIM, range(5)) == nothing
    assert disagreements(Layer.REAL, [4]) == nothing


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from machines.walker import walk\nfor seed in range(40): print(walk(seed)[1].digest)\n"
    )
    expected = [execute(generated(seed)).digest for seed in range(40)]
    for seed in ("0", "1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.split() == expected, f"under PYTHONHASHSEED={seed}"

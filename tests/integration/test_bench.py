"""`poolcheck bench` with real pools, as small as it goes; no speed is judged here."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from machines.bench.bars import BARS
from machines.bench.contestant import BY_NAME, Kind
from machines.bench.launch import Asked, Status, launch
from machines.bench.measure import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
SMALL = ("--rounds", "2", "--samples", "10", "--limit", "60")
NAMES = ("ours-fork", "mp-pool", "pipe")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """An empty folder with a short name: a socket in it has one of at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        yield Path(made)


def bench(*arguments: str, tmpdir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "poolcheck", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "TMPDIR": str(tmpdir)},
    )


def test_the_smallest_bench_of_all_measures_has_every_figure(tmp_path: Path) -> None:
    ran = bench(
        *SMALL, "--flat", "100", "--contestants", ",".join(NAMES), "--json", tmpdir=tmp_path
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    told = json.loads(ran.stdout)
    assert list(told["settings"]["contestants"]) == list(NAMES)
    assert told["settings"]["measures"] == [one.name for one in MEASURES]
    figures = {(one["contestant"], one["measure"]): one for one in told["figures"]}
    assert set(figures) == {
        (name, of.name) for of in MEASURES for name in NAMES if of.admits(BY_NAME[name])
    }
    assert figures.pop(("mp-pool", "recovery"))["status"] == "loses the task"
    for (name, measure), fact in figures.items():
        assert (fact["status"], fact["detail"]) == ("measured", ""), (name, measure)
        check_figures(fact, of=measure)
    assert len(told["bars"]) == len(BARS)
    unknown = [bar for bar in told["bars"] if bar["reached"] is None]
    assert {bar["contestant"] for bar in unknown} == {"ours-fork", "ours-forkserver"}
    assert all(bar["why"] for bar in unknown)
    assert told["verdict"] in ("missed", "unknown")  # with two rounds it cannot be "reached"
    assert list(tmp_path.iterdir()) == []


def check_figures(fact: dict[str, Any], *, of: str) -> None:
    """Each figure of the measure was taken in each round."""
    (measure,) = [one for one in MEASURES if one.name == of]
    assert list(fact["figures"]) == [figure.name for figure in measure.figures]
    for figure in fact["figures"].values():
        rounds = figure["rounds"]
        assert len(rounds) == (1 if of == "flat" else 2)
        assert figure["min"] <= figure["median"] <= figure["max"]
        assert all(isinstance(value, float) for value in rounds)


def test_the_tables_and_the_picture_are_made(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra `peers`, is not installed")
    picture = tmp_path / "picture.svg"
    arguments = ("--rounds", "1", "--samples", "1", "--measures", "latency", "--plot", str(picture))
    home = tmp_path / "home"
    home.mkdir()
    ran = bench(*arguments, "--contestants", "ours-fork,pipe", tmpdir=home)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "latency p50 ≤ 3 x pipe" in ran.stdout
    assert "latency" in picture.read_text()


@pytest.mark.parametrize(
    "name", [one.name for one in BY_NAME.values() if one.kind is not Kind.OURS]
)
def test_every_peer_and_floor_that_is_installed_can_be_measured(name: str) -> None:
    if not BY_NAME[name].present:
        pytest.skip(f"{name}, of the extra `peers`, is not installed")
    outcome = launch(Asked(name, "latency", 0, workers=2, samples=2, limit_s=60.0))
    assert (outcome.status, outcome.detail) == (Status.MEASURED, "")
    assert set(outcome.figures) == {"p50_us", "p99_us"}


def test_a_trial_that_does_not_end_in_time_hangs_and_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outcome = launch(Asked("ppe-fork", "throughput", 0, workers=2, samples=10**9, limit_s=3.0))
    assert (outcome.status, outcome.detail) == (Status.HANGS, "no end within 3 s")
    assert outcome.figures == {}
    assert list(tmp_path.iterdir()) == []
    assert living(tmp_path) == []


def living(home: Path) -> list[psutil.Process]:
    """The processes that have their temporary files below this folder, but for the dead ones."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            below = process.environ().get("TMPDIR", "").startswith(str(home))
            if below and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_a_trial_that_raises_has_failed_with_its_words() -> None:
    outcome = launch(Asked("nobody", "throughput", 0, workers=2, samples=1, limit_s=60.0))
    assert (outcome.status, outcome.detail) == (Status.FAILED, "KeyError: 'nobody'")

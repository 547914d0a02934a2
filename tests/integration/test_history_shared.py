"""Histories that several write at once: nothing is lost, and none fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from database_server import running

from machines.history.past import read
from machines.history.place import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

WRITERS, RUNS, TESTS = 2, 8, 30
# One process of several. It waits until all are there, so that they do begin at once; each names
# tests that all name, in an order of its own, and some that it alone does.
WRITER = """
import random, sys
from pathlib import Path
from machines import history

me, runs, tests, place = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
print("here", flush=True)
sys.stdin.readline()
for at in range(runs):
    names = [f"all_{at}_{n}" for n in range(tests)] + [f"of_{me}_{at}_{n}" for n in range(tests)]
    random.Random(me * 1000 + at).shuffle(names)
    outcomes = [history.Test(name, "passed", 0.1) for name in names]
    checks = (history.Check("search", "holds", "1", "1", 0.1, 1),)
    figures = (history.Figure("coverage", 90.0 + me, "%"),)
    said = history.record(
        history.Run("gate", "holds", at, 1.0, Path(), tuple(outcomes), checks, figures), place
    )
    if said:
        print(said, flush=True)
"""


@pytest.fixture
def server() -> Iterator[str]:
    """A PostgreSQL server's URL."""
    with running() as url:
        yield url


def write_at_once(place: str) -> None:
    """Real processes write to a history that none of them has made."""
    words = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen(
            [*words, str(me), str(RUNS), str(TESTS), place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(WRITERS)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "here\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        said = [writer.communicate(timeout=120)[0] for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert said == [""] * WRITERS
    assert [writer.returncode for writer in writers] == [0] * WRITERS


def is_whole(place: str) -> None:
    """All that was written is there, once."""
    past = read(place, 1_000)
    assert len(past.runs) == WRITERS * RUNS
    assert len(past.run) == WRITERS * RUNS * 2 * TESTS
    assert len(past.tests) == RUNS * TESTS + WRITERS * RUNS * TESTS
    assert [one.value for one in past.figures].count(91.0) == RUNS


def test_two_writers_at_once_lose_nothing_in_one_file(tmp_path: Path) -> None:
    place = place_of("history.sqlite", tmp_path)
    write_at_once(place)
    is_whole(place)


def test_two_writers_at_once_lose_nothing_on_one_server_which_then_is_asked(
    server: str, tmp_path: Path
) -> None:
    place = place_of(server, tmp_path)
    write_at_once(place)
    is_whole(place)
    program = "from machines.cli import main; main()"
    words = [sys.executable, "-c", program, "history", "--history", server, "--json"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout)["runs"] == WRITERS * RUNS


def test_a_server_that_went_away_is_told_in_one_line(tmp_path: Path) -> None:
    with running() as url:
        place = place_of(url, tmp_path)
    words = [sys.executable, "-c", WRITER, "0", "1", "1", place]
    told = subprocess.run(
        words, input="go\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    here, line = told.stdout.splitlines()
    assert here == "here"
    assert line.startswith("history: not recorded in postgresql+psycopg://me@127.0.0.1:")


def gates_at_once(place: str, tmp_path: Path) -> None:
    """Two gates begin together and both end well, each with its run kept."""
    root = Path(__file__).parents[2]
    program = "from machines.cli import main; main()"
    words = [sys.executable, "-c", program, "gate", "--only", "arrows"]
    gates = [
        subprocess.Popen(
            [*words, "--history", place, "--output", str(tmp_path / f"gate{me}")],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for me in range(2)
    ]
    try:
        told = [gate.communicate(timeout=200) for gate in gates]
    finally:
        for gate in gates:
            gate.kill()
            gate.communicate()
    assert [complaint for _, complaint in told] == ["", ""]
    assert [gate.returncode for gate in gates] == [0, 0], told
    past = read(place, 9)
    assert [(run.kind, run.verdict) for run in past.runs] == [("gate", "holds")] * 2
    assert len({run.code for run in past.runs}) == 1
    arrows = [at for at, name in enumerate(past.tests) if "test_nobody_sleeps" in name]
    assert past.tests[arrows[0]].startswith("gate arrows: ")
    assert sorted(past.run[past.test == arrows[0]].tolist()) == [0, 1]
    assert [one.name for one in past.figures] == ["gate arrows"] * 2


def test_two_gates_at_once_keep_both_runs_in_one_file(tmp_path: Path) -> None:
    gates_at_once(place_of("history.sqlite", tmp_path), tmp_path)


def test_two_gates_at_once_keep_both_runs_on_one_server(server: str, tmp_path: Path) -> None:
    gates_at_once(place_of(server, tmp_path), tmp_path)

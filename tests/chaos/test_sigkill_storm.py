"""A pool whose workers are killed again and again tells the truth about every task.

Idempotent tasks, others, and tasks of sessions, many at once; every 50 ms one worker, whichever it
is and whatever it does, gets SIGKILL. Afterwards each answer is held against the record that the
tasks themselves kept, and nothing of the pool is left on the machine.
"""

from __future__ import annotations

import logging
import tempfile
from typing import TYPE_CHECKING

import pytest
from footprint import Footprint, footprint
from storm import Storm, rage, sights, untruths

from pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

EVERY_S = 0.05
SMALL = 2_000
LARGE = 100_000

# Python 3.12 and later warn that a child forked beside threads may find locks held; what a worker
# forked from the pool's loop does before its first task takes none of them.
FORK = pytest.param(
    "fork", marks=pytest.mark.filterwarnings("ignore:This process .* fork:DeprecationWarning")
)


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Footprint:
    """What is there once the standard library's own processes run, which stay."""
    for method in ("forkserver", "spawn"):
        with Pool(size=1, start_method=method) as pool:
            pool.submit(abs, -1).result(60.0)
    own = tmp_path / "temporary"  # so that no other program's files come and go in it
    own.mkdir()
    monkeypatch.setenv("TMPDIR", str(own))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return footprint()


@pytest.fixture(autouse=True)
def _the_pool_finds_no_fault_in_itself(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    faults = [one for one in caplog.get_records("call") if one.name == "pool"]
    assert [one.getMessage() for one in faults if one.levelno >= logging.ERROR] == []


def weathered(method: str, tasks: int, path: Path, before: Footprint, seed: int) -> Storm:
    """A storm that the pool came through, with nothing untrue said and nothing left behind."""
    with Pool(size=2, start_method=method) as pool:
        storm = rage(pool, path, tasks, every=EVERY_S, seed=seed)
    assert untruths(storm, path) == []
    assert len(storm.submitted) == tasks
    assert footprint().left_since(before) == {}
    return storm


@pytest.mark.parametrize("method", [FORK, "forkserver"])
def test_a_short_storm_of_kills_leaves_the_truth_and_nothing_else(
    method: str, tmp_path: Path, before: Footprint
) -> None:
    storm = weathered(method, SMALL, tmp_path / "starts", before, seed=2)
    assert sights(storm)["returned"] > 0


@pytest.mark.chaos
@pytest.mark.parametrize("method", [FORK, "forkserver"])
def test_a_hundred_thousand_tasks_in_a_storm_of_kills_each_resolve_once_with_the_truth(
    method: str, tmp_path: Path, before: Footprint
) -> None:
    storm = weathered(method, LARGE, tmp_path / "starts", before, seed=1)
    seen = sights(storm)
    for sight in (
        "returned",
        "returned after a loss",
        "WorkerLost, may have started",
        "SessionLost, may have started",
        "SessionLost, never started",
    ):
        assert seen[sight] > 0, f"never in this storm: {sight}; {storm.kills} kills, {dict(seen)}"

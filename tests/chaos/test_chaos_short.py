"""Every kind of chaos, for a second, on a small pool of real processes: what is demanded holds.

How quickly it holds is demanded by `poolcheck chaos`, which runs alone; nothing here looks at the
clock. A pool with a bug in it is seen to be one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs
import pytest

from machines.free.planted import PLANTED
from machines.mutants import BY_NAME
from machines.suites.chaos.command import NAMES
from machines.suites.chaos.demands import Demand, demands, verdict
from machines.suites.chaos.run import ChaosRun, run_chaos
from machines.suites.chaos.scenarios import SCENARIOS, Scenario
from machines.suites.settings import load

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

SECONDS = 0.3  # and each kind of blow at least once


@pytest.fixture(autouse=True)
def _nobody_waits_long_for_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("machines.suites.chaos.arena.RECOVERS_S", 0.5)


def small(name: str, **changes: object) -> Scenario:
    """The same chaos on four workers, with a blow as often as there is time for one."""
    usual = {"size": 4, "rate": 150.0, "calm": 0.1, "pause": 0.05}
    return attrs.evolve(SCENARIOS[name], **{**usual, **changes})  # type: ignore[arg-type]


def struck(scenario: Scenario, folder: Path, seed: int = 1) -> tuple[ChaosRun, list[Demand]]:
    """A short run, and what is demanded of it that is not about how quickly."""
    logging.getLogger("pool").setLevel(logging.CRITICAL)  # of what is done to it it complains
    try:
        run = run_chaos(scenario, folder, seconds=SECONDS, seed=seed)
    finally:
        logging.getLogger("pool").setLevel(logging.NOTSET)
    return run, [one for one in demands(run, load().on("free")) if one.unit != "s"]


def test_each_kind_of_chaos_can_be_asked_for() -> None:
    assert tuple(SCENARIOS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_is_demanded_after_chaos_holds(name: str, tmp_path: Path) -> None:
    run, found = struck(small(name), tmp_path)
    assert [one for one in found if not one.met] == []
    assert verdict(found) is True
    assert len(run.ledger.tasks()) > 0
    assert run.arena.marks[-1].words == "peace"


def missed(found: list[Demand]) -> set[str]:
    return {one.name for one in found if one.met is False}


@pytest.mark.parametrize(
    ("bug", "shows"), [("swaps-answers", "untruths"), ("answers-twice", "untruths")]
)
def test_a_bug_in_the_loop_is_seen(
    bug: str, shows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where, planted in PLANTED[bug].where.items():
        monkeypatch.setattr(where, planted)
    _, found = struck(small("herd"), tmp_path)
    assert shows in missed(found)


def test_a_descriptor_that_is_left_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for where, planted in PLANTED["stays-open"].where.items():
        monkeypatch.setattr(where, planted)
    _, found = struck(small("delay"), tmp_path)
    assert missed(found) == {"left behind"}


def test_a_pool_that_does_not_replace_its_dead_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = BY_NAME["never-replaced"].parts.core
    monkeypatch.setattr("pool.desk.Desk.__init__.__defaults__", (core,))
    monkeypatch.setattr("pool.loop.Loop.__init__.__defaults__", (core,))
    monkeypatch.setattr("machines.suites.chaos.run.GRACE_S", 0.2)  # it never ends by itself
    _, found = struck(small("corruption", patience=0.5), tmp_path)
    assert "workers at the end" in missed(found)


def test_a_run_in_which_nothing_was_done_shows_nothing(tmp_path: Path) -> None:
    _, found = struck(small("delay", meddler=None), tmp_path)
    assert missed(found) == {"blows"}

"""Scenarios: each happens, on every layer; tasks are accounted for, and the pool recovers."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil
import pytest

from machines.harness import Instance, Scenario, Violated, isolated, simulate_pool_failure
from machines.harness.instance import Plan
from machines.mutants import BY_NAME

pytestmark = pytest.mark.integration

LAYERS = ("sim", "wire", "real", "free")


@pytest.mark.parametrize("scenario", list(Scenario), ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_scenario_accounts_for_every_task(layer: str, scenario: Scenario) -> None:
    with isolated(layer) as instance:
        seen = simulate_pool_failure(instance, scenario, tasks=8, rounds=2)
        assert seen.scenario is scenario
        assert sum(seen.outcomes.values()) == 8 * (1 if scenario is Scenario.CASCADE else 2)
        assert set(seen.outcomes) <= {"returned", "WorkerLost"}
        assert seen.struck
        assert seen.story
        assert seen.recovered >= 0.0
        assert instance.faults == [scenario]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_cascade_strikes_whoever_took_the_place(layer: str) -> None:
    with isolated(layer) as instance:
        seen = simulate_pool_failure(instance.pool, "cascade", rounds=3)
        assert len(set(seen.struck)) == 3
        assert seen.story[1] == f"worker {seen.struck[1]} took its place"
        if layer == "free":
            assert not any(map(psutil.pid_exists, seen.struck))


def test_a_herd_that_is_too_large_is_refused_in_part() -> None:
    with isolated("free", {"queue_limit": 4, "prefetch": 0}) as instance:
        seen = simulate_pool_failure(instance.pool, "thundering_herd", tasks=16, rounds=1)
        assert seen.outcomes == {"PoolSaturated": 10, "returned": 6}
        assert seen.story == ("16 clients came at one moment; 10 were refused",)
        assert seen.figures["spread_s"] > 0


@pytest.mark.parametrize("layer", LAYERS)
def test_a_slow_worker_keeps_nobody_else_from_answering(layer: str) -> None:
    with isolated(layer) as instance:
        seen = simulate_pool_failure(instance.pool, "slow_worker", tasks=6, rounds=2)
        assert seen.outcomes == {"returned": 12}
        assert seen.figures["answered_meanwhile_tasks"] >= 2 * 5


def test_a_leak_grows_and_a_pool_with_a_limit_recycles_its_workers() -> None:
    limit = 96 << 20
    with isolated("free", {"memory_limit": limit}) as instance:
        seen = simulate_pool_failure(instance.pool, "memory_leak", tasks=8, rounds=3)
        assert seen.figures["largest_bytes"] > limit
        assert seen.figures["replaced_workers"] == 2
        assert seen.outcomes == {"returned": 24}


@pytest.mark.parametrize("layer", ["sim", "wire", "real"])
def test_a_leak_on_a_schedule_has_workers_recycled(layer: str) -> None:
    with isolated(layer) as instance:
        seen = simulate_pool_failure(instance.pool, "memory_leak", tasks=1, rounds=1)
        instance.pool.heal()
        assert seen.outcomes == {"returned": 1}
        assert len(set(seen.struck) & set(instance.pool.workers())) == 1


def test_a_standard_executor_does_not_recover_from_a_cascade() -> None:
    make = lambda: ProcessPoolExecutor(2, mp_context=get_context("forkserver"))  # noqa: E731
    with isolated(make=make) as instance:
        assert instance.pool.submit(abs, -1).result() == 1
        with pytest.raises(AssertionError):
            simulate_pool_failure(instance.pool, "cascade", tasks=2, rounds=1, timeout=1.0)


def test_a_planted_bug_is_seen_by_a_cascade() -> None:
    plan = Plan(layer="sim", parts=BY_NAME["never-replaced"].parts)
    with pytest.raises(Violated), Instance(plan) as instance:
        simulate_pool_failure(instance, "cascade")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scenario": "flood"}, "scenario 'flood': scenarios are cascade, thundering_herd"),
        ({"scenario": "cascade", "tasks": 0}, "must be at least 1, not 0 and 3"),
    ],
    ids=str,
)
def test_what_cannot_be_simulated_is_refused(arguments: dict[str, object], says: str) -> None:
    with isolated("sim") as instance, pytest.raises(ValueError, match=says):
        simulate_pool_failure(instance.pool, **arguments)  # type: ignore[arg-type]

"""The test harness: isolation, waiting, injected failures, monitoring and chaos, for any pool.

Nothing is loaded before it is asked for: pytest loads this wherever poolcheck is installed, and so
do worker processes.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from machines.harness.assertions import Resolutions as Resolutions
    from machines.harness.assertions import assert_affinity as assert_affinity
    from machines.harness.assertions import assert_recovers as assert_recovers
    from machines.harness.assertions import assert_resolves_once as assert_resolves_once
    from machines.harness.cleanup import cleanup_orphaned_processes as cleanup_orphaned_processes
    from machines.harness.cleanup import cleanup_shared_memory as cleanup_shared_memory
    from machines.harness.cleanup import cleanup_test_files as cleanup_test_files
    from machines.harness.failures import Failure as Failure
    from machines.harness.failures import Group as Group
    from machines.harness.failures import analyze_failures as analyze_failures
    from machines.harness.failures import first_deviation as first_deviation
    from machines.harness.foothold import FellBack as FellBack
    from machines.harness.footprint import Leaked as Leaked
    from machines.harness.footprint import assert_no_leaks as assert_no_leaks
    from machines.harness.injection import Injection as Injection
    from machines.harness.injection import inject_failure as inject_failure
    from machines.harness.instance import Instance as Instance
    from machines.harness.instance import start_isolated_pool as start_isolated_pool
    from machines.harness.isolation import isolated as isolated
    from machines.harness.live import live_view as live_view
    from machines.harness.monitor import PoolMonitor as PoolMonitor
    from machines.harness.monitor import Sample as Sample
    from machines.harness.monitor import start_pool_monitor as start_pool_monitor
    from machines.harness.monitor import with_pool_monitoring as with_pool_monitoring
    from machines.harness.performance import Comparison as Comparison
    from machines.harness.performance import compare_pairs as compare_pairs
    from machines.harness.performance import compare_runs as compare_runs
    from machines.harness.ready import ensure_pool_ready as ensure_pool_ready
    from machines.harness.scenarios import Scenario as Scenario
    from machines.harness.scenarios import Simulated as Simulated
    from machines.harness.scenarios import simulate_pool_failure as simulate_pool_failure
    from machines.harness.staged import StagedPool as StagedPool
    from machines.harness.staged import Violated as Violated
    from machines.harness.strategies import configurations as configurations
    from machines.harness.strategies import damaged_frames as damaged_frames
    from machines.harness.strategies import fault_plans as fault_plans
    from machines.harness.strategies import frames as frames
    from machines.harness.strategies import pool_configurations as pool_configurations
    from machines.harness.strategies import session_scripts as session_scripts
    from machines.harness.strategies import task_batches as task_batches
    from machines.harness.together import Missing as Missing
    from machines.harness.together import Together as Together
    from machines.harness.together import concurrent_pool_operations as concurrent_pool_operations
    from machines.harness.together import synchronize as synchronize
    from machines.harness.waiting import WaitedTooLong as WaitedTooLong
    from machines.harness.waiting import wait_for as wait_for

_WHERE: Final = MappingProxyType(
    {
        "assertions": (
            "Resolutions",
            "assert_affinity",
            "assert_recovers",
            "assert_resolves_once",
        ),
        "cleanup": (
            "cleanup_orphaned_processes",
            "cleanup_shared_memory",
            "cleanup_test_files",
        ),
        "failures": ("Failure", "Group", "analyze_failures", "first_deviation"),
        "footprint": ("Leaked", "assert_no_leaks"),
        "foothold": ("FellBack",),
        "injection": ("Injection", "inject_failure"),
        "instance": ("Instance", "start_isolated_pool"),
        "isolation": ("isolated",),
        "live": ("live_view",),
        "monitor": ("PoolMonitor", "Sample", "start_pool_monitor", "with_pool_monitoring"),
        "performance": ("Comparison", "compare_pairs", "compare_runs"),
        "ready": ("ensure_pool_ready",),
        "scenarios": ("Scenario", "Simulated", "simulate_pool_failure"),
        "staged": ("StagedPool", "Violated"),
        "strategies": (
            "configurations",
            "damaged_frames",
            "fault_plans",
            "frames",
            "pool_configurations",
            "session_scripts",
            "task_batches",
        ),
        "together": ("Missing", "Together", "concurrent_pool_operations", "synchronize"),
        "waiting": ("WaitedTooLong", "wait_for"),
    }
)
_MODULE_OF: Final = MappingProxyType(
    {name: module for module, names in _WHERE.items() for name in names}
)

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - it is a list of the names above


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"machines.harness has no {name!r}; it has {', '.join(__all__)}")
    try:
        return getattr(importlib.import_module(f"machines.harness.{module}"), name)
    except ModuleNotFoundError as error:
        words = f"{name} needs {error.name}: install poolcheck with its extra `harness`"
        raise ModuleNotFoundError(words, name=error.name) from error


def __dir__() -> list[str]:
    return list(__all__)

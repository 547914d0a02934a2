"""The harness's names: each is there when it is asked for, and nothing is loaded before."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from machines import harness

SOURCE = Path(harness.__file__).read_text()
NAMES_OF_THE_ISSUE = {
    "assert_affinity",
    "assert_no_leaks",
    "assert_recovers",
    "assert_resolves_once",
    "cleanup_orphaned_processes",
    "cleanup_shared_memory",
    "cleanup_test_files",
    "concurrent_pool_operations",
    "ensure_pool_ready",
    "inject_failure",
    "isolated",
    "simulate_pool_failure",
    "start_isolated_pool",
    "start_pool_monitor",
    "synchronize",
    "wait_for",
    "with_pool_monitoring",
}


def test_every_name_is_there_and_says_what_it_does() -> None:
    assert set(harness.__all__) == set(dir(harness))
    for name in harness.__all__:
        assert getattr(harness, name).__doc__, name


def test_what_a_type_checker_sees_is_what_there_is() -> None:
    typed = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.ImportFrom) and node.module and "machines" in node.module
        for alias in node.names
    }
    assert typed == {
        name: f"machines.harness.{module}.{name}" for name, module in harness._MODULE_OF.items()
    }


def test_the_names_that_people_will_look_for_are_there() -> None:
    assert set(harness.__all__) >= NAMES_OF_THE_ISSUE


def test_a_wrong_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"has no 'isolate'; it has .*isolated"):
        _ = harness.isolate


def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "_MODULE_OF", {"wait_for": "no_such_module"})
    with pytest.raises(ModuleNotFoundError, match=r"wait_for needs .*: install .* extra `harness`"):
        _ = harness.wait_for


def loaded(*modules: str) -> set[str]:
    """What a process has loaded that has imported these."""
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    run = [sys.executable, "-c", program]
    ran = subprocess.run(run, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in ran.stdout.split()}


def test_pytest_and_workers_load_nothing_of_weight() -> None:
    heavy = {"psutil", "hypothesis", "attrs", "networkx", "hdrh", "scipy", "model", "pool"}
    assert loaded("machines.harness.fixtures", "machines.harness.child").isdisjoint(heavy)
    in_workers = loaded("machines.harness.child", "machines.harness.inside")
    assert in_workers.isdisjoint({*heavy, "pytest"})

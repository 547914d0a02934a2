"""Which package may import which, and how large a file and a function may be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("model", "pool", "machines")
FORBIDDEN = {
    "model": {"pool", "machines", "tests", "hypothesis", "pytest"},
    "pool": {"model", "machines", "tests", "hypothesis", "pytest", "networkx", "click", "rich"},
    "machines": {"tests"},
}
# What worker processes import; it must not lead to the model, Hypothesis or networkx.
IN_WORKERS = ("machines/__init__.py", "machines/gate.py", "machines/workload.py")


def sources(*packages: str) -> list[Path]:
    """Every source file, but for other people's that tests have fetched into hidden folders."""
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "/." not in str(path.relative_to(ROOT))]


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere, also for type checking only."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where its arrow points"
            names.add(node.module or "")
    return names


def breaks(package: str, names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in FORBIDDEN[package]}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_imports_against_the_arrows(package: str) -> None:
    wrong = {str(path): breaks(package, imported(path)) for path in sources(package)}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_check_sees_a_wrong_arrow(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("def f():\n    from pool.core import Core\n    return Core\n")
    assert breaks("model", imported(file)) == {"pool.core"}
    assert breaks("machines", imported(file)) == set()


@pytest.mark.parametrize("path", IN_WORKERS)
def test_what_workers_import_of_the_machines_is_light(path: str) -> None:
    allowed = {"machines", "machines.gate", "__future__", "typing", "enum", "os", "socket"}
    allowed |= {
        "collections.abc",
        "errno",
        "mmap",
        "select",
        "tempfile",
        "threading",
        "pool.worker",
    }
    assert imported(ROOT / path) <= allowed


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 70, f"{path}: {node.name}"


def test_nobody_sleeps() -> None:
    sleepers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(*PACKAGES, "tests", "examples")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "sleep"
    ]
    assert sleepers == []

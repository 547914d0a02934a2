"""The scripts that run the suites: help, reports, exit codes, and what they refuse."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SCRIPTS = Path(__file__).parents[1] / "scripts"
SUITES = ("unit", "integration", "performance", "chaos", "all")
LIMIT_S = 120.0
TEST = """import pytest
@pytest.mark.integration
@pytest.mark.parametrize("it", ["{}"])
def test_it(it): pass
"""


def ran(
    suite: str, *arguments: str, where: Path = SCRIPTS, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [where / f"run_{suite}_tests.sh", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "PYTHON": sys.executable, **environment},
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with the scripts and one test in each suite; where its scripts are."""
    for folder in ("unit", "integration", "chaos"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        name = "test_layers.py" if folder == "integration" else f"test_{folder}.py"
        (tmp_path / "tests" / folder / name).write_text(TEST.format(f"{folder}-sim"))
    (tmp_path / "tests" / "chaos" / "test_measured.py").write_text(
        "import pytest\n@pytest.mark.performance\ndef test_it(): pass\n"
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n    integration\n    chaos\n    fuzz\n    performance\n"
    )
    return Path(shutil.copytree(SCRIPTS, tmp_path / "tests" / "scripts"))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_each_script_says_how_it_is_used(suite: str, option: str) -> None:
    shown = ran(suite, option)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: run_{suite}_tests.sh [--help]")
    for said in ("Exit codes: 0 all passed, 1 something failed, 2 it cannot run.", f"{suite}.xml"):
        assert said in shown.stdout


@pytest.mark.parametrize(
    ("suite", "arguments", "says"),
    [
        ("unit", ("fast",), "takes no argument, and got 'fast'"),
        ("all", ("--quick",), "no option --quick"),
        ("integration", ("moon",), "'moon' is none of: sim wire real free"),
        ("integration", ("sim", "wire"), "takes one argument, and got 2"),
        ("chaos", ("endless",), "'endless' is none of: short long"),
        ("performance", ("--", "x"), "no option --"),
    ],
    ids=str,
)
def test_what_a_script_does_not_know_is_refused_in_one_line(
    suite: str, arguments: tuple[str, ...], says: str
) -> None:
    shown = ran(suite, *arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert says in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PYTHON": "no-such-python"}, "no interpreter no-such-python"),
        ({"PYTHON": "/usr/bin/false"}, "/usr/bin/false cannot import poolcheck and pytest"),
        ({"JOBS": "many"}, "JOBS='many' is no number of processes"),
        ({"REPORTS": "/dev/null/here"}, "cannot write reports to /dev/null/here"),
    ],
    ids=str,
)
def test_a_script_that_cannot_run_says_why(environment: dict[str, str], says: str) -> None:
    shown = ran("unit", **environment)
    assert shown.returncode == 2
    assert says in shown.stderr


def test_a_layer_s_scenarios_are_run_and_reported(tree: Path, tmp_path: Path) -> None:
    shown = ran("integration", "sim", where=tree, REPORTS=str(tmp_path / "reports"))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "integration-sim: passed" in shown.stdout
    report = ET.parse(tmp_path / "reports" / "integration-sim.xml").getroot()  # noqa: S314 - pytest wrote it
    suite = report.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


def test_a_suite_without_a_test_is_no_pass(tree: Path, tmp_path: Path) -> None:
    shown = ran("integration", "free", where=tree, REPORTS=str(tmp_path / "reports"))
    assert shown.returncode == 2
    assert "integration-free: CANNOT RUN: no test was found" in shown.stdout


def test_all_suites_are_run_to_the_end_though_one_fails(tree: Path, tmp_path: Path) -> None:
    (tree.parent / "unit" / "test_unit.py").write_text("def test_it(): assert False\n")
    shown = ran("all", where=tree, REPORTS=str(tmp_path / "reports"))
    assert shown.returncode == 1
    lines = (tmp_path / "reports" / "all.txt").read_text().splitlines()
    assert lines == [
        "unit: FAILED",
        "integration: passed",
        "chaos: passed",
        "performance: passed",
    ]
    for suite in SUITES[:-1]:
        assert (tmp_path / "reports" / f"{suite}.xml").exists()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck")
def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    shown = subprocess.run(
        ["shellcheck", "-x", *sorted(SCRIPTS.glob("run_*.sh"))],  # noqa: S607 - whichever is there
        capture_output=True,
        text=True,
        check=False,
        cwd=SCRIPTS.parents[1],
    )
    assert shown.returncode == 0, shown.stdout

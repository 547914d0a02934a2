"""Hook: what pytest saw of each test is kept in the history when the session ends.

With several processes (`pytest -n`) they tell the one that leads them, and that one keeps it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from machines import history
from machines.history.environment import here
from machines.history.place import PART_OF, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME: Final = "poolcheck-history"
_WEIGHT: Final = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


def place_wanted(config: pytest.Config) -> str:
    """Where this session is to be kept; empty if it is not.

    Args:
        config: of the session.

    Raises:
        UsageError: what was said is no place.
    """
    said = config.getoption("--history")
    if said is None or hasattr(config, "workerinput") or config.getoption("--collect-only"):
        return ""
    try:
        return history.place_of(said, config.rootpath)
    except ValueError as error:
        raise pytest.UsageError(f"--history {error}") from error


class Hook:
    """Listens to a session.

    Args:
        place: where it is kept.
        root: the project's folder.
    """

    def __init__(self, place: str, root: Path) -> None:
        self._place = place
        self._root = root
        self._environment = here(root)  # before anything is run that may add files
        self._began = time.time()
        self._watch = time.monotonic()
        self._outcomes: dict[str, str] = {}
        self._seconds: dict[str, float] = {}
        self._said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test was set up, called or torn down: what weighs most is its outcome."""
        name = report.nodeid
        outcome = str(report.outcome)
        if outcome == "failed" and report.when != "call":
            outcome = "error"
        if getattr(report, "wasxfail", None) is not None and outcome == "skipped":
            outcome = "passed"  # it failed, as it was said to
        before = self._outcomes.get(name, outcome)
        self._outcomes[name] = max(before, outcome, key=_WEIGHT.__getitem__)
        self._seconds[name] = self._seconds.get(name, 0.0) + report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """What was seen is kept, if anything was."""
        tests = self._tests()
        mutant = session.config.getoption("--mutant")
        if not tests or mutant:
            because = f"with {mutant} planted it is another pool" if mutant else "no test ran"
            self._said = f"history: not recorded: {because}"
            return
        run = history.Run(
            kind="pytest",
            verdict=_verdict(int(session.exitstatus)),
            began=self._began,
            seconds=time.monotonic() - self._watch,
            root=self._root,
            tests=tests,
            figures=tuple(_figures(session.config, time.monotonic() - self._watch, len(tests))),
            part_of=os.environ.get(PART_OF, ""),
        )
        said = history.record(run, self._place, self._environment)
        self._said = said or f"history: {len(tests)} tests recorded in {named(self._place)}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """One line says where it was kept, or why not."""
        terminalreporter.write_line(self._said)

    def _tests(self) -> tuple[history.Test, ...]:
        return tuple(
            history.Test(name, outcome, self._seconds[name])
            for name, outcome in sorted(self._outcomes.items())
        )


def _verdict(status: int) -> str:
    """Of pytest's exit code."""
    return {0: "holds", 1: "violated"}.get(status, "unknown")


def _figures(config: pytest.Config, seconds: float, tests: int) -> Iterator[history.Figure]:
    """How long the session took, and what pytest-cov counted."""
    words = " ".join(str(word) for word in config.invocation_params.args)
    yield history.Figure(f"pytest {words}"[:200].strip(), seconds, "s")
    yield history.Figure(f"tests of pytest {words}"[:200].strip(), tests, "tests")
    total = getattr(config.pluginmanager.getplugin("_cov"), "cov_total", None)
    if total is not None:
        yield history.Figure("coverage", float(total), "%")

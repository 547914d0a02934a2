"""The harness's pytest fixtures, and what is told of them when the session ends.

Loaded in every pytest run where poolcheck is installed, so it imports nothing of weight until a
test asks for an instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.harness.instance import Instance

# What a test's report says of its instance; it travels between processes with the report.
LAYER: Final = "poolcheck_layer"
FAULTS: Final = "poolcheck_faults"


@pytest.fixture
def isolated_instance(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """An isolated instance, as the test's `isolated(…)` says, or a production pool of two workers.

    What it leaves is an error of this test's, which names it.
    """
    import attrs  # noqa: PLC0415 - see the module's docstring

    from machines.harness.instance import Instance, Plan  # noqa: PLC0415 - as above
    from machines.harness.isolation import PLAN  # noqa: PLC0415 - as above

    plan = getattr(request.function, PLAN, None) or Plan()
    said = request.config.getoption("--hypothesis-seed", None)
    seed = int(said) if said is not None and str(said).isdigit() else plan.seed
    instance = Instance(attrs.evolve(plan, label=request.node.name, seed=seed))
    try:
        yield instance.start()
    finally:
        request.node.user_properties.append((LAYER, counted_as(instance)))
        request.node.user_properties.append((FAULTS, ",".join(instance.faults)))
        instance.close()


def counted_as(instance: Instance) -> str:
    """Under which name the summary counts a test: its layer, unless that is not the one asked for.

    Args:
        instance: the test's.
    """
    if not instance.fell_back:
        return instance.layer
    return f"{instance.layer} INSTEAD OF real ({instance.fell_back})"


@pytest.fixture
def isolated_pool(isolated_instance: Instance) -> Any:
    """The pool of an isolated instance."""
    return isolated_instance.pool


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many isolated tests ran on which layer, what was injected, and which took longest."""
    from machines.harness.reporter import report_lines  # noqa: PLC0415 - see the docstring

    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
    ]
    if any(name == LAYER for report in reports for name, _ in report.user_properties):
        terminalreporter.section("isolated tests")
        for line in report_lines(reports):
            terminalreporter.write_line(line)

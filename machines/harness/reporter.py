"""What is told of isolated tests when a pytest session ends: layers, faults, the slowest tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from machines.harness.fixtures import FAULTS, LAYER

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

SLOWEST: Final = 5


@define
class _Test:
    layer: str = ""
    faults: list[str] = field(factory=list)
    seconds: float = 0.0
    outcomes: set[str] = field(factory=set)

    @property
    def outcome(self) -> str:
        """A test that failed and then left something is one that failed."""
        worst = ("failed", "error", "skipped", "passed")
        return next((name for name in worst if name in self.outcomes), "passed")


def report_lines(reports: Iterable[pytest.TestReport]) -> list[str]:
    """What is written: a line for each layer, one of the faults, and the slowest tests.

    Args:
        reports: of all tests and phases; tests without an isolated instance are passed over.
    """
    tests = _tests(reports)
    lines = []
    by_layer: defaultdict[str, list[_Test]] = defaultdict(list)
    for test in tests.values():
        by_layer[test.layer].append(test)
    for layer, its in sorted(by_layer.items()):
        counts = Counter(test.outcome for test in its)
        words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        lines.append(f"{layer}: {len(its)} tests, {words}, {sum(t.seconds for t in its):.2f} s")
    faults = Counter(fault for test in tests.values() for fault in test.faults)
    words = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items()))
    lines.append(f"injected: {words or 'nothing'}")
    slowest = sorted(tests.items(), key=lambda pair: (-pair[1].seconds, pair[0]))[:SLOWEST]
    lines += [f"{test.seconds:8.2f} s  {test.layer:5}{name}" for name, test in slowest]
    return lines


def _tests(reports: Iterable[pytest.TestReport]) -> dict[str, _Test]:
    tests: defaultdict[str, _Test] = defaultdict(_Test)
    for report in reports:
        test = tests[report.nodeid]
        test.seconds += report.duration
        failed_beside_the_call = report.failed and report.when != "call"
        test.outcomes.add("error" if failed_beside_the_call else report.outcome)
        said: dict[str, Any] = dict(report.user_properties)
        if LAYER in said:
            test.layer = str(said[LAYER])
            test.faults = [fault for fault in str(said.get(FAULTS, "")).split(",") if fault]
    return {name: test for name, test in tests.items() if test.layer}

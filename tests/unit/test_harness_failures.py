"""Failures are grouped by the promise they break and by where they first went astray."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from machines import trace
from machines.counterexample import CounterexampleError, load
from machines.drivers import Layer
from machines.harness import Violated, analyze_failures, first_deviation
from machines.mutants import BY_NAME
from machines.parts import POOL
from machines.run import canonical_line, execute
from machines.setting import Setting
from machines.trace import Trace

if TYPE_CHECKING:
    from machines.parts import Parts
    from machines.run import Report

SAVED = Path(__file__).parents[2] / "artifacts" / "counterexamples" / "L2-1653ec6a.json"


def crashed(worker: int, parts: Parts = BY_NAME["never-replaced"].parts) -> Report:
    return execute(Trace(Setting(), (trace.Crash(worker),)), parts=parts)


def refuse(value: int) -> None:
    raise ValueError(f"value {value} is odd")


def raised(value: int) -> BaseException:
    with pytest.raises(ValueError, match="is odd") as failure:
        refuse(value)
    return failure.value


def test_what_differs_by_its_numbers_alone_is_one_failure_and_the_largest_group_comes_first() -> (
    None
):
    found = analyze_failures(
        {"other": raised(1), "one": crashed(0), "two": crashed(1), "three": crashed(0)}
    )
    assert [len(group.failures) for group in found] == [3, 1]
    assert [failure.name for failure in found[0].failures] == ["one", "two", "three"]
    assert found[0].promise == found[0].failures[0].promise
    assert found[0].deviation.count("#") >= 1
    assert str(found[0]).startswith(f"{found[0].promise}, 3 times: ")
    assert str(found[0]).endswith("[one, two, three]")


def test_errors_are_grouped_by_their_kind_and_place() -> None:
    found = analyze_failures({"a": raised(1), "b": raised(2), "c": KeyError("b")})
    assert [(group.promise, len(group.failures)) for group in found] == [
        ("ValueError", 2),
        ("KeyError", 1),
    ]
    assert found[0].deviation == "in test_harness_failures.py, refuse: value # is odd"


def test_a_violation_is_grouped_by_its_promise() -> None:
    found = analyze_failures({"a": Violated("S1", "task 1 resolved twice")})
    assert (found[0].promise, found[0].deviation) == ("S1", "task # resolved twice")
    assert str(found[0]) == "S1, once: task 1 resolved twice [a]"


def test_a_counterexample_is_grouped_by_what_its_file_says() -> None:
    found = analyze_failures({"file": SAVED})
    assert found[0].promise == load(SAVED).promise


def test_a_run_that_broke_nothing_is_no_failure() -> None:
    assert analyze_failures({"good": crashed(0, POOL)}) == []


def test_a_file_that_is_no_counterexample_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(CounterexampleError):
        analyze_failures({"file": tmp_path / "none.json"})


def test_two_logs_part_where_they_differ_first() -> None:
    one, same, other = crashed(0, POOL), crashed(0, POOL), crashed(1, POOL)
    assert first_deviation(one.log, same.log) is None
    said = first_deviation(one.log, other.log)
    assert said is not None
    assert said.startswith("entry ")
    assert first_deviation(one.log, one.log[:-1]) == (
        f"entry {len(one.log) - 1}: expected {said_of(one)}, saw nothing more"
    )


def said_of(report: Report) -> str:
    return canonical_line(report.log[-1])


def test_the_layers_do_not_part() -> None:
    whole = Trace(Setting(), (trace.Submit(0), trace.Crash(0)))
    logs = [execute(whole, layer).log for layer in (Layer.SIM, Layer.WIRE)]
    assert first_deviation(*logs) is None

"""Remembered: what a run of the gate tells the history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase

from machines import history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machines.gatekeeper.reports import Result
    from machines.history.environment import Environment

_UNREADABLE: Final = (OSError, ValueError, KeyError, TypeError, JUnitXmlError)


def remember(result: Result, place: str, environment: Environment, began: float) -> str | None:
    """The run is in the history; why it is not is returned, in one line.

    Args:
        result: of the gate.
        place: where the history is; empty for nowhere.
        environment: as it was before the run, which may add files.
        began: seconds since 1970.
    """
    return history.record(run_of(result, began), place, environment)


def run_of(result: Result, began: float) -> history.Run:
    """All that the run has to tell is returned; what a check left unreadable is left out.

    Args:
        result: of the gate.
        began: seconds since 1970.
    """
    checks = tuple(
        history.Check(
            name=outcome.check.name,
            verdict=outcome.verdict.value,
            figure=outcome.reading.figure,
            bar=outcome.check.bar,
            seconds=outcome.seconds,
            executions=outcome.reading.executions,
        )
        for outcome in result.outcomes
    )
    return history.Run(
        kind="gate",
        verdict=result.verdict.value,
        began=began,
        seconds=result.seconds,
        root=result.plan.root,
        tests=tuple(test for one in checks for test in _tests(result, one.name)),
        checks=checks,
        figures=tuple(_figures(result)),
        counterexamples=tuple(map(_counterexample, result.found)),
    )


def _tests(result: Result, check: str) -> Iterator[history.Test]:
    """The check's tests; it is part of their names, as they run otherwise elsewhere."""
    try:
        report = JUnitXml.fromfile(str(result.plan.place(check) / "junit.xml"))
    except _UNREADABLE:
        return  # not every check has one
    for suite in report:
        for case in suite:
            name = f"gate {check}: {case.classname}::{case.name}"
            yield history.Test(name, _outcome(case), float(case.time or 0.0))


def _outcome(case: TestCase) -> str:
    kinds = {type(one) for one in case.result}
    names = {Error: "error", Failure: "failed", Skipped: "skipped"}
    return next((name for kind, name in names.items() if kind in kinds), "passed")


def _figures(result: Result) -> Iterator[history.Figure]:
    """How long each check took, what was covered, and the ratios of pace."""
    for outcome in result.outcomes:
        yield history.Figure(f"gate {outcome.check.name}", outcome.seconds, "s")
        if outcome.check.name == "pace" and outcome.ran:
            yield from _pace(outcome.ran[0].output)
    try:
        covered = json.loads((result.plan.place("coverage") / "coverage.json").read_text())
        yield history.Figure("coverage", float(covered["totals"]["percent_covered"]), "%")
    except _UNREADABLE:
        return  # the check did not run, or says itself why


def _pace(output: str) -> Iterator[history.Figure]:
    try:
        ratios = {one["name"]: one["ratio"] for one in json.loads(output)["measures"]}
    except _UNREADABLE:
        return  # the check says itself why
    for name, ratio in ratios.items():
        if ratio is not None:
            yield history.Figure(f"pace {name}", float(ratio), "ratio")


def _counterexample(path: Path) -> history.Counterexample:
    facts: dict[str, Any] = {}
    try:
        facts = json.loads(path.read_text())
    except _UNREADABLE:
        facts = {}  # what it is called is known, at least
    promise = str(facts.get("promise") or path.stem.partition("-")[0])
    digest = str(facts.get("digest") or "")
    return history.Counterexample(promise, path.name, digest, str(facts.get("status") or "open"))

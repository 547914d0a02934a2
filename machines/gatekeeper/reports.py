"""Reports: what the gate says on a terminal, on a pull request, to a CI server and to a program."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from model.checker import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machines.gatekeeper.check import Outcome, Plan

EXIT: Final = {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.UNKNOWN: 3}
_MARKS: Final = {Verdict.HOLDS: "passed", Verdict.VIOLATED: "FAILED", Verdict.UNKNOWN: "UNKNOWN"}
_SIGNS: Final = {Verdict.HOLDS: "✅", Verdict.VIOLATED: "❌", Verdict.UNKNOWN: "❔"}
SHOWN_MAX: Final = 10


@frozen
class Result:
    """What came of the gate.

    Attributes:
        plan: what was chosen.
        outcomes: of each check, in the catalogue's order.
        seconds: wall clock.
        found: the counterexamples that are new.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    seconds: float
    found: tuple[Path, ...]

    @property
    def verdict(self) -> Verdict:
        """Violated if anything is, else unknown if anything is; nothing at all is unknown."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        if Verdict.VIOLATED in verdicts:
            return Verdict.VIOLATED
        return Verdict.HOLDS if verdicts == {Verdict.HOLDS} else Verdict.UNKNOWN

    @property
    def code(self) -> int:
        """The exit code."""
        return EXIT[self.verdict]

    @property
    def words(self) -> str:
        """The result in a sentence."""
        short = [outcome.check.name for outcome in self.outcomes if not outcome.passed]
        of = f"{len(self.outcomes) - len(short)} of {len(self.outcomes)} checks passed"
        took = f"{of} in {self.seconds:.0f} s"
        return f"{took}; not passed: {', '.join(short)}" if short else took

    def facts(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "verdict": self.verdict.value,
            "seconds": round(self.seconds, 1),
            "seed": self.plan.seed,
            "rotation": self.plan.rotation,
            "processes": self.plan.processes,
            "checks": [outcome.facts() for outcome in self.outcomes],
            "counterexamples": [path.name for path in self.found],
        }


def line(outcome: Outcome) -> str:
    """A check's line on a terminal.

    Args:
        outcome: what came of it.
    """
    mark = _MARKS[outcome.verdict]
    return f"{outcome.check.name:<16}{mark:<9}{outcome.seconds:>6.1f} s  {outcome.reading.figure}"


def lines(result: Result) -> Iterator[str]:
    """What a terminal is told after the checks' own lines: what fell short, how to repeat it.

    Args:
        result: of the gate.
    """
    for outcome in result.outcomes:
        if outcome.reading.notes and outcome.check.name == "search":
            yield from (f"{outcome.check.name}: {note}" for note in outcome.reading.notes)
        if not outcome.passed:
            yield ""
            yield f"{outcome.check.name}: {outcome.check.demand}; the bar: {outcome.check.bar}"
            yield from (f"  {words}" for words in _why(outcome))
            yield from (f"  again: {command}" for command in outcome.repeat[:SHOWN_MAX])
    for path in result.found:
        yield f"new counterexample: artifacts/counterexamples/{path.name}"
    yield ""
    yield f"seed {result.plan.seed}, rotation {result.plan.rotation}; {result.words}"
    yield f"reports: {result.plan.output}"


def markdown(result: Result) -> str:
    """What reads well on a pull request: the verdict, a table, and what to do about the rest.

    Args:
        result: of the gate.
    """
    rows = [
        f"| {_SIGNS[outcome.verdict]} {outcome.check.name} | {_cell(outcome.reading.figure)} "
        f"| {_cell(outcome.check.bar)} | {outcome.seconds:.0f} s |"
        for outcome in result.outcomes
    ]
    head = f"## {_SIGNS[result.verdict]} The gate: {result.words}"
    table = ["| check | figure | bar | took |", "| --- | --- | --- | ---: |", *rows]
    parts = [head, "", *table, "", *_sections(result)]
    new = [f"- `{path.name}`" for path in result.found]
    if new:
        parts += ["### New counterexamples, attached as files", "", *new, ""]
    chosen = f"`--seed {result.plan.seed} --rotation {result.plan.rotation}`"
    parts.append(f"The same choices again: `poolcheck gate` with {chosen}.")
    return "\n".join(parts) + "\n"


def _sections(result: Result) -> Iterator[str]:
    """A section for each check that is not passed; the notes of the others, folded away."""
    for outcome in result.outcomes:
        if outcome.passed:
            continue
        yield f"### {outcome.check.name}: {outcome.check.demand}"
        yield ""
        yield from (f"- {_cell(words)}" for words in _why(outcome))
        yield from ("", "Again:", "", "```sh", *outcome.repeat[:SHOWN_MAX], "```", "")
    notes = [
        f"- {outcome.check.name}: {_cell(note)}"
        for outcome in result.outcomes
        for note in outcome.reading.notes
    ]
    if notes:
        yield from ("<details><summary>Notes</summary>", "", *notes, "", "</details>", "")


def junit(result: Result) -> JUnitXml:
    """A suite with a test case for each check.

    Args:
        result: of the gate.
    """
    suite = TestSuite("poolcheck gate")
    for outcome in result.outcomes:
        case = TestCase(outcome.check.name, "poolcheck.gate", outcome.seconds)
        said = "\n".join([*_why(outcome), *(f"again: {one}" for one in outcome.repeat)])
        if outcome.verdict is Verdict.VIOLATED:
            case.result = [_said(Failure, outcome, said)]
        elif outcome.verdict is Verdict.UNKNOWN:
            case.result = [_said(Error, outcome, said)]
        case.system_out = f"{outcome.reading.figure}\nbar: {outcome.check.bar}"
        suite.add_testcase(case)
    suite.add_property("seed", str(result.plan.seed))
    suite.add_property("rotation", str(result.plan.rotation))
    xml = JUnitXml("poolcheck")
    xml.add_testsuite(suite)
    return xml


def _said(kind: type[Failure | Error], outcome: Outcome, said: str) -> Failure | Error:
    one = kind(next(_why(outcome), ""), outcome.check.name)
    one.text = said
    return one


def _why(outcome: Outcome) -> Iterator[str]:
    """Why the check is not passed, a sentence for each reason, the first few."""
    reading = outcome.reading
    if reading.unknown is not None:
        yield f"unknown, which is not passed: {reading.unknown}"
    yield from (one.words for one in reading.shortfalls[:SHOWN_MAX])
    more = len(reading.shortfalls) - SHOWN_MAX
    if more > 0:
        yield f"and {more} more"


def _cell(text: str) -> str:
    """The text, so that it breaks no table and hides nothing as markup."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def write(result: Result) -> None:
    """`gate.json`, `junit.xml`, `summary.md` and the new counterexamples are in the output folder.

    Args:
        result: of the gate.
    """
    output = result.plan.output
    (output / "gate.json").write_text(json.dumps(result.facts(), indent=1) + "\n")
    (output / "summary.md").write_text(markdown(result))
    junit(result).write(str(output / "junit.xml"), pretty=True)
    folder = output / "counterexamples"
    folder.mkdir(exist_ok=True)
    for path in result.found:
        shutil.copy(path, folder / path.name)

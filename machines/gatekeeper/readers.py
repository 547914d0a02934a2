"""Readers: what each kind of command printed or left, as a figure, executions and shortfalls."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from machines.gatekeeper.check import CannotRead, Reading, Shortfall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from machines.gatekeeper.check import Plan, Ran

LAYERS: Final = ("sim", "wire", "real")
SHOWN_MAX: Final = 20
LETTERS_MAX: Final = 300
# The summary's row of a layer: examples, steps, fired of reachable, replayed.
_LAYER_ROW: Final = re.compile(r"^(\w+) +(\d+) +(\d+) +(\d+) of (\d+) +(\d+)$", re.MULTILINE)
_CHECKED: Final = re.compile(r"no issues found in (\d+) source files")
_MYPY_ERRORS: Final = re.compile(r"^Found (\d+) errors? in", re.MULTILINE)
_FORMATTED: Final = re.compile(r"(\d+) files? already formatted")


def told(ran: Ran) -> Any:
    """The JSON that a command printed is returned.

    Raises:
        CannotRead: it printed none.
    """
    try:
        return json.loads(ran.output)
    except ValueError as error:
        last = ran.tail[-1].strip() if ran.tail else "nothing"
        raise CannotRead(f"no JSON was printed, but: {last}") from error


def cases(file: Path) -> list[TestCase]:
    """The test cases of a JUnit file are returned.

    Raises:
        CannotRead: there is no such file, or it is none.
    """
    try:
        suites = JUnitXml.fromfile(str(file))
    except (OSError, SyntaxError, ValueError) as error:
        raise CannotRead(f"pytest left no JUnit file: {error}") from error
    return [case for suite in suites for case in suite if isinstance(case, TestCase)]


def passed(case: TestCase) -> bool:
    """Whether the test ran and passed."""
    return not any(isinstance(one, Failure | Error | Skipped) for one in case.result)


def failures(found: Sequence[TestCase]) -> Iterator[Shortfall]:
    """A shortfall for each test that did not pass, with the command that runs it alone."""
    for case in found:
        for one in case.result:
            if isinstance(one, Failure | Error):
                said = one.message or (one.text or "").strip() or "failed"
                yield Shortfall(f"{case.name}: {short(said)}", f"pytest '{node(case)}'")


def node(case: TestCase) -> str:
    """The test's name as pytest takes it."""
    parts = str(case.classname or "").split(".")
    return f"{'/'.join(parts)}.py::{case.name}"


def short(text: str) -> str:
    """All of it in one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LETTERS_MAX else line[: LETTERS_MAX - 3] + "..."


def tests(plan: Plan, _: Sequence[Ran], check: str) -> Reading:
    """Each test of the JUnit file that pytest left for the check has passed.

    Args:
        plan: of the gate's run.
        check: the check's name.
    """
    found = cases(plan.place(check) / "junit.xml")
    fine = sum(map(passed, found))
    return Reading(f"{fine:,} of {len(found):,} tests", fine, tuple(failures(found)))


def machines(plan: Plan, ran: Sequence[Ran], check: str, layers: Sequence[str]) -> Reading:
    """Each test has passed, and on each layer the machines came to the end of examples.

    Args:
        plan: of the gate's run.
        ran: one pytest command.
        check: the check's name.
        layers: where machines must have run.
    """
    reading = tests(plan, ran, check)
    examples = {row[1]: int(row[2]) for row in _LAYER_ROW.finditer(ran[0].output)}
    idle = [
        Shortfall(f"no example of a machine came to its end on {layer}: that is no pass")
        for layer in layers
        if not examples.get(layer)
    ]
    counts = ", ".join(f"{examples.get(layer, 0):,} on {layer}" for layer in layers)
    figure = f"{reading.figure}; examples: {counts}"
    return Reading(figure, sum(examples.values()), (*reading.shortfalls, *idle))


def transitions(plan: Plan, ran: Sequence[Ran]) -> Reading:
    """Everything that is reachable has fired on each layer."""
    place = plan.place("transitions")
    facts = json.loads((place / "transitions.json").read_text())
    reading = tests(plan, ran, "transitions")
    shortfalls, figures, fired_on = list(reading.shortfalls), [], []
    for layer in LAYERS:
        one = facts["layers"].get(layer, {"fired": {}, "missing": facts["reachable"]})
        reachable, missing = len(facts["reachable"]), len(one["missing"])
        figures.append(f"{reachable - missing:,} of {reachable:,} on {layer}")
        fired_on.append(reachable - missing)
        if missing or not reachable:
            words = f"{missing:,} of {reachable:,} transitions did not fire on {layer}"
            shortfalls.append(Shortfall(f"{words}: {', '.join(_missing(one))}"))
    return Reading("; ".join(figures), min(fired_on), tuple(shortfalls))


def _missing(layer: dict[str, Any]) -> list[str]:
    names = [one if isinstance(one, str) else one["tuple"] for one in layer["missing"]]
    return names[:3] if len(names) <= 3 else [*names[:3], "…"]


def counterexamples(plan: Plan, ran: Sequence[Ran], listed: Sequence[str]) -> Reading:
    """Each listed file was replayed on each layer, and is as its status says.

    Args:
        plan: of the gate's run.
        ran: one pytest command.
        listed: the names of files that must be among them, without their ending.
    """
    reading = tests(plan, ran, "counterexamples")
    found = cases(plan.place("counterexamples") / "junit.xml")
    done = {str(case.name) for case in found if "test_saved_counterexample[" in str(case.name)}
    missing = [
        (stem, layer) for stem in listed for layer in LAYERS if not _replayed(stem, layer, done)
    ]
    shortfalls = [
        Shortfall(
            f"{stem} was not replayed on {layer}, though artifacts/counterexamples/LIST names it",
            f"pytest machines/test_counterexamples.py --layer {layer}",
        )
        for stem, layer in missing
    ]
    if not listed:
        shortfalls.append(Shortfall("artifacts/counterexamples/LIST names nothing"))
    due = len(listed) * len(LAYERS)
    figure = f"{len(listed)} files on {len(LAYERS)} layers: {due - len(missing)} of {due} replayed"
    return Reading(figure, len(done), (*reading.shortfalls, *shortfalls))


def _replayed(stem: str, layer: str, done: set[str]) -> bool:
    names = (f"[{stem}-{layer}]", f"[{layer}-{stem}]")
    return any(f"test_saved_counterexample{name}" in done for name in names)


def search(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Every search was complete, and found nothing."""
    shortfalls, figures, notes, unknown = [], [], [], None
    orbits = 0
    for one in ran:
        facts = told(one)
        orbits += facts["orbits"]
        bounds = facts["bounds"]
        within = ", ".join(f"{bounds[name]} {name}" for name in bounds if _amount(bounds[name]))
        figures.append(f"{facts['orbits']:,} orbits, {facts['transitions']:,} steps")
        state = "complete" if facts["complete"] else "NOT complete"
        notes.append(f"{state} within {within}")
        for found in facts["found"]:
            words = f"{found.get('promise', '?')} is broken: {', '.join(facts['violations'])}"
            shortfalls.append(Shortfall(words, one.command.line))
        if not facts["complete"] and not facts["found"]:
            unknown = f"the search within {within} was not complete: {facts['unknown']}"
    return Reading("; ".join(figures), orbits, tuple(shortfalls), tuple(notes), unknown)


def _amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def agreement(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Every walk gave the same digest on `sim` and on the other layer."""
    shortfalls, figures, walks = [], [], []
    for one in told(ran[0])["agreement"]:
        agreed, of, layer = one["agreed"], one["walks"], one["layer"]
        percent = 100 * agreed / of if of else 0.0
        walks.append(of)
        figures.append(f"{percent:g} % of {of:,} walks on {layer}")
        for parted in one["disagreements"][:SHOWN_MAX]:
            seed = parted["seed"]
            counts = "--agreement 1 --real 1"
            repeat = f"poolcheck check {counts} --seed {seed}"
            words = f"walk {seed}: sim and {layer} part: {short(parted['sentence'])}"
            shortfalls.append(Shortfall(words, repeat))
    least = min(walks, default=0) if {"wire", "real"} <= set(_layers(told(ran[0]))) else 0
    return Reading("; ".join(figures), least, tuple(shortfalls))


def _layers(facts: dict[str, Any]) -> list[str]:
    return [one["layer"] for one in facts["agreement"]]


def planted(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Every planted bug of the sample was found as what it is, and so was the canary."""
    facts = told(ran[0])
    shortfalls = [
        Shortfall(
            f"{one['name']} ({one['promise']}): {_came(one)}",
            f"poolcheck selfcheck --mutant {one['name']}",
        )
        for one in facts["mutants"]
        if not one["passed"]
    ]
    if facts["canary"] != "found":
        words = "the canary was missed: the machines would not see a pool that is plainly broken"
        shortfalls.insert(0, Shortfall(words, ran[0].command.line))
    found = sum(one["passed"] for one in facts["mutants"])
    names = ", ".join(one["name"] for one in facts["mutants"])
    figure = f"{found} of {len(facts['mutants'])} found; canary {facts['canary']}"
    return Reading(figure, len(facts["mutants"]), tuple(shortfalls), (f"sample: {names}",))


def _came(one: dict[str, Any]) -> str:
    if not one["found"]:
        return f"missed in {one['examples']:,} examples"
    if one["found_as"] != one["promise"]:
        return f"found as {one['found_as']}"
    return f"shown by {one['real']} replays on real processes, in {one['digests']} ways"


def types(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Mypy looked at files, and complains of none."""
    clean, wrong = _CHECKED.search(ran[0].output), _MYPY_ERRORS.search(ran[0].output)
    if clean is None and wrong is None:
        raise CannotRead(f"mypy said nothing that is known: {' / '.join(ran[0].tail)}")
    errors = int(wrong[1]) if wrong else 0
    lines = [line for line in ran[0].output.splitlines() if ": error:" in line]
    shortfalls = tuple(Shortfall(short(line)) for line in lines[:SHOWN_MAX])
    files = int(clean[1]) if clean else errors
    return Reading(
        f"{errors} errors in {files} files" if clean else f"{errors} errors", files, shortfalls
    )


def lint(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Ruff looked at files; each keeps the rules and is formatted."""
    listed, rules, formatted = ran
    files = len(listed.output.split())
    complaints = told(rules)
    shortfalls = [
        Shortfall(f"{one['filename']}:{one['location']['row']}: {one['code']} {one['message']}")
        for one in complaints[:SHOWN_MAX]
    ]
    found = _FORMATTED.search(formatted.output)
    bad = [line for line in formatted.output.splitlines() if line.startswith("Would reformat")]
    shortfalls += [Shortfall(line, "ruff format") for line in bad[:SHOWN_MAX]]
    looked = int(found[1]) if found else 0
    figure = f"{len(complaints)} complaints, {len(bad)} unformatted, in {files} files"
    return Reading(figure, min(files, looked + len(bad)), tuple(shortfalls))

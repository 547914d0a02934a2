"""Readers: the figures of the report, read off what commands print."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from machines.completion.item import Figures, Ran

_COUNTED: Final = re.compile(r"(\d+) (passed|failed|skipped|xfailed|deselected|errors?)\b")


def counts(ran: Ran) -> Figures:
    """Of `machines.completion.count`: each statistic."""
    return tuple((name, f"{value:,}") for name, value in told(ran)["statistics"].items())


def last_line(ran: Ran) -> Figures:
    """Of a program that says one thing at its end."""
    return (("said", ran.output.strip().splitlines()[-1].strip()),)


def collected(ran: Ran) -> Figures:
    """Of `pytest --collect-only`: how many tests there are."""
    (chosen, of) = re.findall(r"(\d+)(?:/(\d+))? tests collected", ran.output)[-1]
    return (("tests", f"{int(of or chosen):,}"), ("of them run by default", f"{int(chosen):,}"))


def tests(ran: Ran) -> Figures:
    """Of pytest: how many tests had which outcome."""
    line = ran.output.strip().splitlines()[-1]
    found = _COUNTED.findall(line)
    if not found:
        raise ValueError(f"pytest did not count: {line}")
    return tuple((outcome, f"{int(count):,}") for count, outcome in found)


def covered(ran: Ran) -> Figures:
    """Of pytest with pytest-cov: the same, and the lines and branches taken."""
    total = re.findall(r"^TOTAL.*?(\d+(?:\.\d+)?)%", ran.output, re.MULTILINE)[-1]
    return (*tests(ran), ("lines and branches", f"{total} %"))


def fired(ran: Ran) -> Figures:
    """Of `pytest machines/ --transitions`: what part of the reachable fired on each layer."""
    rows = re.findall(r"^(sim|wire|real) +.*?(\d+(?:\.\d+)?) ?%", ran.output, re.MULTILINE)
    return (*tests(ran), *((f"fired on {layer}", f"{percent} %") for layer, percent in rows))


def replayed(ran: Ran) -> Figures:
    """Of `poolcheck replay --json`: verdicts, by layer."""
    verdicts = Counter((one["layer"], one["verdict"]) for one in told(ran))
    return tuple((f"{layer}: {word}", f"{count:,}") for (layer, word), count in verdicts.items())


def checked(ran: Ran) -> Figures:
    """Of `poolcheck check --json`: agreement, and crash points that were survived."""
    facts = told(ran)
    agreed = [
        (f"walks agreed with {one['layer']}", f"{one['agreed']:,} of {one['walks']:,}")
        for one in facts["agreement"]
    ]
    points = facts["crash_points"]
    held = sum(one["holds"] for one in points)
    return (*agreed, *([("crash surveys held", f"{held} of {len(points)}")] if points else []))


def explored(ran: Ran) -> Figures:
    """Of `poolcheck explore --json`: how much there was, and whether that was all."""
    facts = told(ran)
    bounds = facts["bounds"]
    names = ("workers", "sessions", "tasks", "faults", "asks")
    return (
        ("bounds", ", ".join(f"{bounds[name]} {name}" for name in names)),
        ("states", f"{facts['states']:,}"),
        ("transitions", f"{facts['transitions']:,}"),
        ("depth", f"{facts['depth']:,}"),
        ("complete", "yes" if facts["complete"] else "no"),
        ("violations", f"{len(facts['violations'])}"),
    )


def hunted(ran: Ran) -> Figures:
    """Of `poolcheck selfcheck --json`: how many planted bugs were found."""
    facts = told(ran)
    mutants = facts["mutants"]
    found = sum(one["found"] for one in mutants)
    missed = [one["name"] for one in mutants if not one["found"]]
    return (
        ("found", f"{found} of {len(mutants)}"),
        *([("missed", ", ".join(missed))] if missed else []),
        ("canary", facts["canary"]),
    )


def benched(ran: Ran) -> Figures:
    """Of `poolcheck bench --json`: each bar with what was measured."""
    bars = told(ran)["bars"]
    return tuple((_bar(one), _reached(one)) for one in bars)


def gated(ran: Ran) -> Figures:
    """Of `poolcheck gate --json`: each check's figure."""
    facts = told(ran)
    rows = [(one["check"], f"{one['verdict']}: {one['figure']}") for one in facts["checks"]]
    return (("gate", f"{facts['verdict']} in {facts['seconds']:.0f} s"), *rows)


def measured(ran: Ran) -> Figures:
    """Of `machines.history.measure`: false alarms and what is found."""
    lines = ran.output.splitlines()
    false = [line.removeprefix("False alarms, ").rstrip(".").split(": ") for line in lines
             if line.startswith("False alarms")]  # fmt: skip
    rows = [
        line.strip("| ").split(" | ") for line in lines if re.match(r"\| (quiet|usual|busy)", line)
    ]
    alarms = [(f"flaky, false alarms {where}", said) for where, said in false]
    noises = [
        (f"{row[0]} noise: false alarms; 5, 10, 30 % slower", "; ".join(row[1:])) for row in rows
    ]
    return (*alarms, *noises)


def remembered(ran: Ran) -> Figures:
    """Of `poolcheck history --json`: how much is kept, and what it says."""
    facts = told(ran)
    named = [one["test"] for one in facts["flaky"] if one["verdict"] == "flaky"]
    return (
        ("runs", f"{facts['runs']:,}"),
        ("tests compared on the same code", f"{facts['compared']['tests']:,}"),
        ("flaky", ", ".join(named) or "none"),
    )


def told(ran: Ran) -> Any:
    """The JSON that a command printed.

    Args:
        ran: which.

    Raises:
        ValueError: it printed none.
    """
    return json.loads(ran.output)


def _bar(one: dict[str, Any]) -> str:
    against = f" against {one['against']}" if one["against"] else ""
    best = " (best)" if one["best_of"] else ""
    figure = f"{one['measure']} {one['figure']}, {one['contestant']}{against}{best}"
    return f"{figure} {one['sense']} {one['bar']:g}"


def _reached(one: dict[str, Any]) -> str:
    words = {True: "reached", False: "missed", None: "unknown"}
    value = f"{one['value']['median']:.3g}, " if one["value"] else ""
    return value + words[one["reached"]]

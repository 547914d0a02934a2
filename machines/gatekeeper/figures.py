"""Figures: what the gate's own measurements say, held against their bars."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from machines.gatekeeper.check import CannotRead, Reading, Shortfall
from machines.gatekeeper.readers import SHOWN_MAX, tests, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from machines.gatekeeper.check import Plan, Ran

# "Branch coverage complete on `model/` and pool core": the style this project took for itself. The
# core is what decides: all that `pool/core.py` stands on, in which nothing touches the outside.
COMPLETE: Final = (
    "model/*",
    "pool/breaker.py",
    "pool/core.py",
    "pool/dispatch.py",
    "pool/effects.py",
    "pool/errors.py",
    "pool/events.py",
    "pool/exits.py",
    "pool/lifecycle.py",
    "pool/recovery.py",
    "pool/sessions.py",
    "pool/state.py",
    "pool/tasks.py",
    "pool/workers.py",
)


def processes(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Each worker that was started on `real` was a process that the kernel knew."""
    walks = told(ran[0])
    shortfalls = []
    for one in walks:
        seen = f"{one['processes']} processes were seen for {one['workers']} workers"
        repeat = f"python -m machines.gatekeeper.processes --walks 1 --seed {one['walk']}"
        if one["diverged"] is not None:
            words = f"walk {one['walk']} diverged: {one['diverged']}"
            shortfalls.append(Shortfall(words, repeat))
        elif one["processes"] != one["workers"]:
            shortfalls.append(Shortfall(f"walk {one['walk']}: {seen}", repeat))
    workers = sum(one["workers"] for one in walks)
    count = sum(one["processes"] for one in walks)
    figure = f"{count:,} processes for {workers:,} workers in {len(walks)} walks"
    return Reading(figure, min(workers, count), tuple(shortfalls[:SHOWN_MAX]))


def determinism(_: Plan, ran: Sequence[Ran]) -> Reading:
    """Each run of the sample gave one digest under every hash seed."""
    first, *others = (told(one) for one in ran)
    seeds = [one.command.environment["PYTHONHASHSEED"] for one in ran]
    parted = [
        (name, seed)
        for seed, digests in zip(seeds[1:], others, strict=True)
        for name in sorted({*first, *digests})
        if first.get(name) != digests.get(name)
    ]
    shortfalls = tuple(
        Shortfall(f"{name}: another digest under hash seed {seed} than under {seeds[0]}")
        for name, seed in parted[:SHOWN_MAX]
    )
    figure = f"{len(first) - len({name for name, _ in parted}):,} of {len(first):,} runs the same"
    return Reading(figure, len(first) if others else 0, shortfalls)


def coverage(plan: Plan, ran: Sequence[Ran]) -> Reading:
    """Every line and branch of what must be covered completely was taken.

    Args:
        plan: of the gate's run.
        ran: one pytest command that left the coverage and a JUnit file.
    """
    reading = tests(plan, ran, "coverage")
    try:
        files = json.loads((plan.place("coverage") / "coverage.json").read_text())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise CannotRead(f"pytest-cov left no coverage: {error}") from error
    chosen = {name: one for name, one in files.items() if _must_be_complete(name)}
    gaps = {name: _gaps(one) for name, one in sorted(chosen.items())}
    shortfalls = [Shortfall(f"{name}: never {', '.join(gap)}") for name, gap in gaps.items() if gap]
    absent = [
        Shortfall(f"{pattern}: no such file was measured")
        for pattern in COMPLETE
        if not any(PurePosixPath(name).match(pattern) for name in files)
    ]
    done, of = _counts(chosen)
    percent = 100 * done / of if of else 0.0
    figure = f"{done:,} of {of:,} lines and branches ({percent:.2f} %) in {len(chosen)} files"
    return Reading(figure, done, (*reading.shortfalls, *absent, *shortfalls))


def _must_be_complete(name: str) -> bool:
    return any(PurePosixPath(name).match(pattern) for pattern in COMPLETE)


def _gaps(one: Mapping[str, Any]) -> list[str]:
    lines = [f"line {line}" for line in one["missing_lines"]]
    branches = [
        f"{before}→{after if after > 0 else 'exit'}"
        for before, after in one["missing_branches"]
        if before not in one["missing_lines"]
    ]
    gaps = lines + branches
    return gaps if len(gaps) <= SHOWN_MAX else [*gaps[:SHOWN_MAX], f"{len(gaps) - SHOWN_MAX} more"]


def _counts(files: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    totals = [one["summary"] for one in files.values()]
    done = sum(one["covered_lines"] + one["covered_branches"] for one in totals)
    return done, sum(one["num_statements"] + one["num_branches"] for one in totals)


def history(_: Plan, ran: Sequence[Ran]) -> Reading:
    """No test had different outcomes in runs of the same code."""
    facts = told(ran[-1])
    runs, tests_ = facts["runs"], facts["compared"]["tests"]
    shortfalls = tuple(
        Shortfall(
            f"{one['test']} failed in {one['failures']} of {one['runs']} runs of the same code",
            f"pytest '{one['test']}'",
        )
        for one in facts["flaky"][:SHOWN_MAX]
    )
    figure = f"{len(facts['flaky'])} of {tests_:,} tests differ in {runs} runs"
    return Reading(figure, tests_ if runs > 1 else 0, shortfalls)


def pace(_: Plan, ran: Sequence[Ran]) -> Reading:
    """No measure costs more than the baseline allows."""
    facts = told(ran[0])
    bar, shortfalls, figures, unknown = facts["slower_max"], [], [], None
    for one in facts["measures"]:
        name, ratio = one["name"], one["ratio"]
        if ratio is None:
            unknown = f"{name}: there is no baseline for {facts['python']}; `poolcheck refresh`"
            continue
        figures.append(f"{name} {(ratio - 1) * 100:+.0f} % ± {one['spread'] * 100:.0f} %")
        if ratio > bar:
            words = f"{name} costs {ratio:.2f} times what the baseline says; {bar:.2f} is allowed"
            shortfalls.append(Shortfall(words))
    executions = sum(one["rounds"] for one in facts["measures"])
    return Reading(", ".join(figures) or "-", executions, tuple(shortfalls), unknown=unknown)

"""The self-check: every planted bug must be found, shrunk, and replayed on real processes."""

from __future__ import annotations

import contextlib
import os
import time
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import frozen
from hypothesis import Phase, settings

from machines import beside, counterexample
from machines.burst import BurstMachine
from machines.counterexample import Counterexample, Status
from machines.drivers import Layer
from machines.hunt import budget_of, hunt_in_turn
from machines.mutants import CANARY
from machines.replay import Replay, replay, worlds
from machines.roster import MACHINES
from machines.run import execute
from machines.shrink import shrink
from machines.tally import Tally
from model.promises import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from machines.hunt import Finding
    from machines.mutants import Mutant
    from model.checker import Checker

EXAMPLES_MAX: Final = 2_000
STEPS: Final = 50
PROCESSES_MAX: Final = 8
JOBS_APART: Final = 4  # fewer for each process are not worth its start
# Nothing is shrunk on real processes; so there the machines try what is short.
STEPS_REAL: Final = 6
_SHORT: Final = tuple(machine for machine in MACHINES if machine is not BurstMachine)


@frozen
class Check:
    """What came of hunting one planted bug.

    Attributes:
        promise: the promise that was seen broken; None if none was.
        examples: machine runs until it was found, or all that there were.
        seconds: wall-clock time of the hunt, without shrinking and replaying.
        steps_found: the failing run's steps.
        example: the shrunk counterexample; None if the bug was not found.
        real: the replays on real processes; None if there were none.
    """

    mutant: Mutant
    promise: str | None
    examples: int
    seconds: float
    steps_found: int
    example: Counterexample | None
    real: Replay | None

    @property
    def found(self) -> bool:
        """Whether a promise was seen broken."""
        return self.example is not None

    @property
    def passed(self) -> bool:
        """Whether it was found as what it is, and every real replay showed it, the same way."""
        right = self.promise == self.mutant.promise
        return right and (self.real is None or self.real_passed)

    @property
    def real_passed(self) -> bool:
        """Whether every real replay showed the bug, all with one digest."""
        real = self.real
        return real is not None and real.violated == real.runs > 0 and len(real.digests) == 1

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        real = self.real
        return {
            "name": self.mutant.name,
            "promise": self.mutant.promise,
            "found": self.found,
            "found_as": self.promise,
            "examples": self.examples,
            "seconds": round(self.seconds, 3),
            "steps_found": self.steps_found,
            "steps": len(self.example.steps) if self.example is not None else None,
            "real": None if real is None else f"{real.violated}/{real.runs}",
            "digests": None if real is None else len(real.digests),
            "passed": self.passed,
        }


def check(
    mutant: Mutant,
    seeded: int,
    *,
    real_times: int,
    after_each: Callable[[], None] = lambda: None,
) -> Check:
    """The planted bug was hunted, and if found, shrunk and replayed on real processes.

    Only the checker of the promise that the bug breaks is asked: it must find it alone.

    Args:
        mutant: the bug.
        seeded: Hypothesis's seed.
        real_times: how many replays on real processes; 0 for none.
        after_each: called after each stage, for progress.
    """
    tally = Tally()
    real_only = mutant.layer is Layer.REAL
    steps = STEPS_REAL if real_only else STEPS
    budget = settings(
        budget_of(settings(), mutant.layer, EXAMPLES_MAX, steps),
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    own = [kind for kind in PROMISES if kind.promise == mutant.promise]
    began = time.monotonic()
    findings = hunt_in_turn(
        mutant.layer,
        tally,
        budget,
        _SHORT if real_only else MACHINES,
        parts=mutant.parts,
        seeded=seeded,
        promises=own,
    )
    seconds = time.monotonic() - began
    after_each()
    if not findings:
        return Check(mutant, None, tally.begun, seconds, 0, None, None)
    example = _shrunk(mutant, findings[0], seeded, own)
    after_each()
    real = None
    if real_times:
        real = replay(
            example,
            Layer.REAL,
            times=real_times,
            parts=mutant.parts,
            promises=own,
            after_each=after_each,
        )
        simulated = replay(example, Layer.SIM, parts=mutant.parts, promises=own)
        example = attrs.evolve(example, world=worlds([simulated, real]))
    steps_found = len(findings[0].trace.steps)
    return Check(mutant, example.promise, tally.begun, seconds, steps_found, example, real)


@frozen
class Seeds:
    """What came of hunting one planted bug with several seeds.

    Attributes:
        checks: one for each seed; only the first has replays on real processes.
    """

    checks: tuple[Check, ...]

    @property
    def found_in(self) -> int:
        """With how many seeds it was found."""
        return sum(one.found for one in self.checks)

    @property
    def passed(self) -> bool:
        """Whether it was found as what it is with every seed, and shown on real processes."""
        return all(one.passed for one in self.checks)

    @property
    def first(self) -> Check:
        """What came of the first seed."""
        return self.checks[0]

    def facts(self) -> dict[str, Any]:
        """What `--json` prints of it: medians over the seeds, and each seed's figures."""
        steps = [len(one.example.steps) for one in self.checks if one.example is not None]
        return {
            **self.first.facts(),
            "found": self.found_in == len(self.checks),
            "found_in": f"{self.found_in}/{len(self.checks)}",
            "examples": int(median(one.examples for one in self.checks)),
            "examples_max": max(one.examples for one in self.checks),
            "seconds": round(sum(one.seconds for one in self.checks), 3),
            "steps_found": int(median(one.steps_found for one in self.checks)),
            "steps": int(median(steps)) if steps else None,
            "passed": self.passed,
        }


def check_all(
    mutants: Sequence[Mutant],
    seeds: Sequence[int],
    *,
    real_times: int,
    after_each: Callable[[], None] = lambda: None,
) -> list[Seeds]:
    """Every planted bug was hunted with every seed, in this process and beside it.

    Which process does what changes nothing of what is found.

    Args:
        mutants: the bugs.
        seeds: Hypothesis's seeds.
        real_times: how many replays on real processes, of what the first seed found.
        after_each: called after each hunt, for progress.
    """
    jobs = [
        (mutant, seeded, real_times if seeded == seeds[0] else 0)
        for mutant in mutants
        for seeded in seeds
    ]
    processes = min(os.cpu_count() or 1, PROCESSES_MAX, len(jobs) // JOBS_APART)
    # Real processes are mostly waited for; begun first, they are nobody's last wait.
    order = sorted(range(len(jobs)), key=lambda at: jobs[at][0].layer is not Layer.REAL)
    done: dict[int, Check] = {}
    with contextlib.ExitStack() as stack:
        jobs_in_order = [jobs[at] for at in order]
        results: Iterable[Check] = (check(m, s, real_times=times) for m, s, times in jobs_in_order)
        if processes > 1:
            executor = beside.executor(processes)
            stack.callback(executor.shutdown, cancel_futures=True)
            results = executor.map(_check_apart, *zip(*jobs_in_order, strict=True))
        for at, one in zip(order, results, strict=True):
            done[at] = one
            after_each()
    apart = len(seeds)
    first = range(0, len(jobs), apart)
    return [Seeds(tuple(done[at] for at in range(begin, begin + apart))) for begin in first]


def _check_apart(mutant: Mutant, seeded: int, real_times: int) -> Check:
    """As `check`; what is of use only where it was made stays there."""
    one = check(mutant, seeded, real_times=real_times)
    if one.real is not None:
        one.real.report = None
    return one


def canary_found(seeded: int) -> bool:
    """Whether the machines find a bug that nothing with eyes can miss."""
    return check(CANARY, seeded, real_times=0).found


def _shrunk(
    mutant: Mutant, finding: Finding, seeded: int, own: list[type[Checker]]
) -> Counterexample:
    promise, trace = finding.violation.promise, finding.trace
    if mutant.layer is not Layer.REAL:
        trace = shrink(trace, promise, mutant.layer, mutant.parts, promises=own).trace
    report = execute(trace, mutant.layer, mutant.parts, promises=own)
    facts = {"mutant": mutant.name, "layer": mutant.layer.value, "seed": str(seeded)}
    return counterexample.new(trace, report, Status.FIXED, found_by="poolcheck selfcheck", **facts)

"""The shrinker: the same promise, nothing to leave out, and a fixed point."""

from __future__ import annotations

import random
from itertools import count

import pytest

from machines.drivers import Layer
from machines.gate import Start
from machines.mutants import BY_NAME, Mutant
from machines.run import Run, execute, fair_moves
from machines.shrink import shrink
from machines.trace import (
    Advance,
    Cancel,
    Command,
    Crash,
    Deliver,
    How,
    Kill,
    Mangle,
    NextStart,
    Open,
    Receive,
    Setting,
    Shutdown,
    Submit,
    Trace,
)
from model.promises import PROMISES

LONG = 15
CHECKERS = {checker.promise: checker for checker in PROMISES}

STEPS_MAX = 8
NAMES = [
    "cancelled-still-starts",
    "checked-out-twice",
    "deadline-kills-the-wrong-worker",
    "deadline-only-while-waiting",
    "foreign-reply-ignored",
    "grace-never-ends",
    "lost-with-its-worker",
    "never-replaced",
    "one-too-many-waits",
    "replaced-too-early",
    "resolved-twice-after-retry",
    "skips-reaping",
]


def noise(chance: random.Random, run: Run, tasks: int) -> Command:
    """Any command that might trouble a pool."""
    worker, task = chance.randint(0, len(run.world.bodies)), chance.randint(0, tasks)
    wishes = (chance.choice((None, 1.0)), chance.randint(0, 2))
    return chance.choice(
        [
            *[Submit(tasks, "echo", *wishes)] * 4,
            Cancel(task),
            Kill(task),
            Crash(worker),
            Mangle(worker, chance.choice(list(How))),
            NextStart(chance.choice(list(Start))),
            Advance(chance.choice((0.5, 1.0, 7.0))),
            *[Shutdown(grace=1.0)] * (chance.random() < 0.2),
        ]
    )


def failing(mutant: Mutant) -> Trace:
    """A long trace that breaks the mutant's promise, and ends where it does."""
    own = [CHECKERS[mutant.promise]]
    for seed in count():
        chance = random.Random(seed)  # noqa: S311 - a fixed seed, nothing secret
        setting = Setting(chance.randint(1, 3), chance.choice((None, 1)), 5)
        with Run(setting, mutant.layer, mutant.parts, promises=own) as run:
            while run.violation is None and len(run.steps) < 60:
                fair = fair_moves(run.world)
                usual = bool(fair) and chance.random() < 0.5
                run.do(chance.choice(fair) if usual else noise(chance, run, len(run.steps)))
            if run.finish().violation is not None and len(run.steps) >= LONG:
                return Trace(setting, tuple(run.steps))
    raise AssertionError("the seeds never end")


@pytest.fixture(scope="module", params=NAMES)
def shrunk(request: pytest.FixtureRequest) -> tuple[Mutant, Trace]:
    """A mutant, and what its long failing trace was shrunk to."""
    mutant = BY_NAME[request.param]
    own = [CHECKERS[mutant.promise]]
    left = shrink(failing(mutant), mutant.promise, mutant.layer, mutant.parts, promises=own)
    assert left.tried > len(left.trace.steps)
    return mutant, left.trace


def broken_by(trace: Trace, mutant: Mutant) -> str | None:
    """The promise that the trace breaks, if it breaks the mutant's."""
    own = [CHECKERS[mutant.promise]]
    violation = execute(trace, mutant.layer, mutant.parts, promises=own).violation
    return None if violation is None else violation.promise


def without(trace: Trace, at: int) -> Trace:
    return Trace(trace.setting, trace.steps[:at] + trace.steps[at + 1 :])


def test_the_shrunk_trace_breaks_the_same_promise(shrunk: tuple[Mutant, Trace]) -> None:
    mutant, trace = shrunk
    assert broken_by(trace, mutant) == mutant.promise


def test_no_single_step_can_be_left_out(shrunk: tuple[Mutant, Trace]) -> None:
    mutant, trace = shrunk
    left = [at for at in range(len(trace.steps)) if broken_by(without(trace, at), mutant)]
    assert left == []


def test_no_pair_of_steps_can_be_left_out(shrunk: tuple[Mutant, Trace]) -> None:
    mutant, trace = shrunk
    last = len(trace.steps)
    pairs = [(a, b) for b in range(last) for a in range(b)]
    assert [(a, b) for a, b in pairs if broken_by(without(without(trace, b), a), mutant)] == []


def test_shrinking_again_changes_nothing(shrunk: tuple[Mutant, Trace]) -> None:
    mutant, trace = shrunk
    own = [CHECKERS[mutant.promise]]
    again = shrink(trace, mutant.promise, mutant.layer, mutant.parts, promises=own)
    assert again.trace == trace


def test_what_is_left_can_be_read_at_a_glance(shrunk: tuple[Mutant, Trace]) -> None:
    _, trace = shrunk
    assert len(trace.steps) <= STEPS_MAX


def test_every_step_is_possible_and_none_comes_after_the_violation(
    shrunk: tuple[Mutant, Trace],
) -> None:
    mutant, trace = shrunk
    own = [CHECKERS[mutant.promise]]
    report = execute(trace, mutant.layer, mutant.parts, promises=own)
    assert report.impossible == ()
    assert report.step in (len(trace.steps) - 1, len(trace.steps))


def test_tasks_are_numbered_as_they_are_submitted(shrunk: tuple[Mutant, Trace]) -> None:
    _, trace = shrunk
    submitted = [step.task for step in trace.steps if isinstance(step, Submit)]
    assert submitted == list(range(len(submitted)))


def test_arguments_that_do_not_matter_become_plain() -> None:
    mutant = BY_NAME["lost-with-its-worker"]
    wordy = Trace(
        Setting(3, queue_limit=3, start_failures_max=7),
        (Deliver(1), Submit(9, "big", 5.0, 0), Receive(1), Crash(1)),
    )
    trace = shrink(wordy, "L1", parts=mutant.parts).trace
    assert trace.setting == Setting(1)
    assert trace.steps == (Submit(0), Crash(0))


def test_a_bug_of_the_wire_is_shrunk_on_wire() -> None:
    mutant = BY_NAME["trusting-decoder"]
    steps = (Deliver(0), Submit(0), Receive(0), Open(0), Mangle(0), Deliver(0))
    long = Trace(Setting(), (Submit(3, "fail"), Cancel(3), *steps, Advance(1.0), Submit(4)))
    assert broken_by(long, mutant) == "S14"
    own = [CHECKERS["S14"]]
    trace = shrink(long, "S14", Layer.WIRE, mutant.parts, promises=own).trace
    assert broken_by(trace, mutant) == "S14"
    assert [at for at in range(len(trace.steps)) if broken_by(without(trace, at), mutant)] == []
    with pytest.raises(ValueError, match="does not break S14 on sim"):
        shrink(long, "S14", Layer.SIM, mutant.parts, promises=own)


def test_nothing_is_ever_shrunk_on_real_processes() -> None:
    with pytest.raises(ValueError, match="never happens on real processes"):
        shrink(Trace(Setting(), ()), "S13", Layer.REAL, BY_NAME["ends-before-its-workers"].parts)


@pytest.mark.parametrize("promise", ["S1", "L1"])
def test_a_trace_that_breaks_nothing_is_refused(promise: str) -> None:
    with pytest.raises(ValueError, match=f"does not break {promise} on sim"):
        shrink(Trace(Setting(), (Deliver(0), Submit(0))), promise)


def test_a_trace_that_breaks_another_promise_is_refused() -> None:
    mutant = BY_NAME["never-replaced"]
    with pytest.raises(ValueError, match="does not break S1 on sim"):
        shrink(Trace(Setting(1), (Crash(0),)), "S1", parts=mutant.parts)

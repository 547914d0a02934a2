"""The fault catalogue: every fault of the design, and what makes it on each layer.

A fault that traces make has steps by which it strikes while a task is in flight; the others say
which tests make them, and why a layer of the machines has no meaning for them. `python -m
machines.fault` prints the page `docs/faults.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from machines.drivers import Layer
from machines.gate import Start
from machines.trace import (
    Advance,
    Cancel,
    Continue,
    Crash,
    Deliver,
    Exit,
    Garble,
    How,
    Jump,
    Kill,
    Mangle,
    NextStart,
    Open,
    Receive,
    Setting,
    Shutdown,
    Stop,
    Submit,
    Swell,
    Toward,
    Way,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from machines.trace import Command

    Steps = tuple[Command, ...]

YES: Final = "yes"
_DEFAULT: Final = Setting(size=2)
_AHEAD: Final = Setting(size=1, prefetch=4)


@frozen
class Fault:
    """One fault.

    Attributes:
        sort: what it strikes, in the design's words.
        name: the fault, in the design's words.
        by: what makes it: trace commands by name, or the test that does.
        steps: how it comes about, in a pool in which a task is in flight; empty without a trace.
        layers: for each layer `yes`, or why it has no meaning there.
        setting: of the pool in which it comes about.
    """

    sort: str
    name: str
    by: tuple[str, ...]
    steps: Steps = ()
    layers: Mapping[Layer, str] = field(factory=lambda: dict.fromkeys(Layer, YES))
    setting: Setting = _DEFAULT

    def on(self, layer: Layer) -> bool:
        """Whether it has a meaning there."""
        return self.layers[layer] == YES


# Task 0 runs on worker 0; worker 1 starts, is idle, or has been told to end.
_SENT: Final[Steps] = (Deliver(0), Submit(0))
_STARTING: Final[Steps] = (*_SENT, Receive(0))
_IDLE: Final[Steps] = (*_STARTING, Deliver(1))
_ENDING: Final[Steps] = (*_IDLE, Shutdown())
_REPLIED: Final[Steps] = (*_IDLE, Open(0))
# Two replies of one worker are on their way.
_TWO_REPLIES: Final[Steps] = (
    Deliver(0),
    *(Submit(number) for number in range(4)),
    *(Receive(0), Open(0), Deliver(0)),
    *(Receive(0), Open(1), Receive(0), Open(2)),
)


def _start(how: Start) -> Fault:
    """Worker 2 starts badly in the place of worker 1."""
    words = {
        Start.REFUSED: "spawn refused",
        Start.RAISES: "initializer raises",
        Start.HANGS: "initializer hangs",
        Start.EXITS: "exits with a code while it starts",
    }
    ends = (Deliver(2),) if how is not Start.HANGS else ()
    steps = (*_IDLE, NextStart(how), Crash(1), Deliver(1), Deliver(1), *ends)
    return Fault("process", words[how], (f"next_start:{how.value}",), steps)


def _from_worker(name: str, how: How) -> Fault:
    steps = (*_IDLE, Submit(1), Open(0), Mangle(0, how), Deliver(0))
    return Fault("frame to the pool", name, (f"mangle:{how.value}",), steps)


def _to_worker(name: str, how: Toward) -> Fault:
    steps = (*_SENT, Garble(0, how), Receive(0))
    return Fault("frame to a worker", name, (f"garble:{how.value}",), steps)


def _task(name: str, operation: str) -> Fault:
    steps = (Deliver(0), Submit(0, operation), Receive(0), Open(0), Deliver(0))
    return Fault("task", name, (f"submit:{operation}",), steps)


def _only_tested(sort: str, name: str, test: str, why: str) -> Fault:
    return Fault(sort, name, (test,), layers=dict.fromkeys(Layer, why))


_IN_ORDER: Final = "a stream between two processes keeps the order of what it carries"
_ONCE: Final = (
    "a stream between two processes carries nothing twice, and that no pool sends a task twice is "
    "what S3 is about; a worker starts what it is sent"
)
_PARENT: Final = "a trace is driven by the parent, which cannot strike itself and go on"
_CHILD: Final = (
    "what a task's own child does no trace can see or time; the pool's is on every layer"
)
_FUTURE: Final = "the core knows tasks, not futures: one that nobody waits for is like any other"
_TESTS: Final = "tests/integration/"

CATALOGUE: Final[tuple[Fault, ...]] = (
    Fault("process", "kill, starting", ("crash",), (*_STARTING, Crash(1))),
    Fault("process", "kill, idle", ("crash",), (*_IDLE, Crash(1))),
    Fault("process", "kill, busy", ("crash",), (*_IDLE, Crash(0))),
    Fault("process", "kill, ending", ("crash",), (*_ENDING, Crash(1))),
    Fault("process", "stop and continue", ("stop",), (*_IDLE, Stop(0), Open(0), Continue(0))),
    Fault("process", "exit with a code", ("exit:code",), (*_IDLE, Exit(0))),
    Fault(
        "process", "terminate by signal", ("exit:terminated",), (*_IDLE, Exit(0, Way.TERMINATED))
    ),
    *(_start(how) for how in Start if how is not Start.NORMAL),
    Fault("protocol point", "dies before reading", ("crash",), (*_SENT, Crash(0))),
    Fault("protocol point", "after reading", ("exit:reading",), (*_SENT, Exit(0, Way.READING))),
    Fault("protocol point", "while running", ("crash",), (*_STARTING, Crash(0))),
    Fault(
        "protocol point",
        "after n bytes of the reply: 1, half, all but 1",
        ("mangle:cut_early", "mangle:cut", "mangle:cut_late"),
        (
            *(*_REPLIED, Submit(1), Mangle(0, How.CUT_EARLY)),
            *(Receive(1), Open(1), Mangle(1, How.CUT), Deliver(0), Deliver(0)),
            *(Deliver(2), Submit(2), Receive(2), Open(2), Mangle(2, How.CUT_LATE)),
        ),
    ),
    Fault("protocol point", "after the reply", ("crash",), (*_REPLIED, Crash(0), Deliver(0))),
    Fault(
        "frame to the pool",
        "dropped, where a timer or its worker's end bounds the wait for it",
        ("mangle:dropped",),
        (Deliver(0), Submit(0, deadline=2.0), Receive(0), Open(0), Mangle(0, How.DROPPED)),
    ),
    _from_worker("doubled", How.DOUBLED),
    Fault(
        "frame to the pool",
        "reordered",
        ("mangle:reordered",),
        (*_TWO_REPLIES, Mangle(0, How.REORDERED), Deliver(0)),
        setting=_AHEAD,
    ),
    Fault(
        "frame to the pool",
        "delayed: the schedule itself",
        ("advance", "deliver"),
        (*_IDLE, Submit(1, deadline=2.0), Receive(1), Open(1), Advance(2.0), Deliver(1)),
    ),
    _from_worker("one byte changed", How.FLIPPED),
    _from_worker("oversized", How.OVERSIZED),
    _from_worker("of an unknown kind", How.UNKNOWN),
    _from_worker("for another task", How.ANOTHER),
    _from_worker("for no task", How.FOREIGN),
    Fault(
        "frame to a worker",
        "dropped, where a timer bounds the wait for its answer",
        ("garble:dropped",),
        (Deliver(0), Submit(0, deadline=2.0), Garble(0, Toward.DROPPED), Advance(2.0)),
    ),
    Fault(
        "frame to a worker",
        "delayed: the schedule itself",
        ("advance", "receive"),
        (Deliver(0), Submit(0, deadline=5.0), Advance(2.0), Receive(0)),
    ),
    _to_worker("one byte changed", Toward.FLIPPED),
    _to_worker("cut", Toward.CUT),
    _to_worker("oversized", Toward.OVERSIZED),
    _to_worker("of an unknown kind", Toward.UNKNOWN),
    Fault("frame to a worker", "doubled", (), layers=dict.fromkeys(Layer, _ONCE)),
    Fault("frame to a worker", "reordered", (), layers=dict.fromkeys(Layer, _IN_ORDER)),
    _task("raises", "fail"),
    _task("raises what cannot be pickled", "raise_unpicklable"),
    _task("raises what cannot be rebuilt", "raise_unrebuildable"),
    _task("returns what cannot be pickled", "unpicklable"),
    _task("returns what cannot be rebuilt", "unrebuildable"),
    _task("`SystemExit`", "leave"),
    _task("`KeyboardInterrupt`", "interrupt"),
    Fault(
        "task",
        "never returns, with a deadline: without one no pool could answer its client",
        ("submit:stick",),
        (Deliver(0), Submit(0, "stick", deadline=2.0), Receive(0), Advance(2.0)),
    ),
    _task("very large result", "big"),
    _task("wants more memory than there is", "exhaust"),
    Fault(
        "resources",
        "memory grows to the limit",
        ("swell",),
        (*_IDLE, Swell(0), Open(0), Deliver(0)),
    ),
    _task("descriptors run out in the worker", "starve"),
    Fault(
        "resources",
        "descriptors run out in the pool: a refused spawn",
        ("next_start:refused",),
        (*_IDLE, NextStart(Start.REFUSED), Crash(1), Deliver(1), Deliver(1), Deliver(2)),
    ),
    Fault(
        "time",
        "jumps, and each timer fires at its own time",
        ("advance",),
        (Deliver(0), Submit(0, deadline=2.0), Receive(0), Advance(3600.0)),
    ),
    Fault(
        "time",
        "jumps, and every timer is late",
        ("jump",),
        (Deliver(0), Submit(0, deadline=2.0), Receive(0), Jump(3600.0)),
    ),
    _only_tested(
        "descendants",
        "a grandchild that outlives its worker or holds its pipe open",
        _TESTS + "test_hostile_leftovers.py::"
        "test_death_of_a_worker_is_seen_although_its_child_lives_on",
        _CHILD,
    ),
    _only_tested(
        "descendants",
        "a task that forks",
        _TESTS + "test_hostile_leftovers.py::"
        "test_child_that_returns_from_the_task_does_not_answer_for_its_worker",
        _CHILD,
    ),
    _only_tested(
        "parent",
        "killed",
        _TESTS + "test_parent_death.py::test_workers_die_with_a_killed_parent_even_when_stopped",
        _PARENT,
    ),
    _only_tested(
        "parent",
        "interrupted",
        _TESTS + "test_ctrl_c.py::"
        "test_interrupt_in_the_middle_of_the_pools_work_ends_everything_once",
        _PARENT,
    ),
    _only_tested(
        "parent",
        "forks",
        _TESTS + "test_forked_parent.py::test_child_that_uses_the_busy_pool_is_told_so",
        _PARENT,
    ),
    _only_tested(
        "parent",
        "holds locks while workers start",
        _TESTS + "test_careless_parent.py::test_workers_start_while_other_threads_hold_locks",
        _PARENT,
    ),
    _only_tested(
        "parent",
        "drops the pool without shutdown",
        _TESTS + "test_pool.py::test_dropped_pool_runs_what_it_accepted_and_ends",
        _PARENT,
    ),
    Fault("client", "cancels", ("cancel",), (*_SENT, Submit(1), Cancel(1), Cancel(0))),
    Fault("client", "has a running task killed", ("kill",), (*_STARTING, Kill(0))),
    _only_tested(
        "client",
        "abandons",
        _TESTS + "test_careless_parent.py::test_a_task_that_nobody_waits_for_runs_all_the_same",
        _FUTURE,
    ),
    Fault("client", "submits after shutdown", ("shutdown",), (*_STARTING, Shutdown(), Submit(1))),
    Fault(
        "client",
        "floods",
        ("submit:echo",),
        (*_STARTING, *(Submit(number) for number in range(1, 12))),
        setting=Setting(size=2, queue_limit=3),
    ),
)


def page() -> str:
    """The page is returned: the table of faults and layers, and why the gaps in it are none."""
    head = ["strikes", "fault", "made by", *(layer.value for layer in Layer)]
    rows = [head, ["---"] * len(head)]
    reasons: list[str] = []
    for fault in CATALOGUE:
        by = ", ".join(f"`{name}`" for name in fault.by) or "—"
        rows.append([fault.sort, fault.name, by, *(_cell(fault, at, reasons) for at in Layer)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = "\n".join(f"{at}. {why}." for at, why in enumerate(reasons, 1))
    return f"{_HEAD}\n{table}\n\n{_FOOT}\n{notes}\n"


def _cell(fault: Fault, layer: Layer, reasons: list[str]) -> str:
    why = fault.layers[layer]
    if why == YES:
        return YES
    if why not in reasons:
        reasons.append(why)
    return f"no ({reasons.index(why) + 1})"


_HEAD: Final = """# Faults

Every fault of the design, what makes it, and the layers on which it has a meaning. Generated from
`machines/fault.py` with `python -m machines.fault > docs/faults.md`; a test compares the two, and
runs each row's steps on each layer that says `yes`: the fault strikes while a task is in flight,
every promise holds, and all layers show the same.

What makes a fault is a trace command, with its sort after a colon
([their meaning](counterexamples.md)), or the test that does what no trace can. The nemesis chooses
them at the driver's boundary; the production code has no fault switches.
"""

_FOOT: Final = """Two things are bounded on purpose. Between two processes of one machine no frame
is ever lost, and a pool cannot tell one that is from one that is late; so a frame is dropped only
where the pool has a timer for what it awaits, or hears of its worker's end. And where tasks are
sent ahead a worker's orders are not dropped at all: the pool reckons by their number and order
which of them have started (S3).

Where a layer says no:
"""

if __name__ == "__main__":
    import sys

    sys.stdout.write(page())

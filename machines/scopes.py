"""The scopes: the small bounds within which the search is complete.

One or two workers, at most four tasks, one session or two, one fault. Each scope looks at one part
of the pool, with the settings and the client's wishes that this part needs; what a scope has to go
through before its part begins are its first steps.
"""

from __future__ import annotations

from typing import Final

import attrs

from machines.coverage import HANGS
from machines.gate import Start
from machines.search import Scope, Steps
from machines.setting import Setting
from machines.trace import (
    Cancel,
    CloseSession,
    Crash,
    Deliver,
    Kill,
    NextStart,
    Open,
    OpenSession,
    Receive,
    Reopen,
    Shutdown,
    Submit,
    Trace,
)
from machines.workload import OPERATIONS
from model.sometimes import START_HUNG

ONE: Final = Setting(size=1)
TWO: Final = Setting(size=2)
EVERY_SORT: Final = tuple(Submit(0, operation) for operation in sorted(OPERATIONS))
SHUTDOWNS: Final = (Shutdown(), Shutdown(cancel_waiting=True), Shutdown(grace=1.0))

UNWELL: Final[Steps] = (Deliver(0), Submit(0, "exhaust"), Receive(0), Open(0), Deliver(0))
LADEN: Final[Steps] = (
    Deliver(0),
    *(Submit(task) for task in range(4)),
    Receive(0),
    Open(0),
    Deliver(0),
)
BOTH_READY: Final[Steps] = (Deliver(0), Deliver(1))
TWO_SESSIONS: Final[Steps] = (
    *BOTH_READY,
    OpenSession(0),
    OpenSession(1),
    Submit(0, session=0),
    Submit(1, session=1),
)


DUE: Final[Steps] = tuple(
    attrs.evolve(step, deadline=1.0) if isinstance(step, Submit) and step.task > 1 else step
    for step in LADEN
)


# What no search comes to, for it happens only at a run's end, once everything is delivered.
AT_THE_END: Final = {
    START_HUNG.format(HANGS): Trace(
        ONE, (NextStart(Start.HANGS), Deliver(0), Crash(0), Deliver(0), Deliver(0))
    ),
}

SCOPES: Final[tuple[Scope, ...]] = (
    Scope("a worker and its tasks", ONE, 30),
    Scope("every operation", ONE, 8, submits=EVERY_SORT, tasks=1, faults=0),
    Scope(
        "functions that raise, or want more memory than there is",
        ONE,
        10,
        submits=(Submit(0, "fail"), Submit(0, "exhaust")),
        tasks=1,
        asks=(Shutdown(),),
    ),
    Scope("clients who cancel and kill", ONE, 9, asks=(Cancel(1), Kill(0), Kill(1))),
    Scope("deadlines", ONE, 10, submits=(Submit(0, deadline=1.0), Submit(0))),
    Scope("tasks that are tried again", ONE, 30, submits=(Submit(0, retries=1),)),
    Scope("the pool ends", ONE, 8, asks=SHUTDOWNS),
    Scope("a bounded queue", attrs.evolve(ONE, queue_limit=1), 8, asks=(Shutdown(),), tasks=3),
    Scope("an unwell worker", ONE, 8, UNWELL, tasks=1, asks=(Shutdown(),), advances=4),
    Scope(
        "health checks of idle workers",
        attrs.evolve(ONE, health_interval=30.0, health_failures_max=1),
        8,
        tasks=1,
        asks=(Shutdown(),),
        advances=4,
    ),
    Scope(
        "workers that have served enough",
        attrs.evolve(ONE, tasks_max=1),
        9,
        submits=(Submit(0), Submit(0, "exhaust")),
        tasks=1,
    ),
    Scope("an unwell worker gets old", attrs.evolve(ONE, age_max=10.0), 7, UNWELL, tasks=1),
    Scope("workers that get old", attrs.evolve(ONE, age_max=10.0), 8, tasks=1, advances=3),
    Scope("tasks sent ahead", attrs.evolve(ONE, prefetch=2), 7, LADEN, tasks=4, asks=(Kill(2),)),
    Scope(
        "deadlines of tasks sent ahead",
        attrs.evolve(ONE, prefetch=2),
        7,
        DUE,
        tasks=4,
    ),
    Scope(
        "the breaker",
        attrs.evolve(ONE, start_failures_max=1, openings_max=1),
        10,
        tasks=1,
        workers=4,
        advances=3,
    ),
    Scope(
        "a pool that breaks",
        attrs.evolve(ONE, start_failures_max=1),
        8,
        asks=(OpenSession(0),),
    ),
    Scope(
        "a session",
        ONE,
        9,
        submits=(Submit(0, session=0),),
        asks=(OpenSession(0), CloseSession(0), Reopen(0)),
    ),
    Scope(
        "a session that expires",
        attrs.evolve(ONE, session_ttl=10.0),
        9,
        submits=(Submit(0, session=0),),
        tasks=1,
        asks=(OpenSession(0),),
    ),
    Scope(
        "a session and the pool's end",
        ONE,
        8,
        submits=(Submit(0, session=0),),
        tasks=1,
        asks=(OpenSession(0), Shutdown()),
    ),
    Scope(
        "a fallback executor",
        attrs.evolve(ONE, start_failures_max=1, fallback=True),
        8,
        submits=(Submit(0), Submit(0, "fail"), Submit(0, deadline=1.0)),
        tasks=1,
        asks=(Cancel(0), Kill(0), Shutdown(grace=1.0)),
        advances=3,
        faults=0,
    ),
    Scope(
        "a fallback executor for tasks whose worker was lost",
        attrs.evolve(ONE, lost="failover", fallback=True),
        9,
        submits=(Submit(0, retries=1),),
        tasks=1,
    ),
    Scope("two workers", TWO, 7, BOTH_READY, workers=4),
    Scope(
        "two workers and a task that is tried again",
        TWO,
        9,
        BOTH_READY,
        submits=(Submit(0, retries=1),),
        tasks=1,
        workers=4,
    ),
    Scope("two sessions", TWO, 6, TWO_SESSIONS, workers=4),
    Scope("a worker beyond the size", attrs.evolve(ONE, max_overflow=1), 8, advances=3),
)

"""The eyes: how each promise's checker is kept, between two steps, as plain data.

What a checker remembers is kept with names and relative times. What it remembers of something that
can never be heard of again goes with the name. What is fixed from the start is no state, and
neither is what is empty whenever the pool has dealt with an event. Where a checker keeps more than
its promise can still depend on, `settle.py` says what goes, and why that is sound.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from machines.explore.form import (
    CLOCK,
    PLAIN,
    RESULT,
    SESSION,
    SESSIONS,
    TASK,
    TASKS,
    WORKER,
    WORKERS,
    Clock,
    Fields,
    Sequence,
    Table,
)
from model.breaker_safety import OnlyProbesPass
from model.cause import CausesToldTruly
from model.choice import FairlyChosen
from model.error_truth import ErrorsToldTruly, _Attempts
from model.holding import Holding
from model.liveness import BackAtStrength, EveryTaskResolves, ShutdownEnds
from model.promptness import DoneAtOnce
from model.session_safety import LossIsLoud, OneWorkerInOrder, OwnState, _Session
from model.session_wishes import WishesGranted
from model.starvation import NobodyStarves, _Task
from model.task_safety import (
    CancelledStaysCancelled,
    DeadlinesHold,
    OwnResult,
    ResolvesOnce,
    StartsOnce,
)
from model.timeliness import OnTime, _Person
from model.worker_safety import (
    BadFramesEndTheirWorker,
    Bounded,
    LegalMoves,
    NothingLeft,
    OneTaskAtATime,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from machines.explore.form import Form
    from model.checker import Checker


def _tasks(value: Form = PLAIN) -> Table:
    return Table(TASK, value)


def _workers(value: Form = PLAIN, *, ordered: bool = False) -> Table:
    return Table(WORKER, value, ordered=ordered)


def _sessions(value: Form = PLAIN) -> Table:
    return Table(SESSION, value)


def _made(kind: type[Any], forms: Mapping[str, Form]) -> Fields:
    """The form of an object that a checker makes for itself."""
    return Fields(lambda: object.__new__(kind), forms)


_HOLDING: Final = Fields(
    Holding, {"task": _workers(TASK), "ahead": _workers(Sequence(TASK, deque))}
)
_PAST: Final = Clock(least=-1.0)  # that it is over is all that matters
_DUE: Final = Clock(least=0.0)  # the same, for what happens from now on

_TASKS: Final[dict[type[Checker], dict[str, Form]]] = {
    ResolvesOnce: {
        "_deadlines": _tasks(_DUE),
        "_started": TASKS,
        "_cancels": _tasks(),
        "_holders": _tasks(Sequence(WORKER)),
        "_dead": WORKERS,
        "_unserved": TASKS,
        "_shut": PLAIN,
        "_shut_cancelling": PLAIN,
        "_broke": PLAIN,
    },
    OwnResult: {"_endings": _tasks(Sequence(Sequence(RESULT, tuple)))},
    StartsOnce: {"_left": _tasks()},
    DeadlinesHold: {"_deadlines": _tasks(CLOCK), "_holding": _HOLDING, "_timed_out": TASKS},
    CancelledStaysCancelled: {"_cancelled": TASKS},
    ErrorsToldTruly: {
        "_states": _workers(),
        "_untold": _workers(),
        "_unanswered": _workers(),
        "_tasks": _tasks(
            _made(
                _Attempts,
                {
                    "retries": PLAIN,
                    "session": SESSION,
                    "over": PLAIN,
                    "started": PLAIN,
                    "running": PLAIN,
                    "worker": WORKER,
                    "held": WORKER,
                    "waited": PLAIN,
                    "category": PLAIN,
                    "exhausted": PLAIN,
                },
            )
        ),
        "_ended": _tasks(),
        "_broke": PLAIN,
        "_unserved": TASKS,
        "_holding": _HOLDING,
    },
    DoneAtOnce: {
        "_tried": TASKS,
        "_states": _workers(),
        "_breaker": PLAIN,
        "_over": PLAIN,
        "_holding": _HOLDING,
        "_session_of": _tasks(SESSION),
        "_waiting": TASKS,
        "_resting": _tasks(CLOCK),
        "_home": _sessions(WORKER),
        "_placing": SESSIONS,
    },
    NobodyStarves: {
        "_tasks": _tasks(
            _made(
                _Task,
                {"number": TASK, "session": SESSION, "came": PLAIN, "since": PLAIN, "due": CLOCK},
            )
        ),
        "_line": Sequence(TASK),
        "_own": _sessions(Sequence(TASK)),
        "_home": _sessions(WORKER),
        "_resting": TASKS,
        "_ahead": _workers(Table(TASK, CLOCK, ordered=True)),
        "_count": PLAIN,
        "_overslept": PLAIN,
    },
    CausesToldTruly: {"_ended": _tasks()},
    EveryTaskResolves: {"_unresolved": TASKS},
}
_SESSIONS: Final[dict[type[Checker], dict[str, Form]]] = {
    OneWorkerInOrder: {
        "_session_of": _tasks(SESSION),
        "_worker": _sessions(WORKER),
        "_unresolved": _sessions(Sequence(TASK, list)),
        "_passed": _tasks(TASK),
    },
    OwnState: {
        "_session_of": _tasks(SESSION),
        "_left": _sessions(Sequence(TASK, tuple)),
        "_due": _tasks(Sequence(TASK, tuple)),
    },
    LossIsLoud: {
        "_sessions": _sessions(
            _made(
                _Session,
                {"state": PLAIN, "worker": WORKER, "unresolved": TASKS, "losses": PLAIN},
            )
        ),
        "_session_of": _tasks(SESSION),
        "_wanted": SESSIONS,
    },
    WishesGranted: {
        "_states": _sessions(),
        "_pending": _sessions(TASKS),
        "_session_of": _tasks(SESSION),
        "_shut": PLAIN,
        "_broke": PLAIN,
    },
    FairlyChosen: {
        "_free": _workers(ordered=True),
        "_choice": _workers(Sequence(WORKER)),
        "_session_of": _tasks(SESSION),
        "_home": _sessions(WORKER),
    },
}
_WORKERS: Final[dict[type[Checker], dict[str, Form]]] = {
    OneTaskAtATime: {"_holding": _HOLDING, "_running": _workers(TASK)},
    LegalMoves: {"_states": _workers()},
    Bounded: {"_live": WORKERS, "_waiting": TASKS, "_ready": WORKERS},
    OnlyProbesPass: {"_state": PLAIN, "_starting": WORKERS, "_failures": PLAIN},
    NothingLeft: {"_live": WORKERS},
    BadFramesEndTheirWorker: {"_ending": WORKERS},
    OnTime: {
        "_asleep": PLAIN,
        "_at": _PAST,
        "_workers": _workers(
            _made(
                _Person,
                {
                    "state": PLAIN,
                    "since": CLOCK,
                    "because": PLAIN,
                    "born": CLOCK,
                    "owes": CLOCK,
                    "check": PLAIN,
                    "asked": _PAST,
                    "missed": PLAIN,
                    "missed_at": _PAST,
                    "served": PLAIN,
                    "sessions": SESSIONS,
                    "bloated": PLAIN,
                    "lives": PLAIN,
                },
            )
        ),
        "_idle_since": _sessions(CLOCK),
        "_pending": _sessions(TASKS),
        "_session_of": _tasks(SESSION),
        "_placing": SESSIONS,
        "_home": _sessions(WORKER),
        "_openings": PLAIN,
        "_opened_at": CLOCK,
        "_grace_until": _PAST,
    },
    BackAtStrength: {"_placed": SESSIONS, "_excused": PLAIN},
    ShutdownEnds: {
        "_shut": PLAIN,
        "_closed": PLAIN,
        "_until": _PAST,
        "_unresolved": TASKS,
        "_live": WORKERS,
    },
}
FORMS: Final = _TASKS | _SESSIONS | _WORKERS
# What the first two records of a history tell for good.
FIXED: Final = frozenset(
    {"_opened", "_config", "_falls_back", "_last_first", "_size", "_lazy", "_grace"}
)
# What is empty, or is asked no more, when the pool has dealt with an event; `settle.py` says why.
TRANSIENT: Final = frozenset(
    {
        "verdict",
        *("_early", "_resolved"),  # S1
        *("_gone", "_lost", "_claims", "_new"),  # S7
        *("_struck", "_unpickled"),  # S14
        "_because",  # S15, S20
        *("_wishes", "_planned"),  # S16
        *("_turn", "_fresh", "_takers", "_tick"),  # S17
        *("_asked", "_refusals"),  # S18, L3
        *("_answered", "_ahead", "_taking", "_taken_at"),  # S19
        "_last",  # S20
    }
)


def known(kind: type[Checker]) -> dict[str, Form]:
    """The forms of a checker's attributes.

    Args:
        kind: the checker's class.

    Raises:
        LookupError: it remembers something of which nobody has said how that is kept.
    """
    forms = FORMS.get(kind, {})
    unknown = sorted(set(vars(kind())) - set(forms) - FIXED - TRANSIENT)
    if unknown or kind not in FORMS:
        names = ", ".join(unknown) or "anything"
        raise LookupError(f"{kind.__name__}: explore/eyes.py does not say how it keeps {names}")
    return forms

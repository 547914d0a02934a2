"""What a checker may forget between two steps without ever judging differently.

Each function changes a checker's attributes in place. It runs when the pool has dealt with an
event, or a body alone has moved, and again when names were left out.

Four checkers forget something without a function here, because it is not among their forms: why a
worker last moved (S15, S20), and which bad move was the last of all (S20), is asked when a task is
answered because of it, in the same turn, where nothing is sent ahead; in a pool that answers later
the search sees words without a cause, and says so. When a worker took its task (S19) is asked only
of what is sent ahead. A tick of the health clock (S17) comes only where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.explore.names import GONE
from model import history as saw
from model.breaker_safety import OnlyProbesPass
from model.promptness import DoneAtOnce
from model.session import LEGAL
from model.session_safety import LossIsLoud, OwnState
from model.session_wishes import WishesGranted
from model.starvation import NobodyStarves
from model.task_safety import ResolvesOnce
from model.timeliness import OnTime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model.checker import Checker

    Own = dict[str, Any]
    Settle = Callable[[Own, Sequence[saw.Record], float], None]


def _resolves_once(own: Own, _: Sequence[saw.Record], __: float) -> None:
    """A task that is resolved may as well never have been accepted: either answer breaks S1.

    Of a task's holders only whether one has died is asked; one that is gone has. Whether somebody
    would have cancelled it is not asked of what has started: that it was cancelled breaks S1 then.
    """
    for task in own["_resolved"]:
        for place in ("_deadlines", "_cancels", "_holders"):
            own[place].pop(task, None)
        own["_started"].discard(task)
        own["_unserved"].discard(task)
    own["_resolved"].clear()
    cancels = own["_cancels"]
    own["_cancels"] = {t: by for t, by in cancels.items() if by or t not in own["_started"]}
    dead = own["_dead"]
    dead.add(GONE)
    for task, holders in own["_holders"].items():
        own["_holders"][task] = [GONE] if dead.intersection(holders) else sorted(set(holders))


def _own_state(own: Own, records: Sequence[saw.Record], _: float) -> None:
    """What a task was due to find is asked once, when it tells what it found."""
    for record in records:
        if isinstance(record, saw.Found):
            own["_due"].pop(record.task, None)


def _loss_is_loud(own: Own, _: Sequence[saw.Record], __: float) -> None:
    """Whether a session was ever lost is asked, not how often.

    Who wants it again is asked where it may be opened again; what leads there is a loss, and
    nobody has wanted it since.
    """
    for session in own["_sessions"].values():
        session.losses = min(session.losses, 1)
    may = {name for name, one in own["_sessions"].items() if "reopened" in LEGAL[one.state]}
    own["_wanted"] &= may


def _only_probes_pass(own: Own, _: Sequence[saw.Record], __: float) -> None:
    """That as many starts failed as may is all that more of them would tell."""
    own["_failures"] = min(own["_failures"], own["_opened"].failures_max)


def _done_at_once(own: Own, _: Sequence[saw.Record], __: float) -> None:
    """Who was tried again is asked of those that wait or may wait again; a resolved one is not."""
    own["_tried"].intersection_update(own["_session_of"])


def _wishes_granted(own: Own, _: Sequence[saw.Record], __: float) -> None:
    """A session without a task that is pending may as well have no entry."""
    own["_pending"] = {session: tasks for session, tasks in own["_pending"].items() if tasks}


def _nobody_starves(own: Own, _: Sequence[saw.Record], __: float) -> None:
    """Places are only compared, so they are counted anew; a line of nobody is none."""
    tasks = own["_tasks"].values()
    counts = {task.came for task in tasks} | {t.since for t in tasks if t.since is not None}
    rank = {count: at for at, count in enumerate(sorted(counts), start=1)}
    for task in tasks:
        task.came = rank[task.came]
        task.since = None if task.since is None else rank[task.since]
    own["_count"] = len(rank)
    own["_own"] = {session: own_ for session, own_ in own["_own"].items() if own_}


def _on_time(own: Own, _: Sequence[saw.Record], now: float) -> None:
    """Times are kept only where the configuration has something due after them.

    Starts and ends of processes are taken in at once: their time is never asked. Once nothing is
    judged any more, nothing is kept.
    """
    config = own["_config"]
    own["_asleep"] = config is None
    if config is None:
        for value in own.values():
            if isinstance(value, (dict, set, list)) and value is not own["_takers"]:
                value.clear()
        own["_openings"], own["_opened_at"], own["_grace_until"], own["_at"] = 0, None, None, now
        return
    workers = own["_workers"]
    for record in own["_turn"]:
        if isinstance(record, (saw.Launched, saw.Died)) and record.worker in workers:
            workers[record.worker].lives = isinstance(record, saw.Launched)
    own["_turn"].clear()
    for person in workers.values():
        _settle_person(person, config, now, overflows=own["_opened"].max_overflow > 0)
    if config.session_ttl is None:
        own["_idle_since"] = dict.fromkeys(own["_idle_since"], now)


def _settle_person(person: Any, config: saw.Configured, now: float, *, overflows: bool) -> None:
    timed = person.state == "initializing" or (person.state == "ready" and overflows)
    stopped = person.state == "terminating" and person.because in ("recycle", "shutdown")
    suspected = person.because == "recovery_degrade" and person.since == now
    if not timed and not stopped and not suspected:
        person.since = now - 1.0
    if not stopped and not suspected:
        person.because = ""
    if config.tasks_max is None:
        person.served = 0
    if config.age_max is None:
        person.born = None
    if config.health_interval is None:
        person.asked = -1.0


def settle(checker: Checker, records: Sequence[saw.Record], now: float) -> None:
    """The checker remembers only what it may still ask for.

    Args:
        checker: one that has broken nothing.
        records: what it was shown last.
        now: driver seconds.
    """
    act = SETTLE.get(type(checker))
    if act is not None:
        act(vars(checker), records, now)


SETTLE: Final[dict[type[Checker], Settle]] = {
    ResolvesOnce: _resolves_once,
    OwnState: _own_state,
    LossIsLoud: _loss_is_loud,
    OnlyProbesPass: _only_probes_pass,
    DoneAtOnce: _done_at_once,
    WishesGranted: _wishes_granted,
    NobodyStarves: _nobody_starves,
    OnTime: _on_time,
}


def link(checker: Checker) -> None:
    """What was thawed as names is what the checker makes of it: mappings, and shared objects."""
    own = vars(checker)
    if isinstance(checker, DoneAtOnce):
        own["_waiting"] = dict.fromkeys(own["_waiting"])
        own["_placing"] = dict.fromkeys(own["_placing"])
    elif isinstance(checker, NobodyStarves):
        tasks = own["_tasks"]
        own["_line"] = {name: tasks[name] for name in own["_line"]}
        own["_own"] = {s: {n: tasks[n] for n in names} for s, names in own["_own"].items()}
        own["_resting"] = {name: tasks[name] for name in sorted(own["_resting"])}
    elif isinstance(checker, OnTime) and own["_asleep"]:
        own["_config"] = None

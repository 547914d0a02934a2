"""Canonical form: of all states that differ in names alone, one is kept.

Workers, sessions and tasks have names that mean nothing: the pool treats them alike. Tasks are
named in the order in which they were submitted, for that order means something; workers and
sessions in the order of what is known of them without their names; where that says too little,
every order is tried and the least result kept. What led to the same result through several
orders looks the same through each: those renamings are all returned, for whoever watches may
still tell them apart.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from machines.explore import body_form
from machines.explore.core_form import (
    IDLE_AT,
    SESSIONS_AT,
    TASKS_AT,
    WORKERS_AT,
)
from machines.explore.mind import CORE_AT, OF, ROLL_AT, TIMERS_AT
from machines.explore.names import Kind, Names, Naming
from machines.explore.store import to_bytes
from pool.events import TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from machines.explore.form import Form

_NOTHING: Final[dict[int, int]] = {}
Groups = list[list[int]]


class Canon:
    """Names states.

    Args:
        form: of minds.
        symmetric: whether workers and sessions are put in order; if not, they stay in the order
            in which they came.
    """

    def __init__(self, form: Form, *, symmetric: bool) -> None:
        self._form = form
        self._symmetric = symmetric

    def namings(self, mind: Any, bodies: Mapping[int, Any]) -> list[Naming]:
        """The renamings that lead to the canonical state: the first of them, and its equals.

        Args:
            mind: as plain data.
            bodies: each worker's body, as plain data.
        """
        names = Names()
        self._form.meet(mind, names)
        lasting = {
            number: body
            for number, body in bodies.items()
            if number in names.met[Kind.WORKER] or not body_form.is_over(body)
        }
        tasks = {task: at for at, task in enumerate(self._tasks(mind, names))}
        choices = self._choices(mind, lasting, names, tasks)
        found: list[Naming] = []
        best: tuple[bytes, ...] | None = None
        for workers, sessions in choices:
            naming = _complete(lasting, names, tasks, workers, sessions)
            if len(choices) == 1:
                return [naming]
            result = self._result(mind, lasting, naming)
            if best is None or result < best:
                best, found = result, [naming]
            elif result == best:
                found.append(naming)
        return found

    def renamed(
        self, mind: Any, bodies: Mapping[int, Any], naming: Naming
    ) -> tuple[Any, tuple[Any, ...]]:
        """The mind and the bodies with other names; the bodies in the order of their workers."""
        workers = naming.maps[Kind.WORKER]
        lasting = sorted((workers[n], body) for n, body in bodies.items() if n in workers)
        return (
            self._form.rename(mind, naming),
            tuple([body_form.rename(body, naming) for _, body in lasting]),
        )

    def _result(self, mind: Any, bodies: Mapping[int, Any], naming: Naming) -> tuple[bytes, ...]:
        renamed, rest = self.renamed(mind, bodies, naming)
        return (to_bytes(renamed), *[to_bytes(body) for body in rest])

    def _tasks(self, mind: Any, names: Names) -> list[int]:
        """Tasks that the core or the roll knows, in the order in which they were submitted."""
        known = [row[0] for row in mind[CORE_AT][TASKS_AT]]
        return [*known, *sorted(set(names.met[Kind.TASK]) - set(known))]

    def _choices(
        self, mind: Any, bodies: Mapping[int, Any], names: Names, tasks: dict[int, int]
    ) -> list[tuple[list[int], list[int]]]:
        """Each order of workers with bodies, and of sessions, that is to be tried."""
        workers, sessions = sorted(bodies), sorted(names.met[Kind.SESSION])
        if not self._symmetric or (len(workers) < 2 and len(sessions) < 2):
            return [(workers, sessions)]
        alone = _worker_keys(mind, bodies, tasks)
        by_session = _session_keys(mind, sessions, tasks, alone)
        grouped = _grouped(sessions, by_session)
        ranks = {s: at for at, group in enumerate(grouped) for s in group}
        hosted = {row[0]: sorted(ranks[s] for s in row[5]) for row in mind[CORE_AT][WORKERS_AT]}
        both = {w: alone[w] + to_bytes(hosted.get(w, [])) for w in workers}
        return [
            (list(w), list(s))
            for w in _orders(_grouped(workers, both))
            for s in _orders(grouped)
        ]


def _worker_keys(
    mind: Any, bodies: Mapping[int, Any], tasks: dict[int, int]
) -> dict[int, bytes]:
    """What is known of each worker, but for the names of workers and sessions."""
    core = mind[CORE_AT]
    known = {row[0] for row in core[TASKS_AT]}
    blind = Naming({task: at for task, at in tasks.items() if task in known}, _NOTHING, _NOTHING)
    rows = {row[0]: row for row in core[WORKERS_AT]}
    idle = {worker: at for at, worker in enumerate(core[IDLE_AT])}
    last = _last_held(core)
    timers = _timers_of(mind, Kind.WORKER)
    keys = {}
    for number, body in bodies.items():
        row = rows.get(number)
        own: Any = None
        if row is not None:
            named = [tasks.get(row[2], -1), *[[tasks[t] for t in place] for place in row[3:5]]]
            own = (row[1], *named, len(row[5]), *row[6:])
        bare = body_form.rename(body, blind)
        rest = (idle.get(number, -1), timers.get(number, []), last.get(number, []))
        on_roll = number in mind[ROLL_AT][1]
        marks = tuple(sorted(len(left) for _, left in body[7]))
        keys[number] = to_bytes((own, rest, on_roll, number in core[6], marks, bare))
    return keys


def _last_held(core: Any) -> dict[int, list[int]]:
    """For each worker, which of the tasks, by their place, it has held last."""
    found: dict[int, list[int]] = {}
    for at, row in enumerate(core[TASKS_AT]):
        if row[10] is not None:
            found.setdefault(row[10], []).append(at)
    return found


def _session_keys(
    mind: Any, sessions: Sequence[int], tasks: dict[int, int], workers: Mapping[int, bytes]
) -> dict[int, bytes]:
    """What is known of each session, but for the names of workers and sessions."""
    core = mind[CORE_AT]
    rows = {row[0]: row for row in core[SESSIONS_AT]}
    timers = _timers_of(mind, Kind.SESSION)
    own: dict[int, list[int]] = {}
    for row in core[TASKS_AT]:
        own.setdefault(row[4], []).append(tasks[row[0]])
    keys = {}
    for session in sessions:
        row = rows.get(session)
        home = b"" if row is None else workers.get(row[2], b"")
        held: Any = None if row is None else (row[1], *row[3:])
        on_roll = session in mind[ROLL_AT][2]
        rest = (own.get(session, []), timers.get(session, []), on_roll, session in core[8])
        keys[session] = to_bytes((held, rest, home))
    return keys


def _timers_of(mind: Any, kind: Kind) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for word, number, at in mind[TIMERS_AT]:
        if OF.get(TimerKind(word)) is kind:
            found.setdefault(number, []).append((word, at))
    return found


def _grouped(members: Sequence[int], keys: Mapping[int, bytes]) -> Groups:
    """Members in the order of their keys, those with equal keys together."""
    ordered = sorted(members, key=lambda member: keys[member])
    return [list(group) for _, group in itertools.groupby(ordered, key=lambda one: keys[one])]


def _orders(groups: Groups) -> Iterator[Iterator[int]]:
    """Every order in which the groups stand as they do."""
    for chosen in itertools.product(*[itertools.permutations(group) for group in groups]):
        yield itertools.chain.from_iterable(chosen)


def _complete(
    bodies: Mapping[int, Any],
    names: Names,
    tasks: dict[int, int],
    workers: Sequence[int],
    sessions: Sequence[int],
) -> Naming:
    """The renaming for this order; who occurs in bodies alone is named in the order of those."""
    there = Names()
    for worker in workers:
        body_form.meet(bodies[worker], there)
    gone = [worker for worker in sorted(names.met[Kind.WORKER]) if worker not in bodies]
    late = [session for session in there.met[Kind.SESSION] if session not in sessions]
    known = dict(tasks)
    for task in there.met[Kind.TASK]:
        known.setdefault(task, len(known))
    return Naming(
        known,
        {worker: at for at, worker in enumerate([*workers, *gone])},
        {session: at for at, session in enumerate([*sessions, *late])},
    )

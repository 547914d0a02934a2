"""Canonical form: of all states that differ in names alone, one is kept.

Workers, sessions and tasks have names that mean nothing: the pool treats them alike. Tasks are
named in the order in which they were submitted, for that order means something (so those that the
core no longer knows, but a body may still name to it, are among them); workers and
sessions in the order of what is known of them without their names; where that says too little,
every order is tried and the least result kept. What led to the same result through several
orders looks the same through each: those renamings are all returned, for whoever watches may
still tell them apart.
"""

from __future__ import annotations

import itertools
from math import factorial
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.explore import body_form
from machines.explore.core_form import (
    IDLE_AT,
    SESSIONS_AT,
    TASKS_AT,
    WORKERS_AT,
)
from machines.explore.mind import CORE_AT, OF, ROLL_AT, TIMERS_AT
from machines.explore.names import Kind, Naming
from machines.explore.renames import Renames
from machines.explore.store import Store, to_bytes
from pool.events import TimerKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from machines.explore.form import Form

_NOTHING: Final[dict[int, int]] = {}
# What is known of a worker that there is none.
_NOBODY: Final = (b"", b"")
Bodies = dict[int, int]


@frozen
class _Known:
    """What of a mind its names, and its bodies' order, depend on.

    Attributes:
        tasks: those that the mind knows, in the order in which they were submitted.
        workers: those that the mind knows.
        sessions: the same.
        alone: what is known of each worker, but for all names but its tasks'.
        hosted: the sessions of each.
        keys: what is known of each session, but for names; and its worker.
    """

    tasks: tuple[int, ...]
    workers: tuple[int, ...]
    sessions: tuple[int, ...]
    alone: dict[int, bytes]
    hosted: dict[int, tuple[int, ...]]
    keys: dict[int, tuple[bytes, int]]


class Canon:
    """Names states.

    Args:
        form: of minds.
        minds: every mind.
        bodies: every body.
        symmetric: whether workers and sessions are put in order; if not, they stay in the order
            in which they came.
    """

    def __init__(self, form: Form, minds: Store, bodies: Store, *, symmetric: bool) -> None:
        self.namings: list[Naming] = []
        self._minds = minds
        self._bodies = bodies
        self._symmetric = symmetric
        self._naming_numbers: dict[Any, int] = {}
        self._known: dict[int, _Known] = {}
        self._over: dict[int, bool] = {}
        self._renamed: dict[tuple[int, int], int] = {}
        self._bare: dict[tuple[int, ...], dict[int, bytes]] = {}
        self._spoken: dict[int, set[int]] = {}
        self._of_minds = Renames(minds, form.meet, form.rename)
        self._of_bodies = Renames(bodies, body_form.meet, body_form.rename)

    def namings_of(self, mind: int, bodies: Bodies) -> tuple[int, ...]:
        """The renamings that lead to the canonical state: one, and its equals.

        Args:
            mind: its number.
            bodies: each worker's body, by its number.
        """
        known = self._known.get(mind)
        if known is None:
            known = self._known[mind] = self._know(mind)
        lasting = {n: at for n, at in bodies.items() if n in known.workers or not self._is_over(at)}
        choices = self._choices(known, lasting)
        if len(choices) == 1:
            return (self._complete(known, lasting, *choices[0]),)
        found: list[int] = []
        best: tuple[bytes, ...] | None = None
        for workers, sessions in choices:
            naming = self._complete(known, lasting, workers, sessions)
            renamed, rest = self.renamed(mind, lasting, naming)
            result = (self._minds.data[renamed], *[self._bodies.data[body] for body in rest])
            if best is None or result < best:
                best, found = result, [naming]
            elif result == best:
                found.append(naming)
        return tuple(found)

    def renamed(self, mind: int, bodies: Bodies, naming: int) -> tuple[int, tuple[int, ...]]:
        """The mind and the bodies with other names; the bodies in the order of their workers."""
        how = self.namings[naming]
        workers = how.maps[Kind.WORKER]
        lasting = sorted([(workers[n], body) for n, body in bodies.items() if n in workers])
        rest = []
        for _, body in lasting:
            known = self._renamed.get((body, naming))
            if known is None:
                known = self._renamed[body, naming] = self._of_bodies.of(body, how)
            rest.append(known)
        return self._of_minds.of(mind, how), tuple(rest)

    def ways(self, mind: int, bodies: int) -> int:
        """In how many ways a canonical state with so many bodies may be named."""
        if not self._symmetric:
            return 1
        return factorial(bodies) * factorial(len(self._of_minds.names(mind)[Kind.SESSION]))

    def _is_over(self, body: int) -> bool:
        known = self._over.get(body)
        if known is None:
            known = self._over[body] = body_form.is_over(self._bodies.values[body])
        return known

    def _know(self, mind: int) -> _Known:
        plain = self._minds.values[mind]
        tasks, workers, sessions = self._of_minds.names(mind)
        submitted = [row[0] for row in plain[CORE_AT][TASKS_AT]]
        ordered = (*submitted, *sorted(set(tasks) - set(submitted)))
        return _Known(
            ordered,
            tuple(sorted(workers)),
            tuple(sorted(sessions)),
            _worker_keys(plain, workers, ordered),
            {row[0]: row[5] for row in plain[CORE_AT][WORKERS_AT]},
            _session_keys(plain, sessions, ordered),
        )

    def _choices(self, known: _Known, bodies: Bodies) -> list[tuple[list[int], Sequence[int]]]:
        """Each order of workers with bodies, and of sessions, that is to be tried."""
        workers = sorted(bodies)
        sessions = known.sessions
        if not self._symmetric or (len(workers) < 2 and len(sessions) < 2):
            return [(workers, sessions)]
        bare, mine = self._bare.setdefault(known.tasks, {}), known.alone
        alone = {
            n: (mine.get(n, b""), bare.get(at) or self._bare_body(at, known.tasks))
            for n, at in bodies.items()
        }
        if not sessions:
            return [(w, sessions) for w in _orders(workers, alone)]
        homes = {s: (key, alone.get(home, _NOBODY)) for s, (key, home) in known.keys.items()}
        ranks = {key: at for at, key in enumerate(sorted(homes.values()))}
        both = {
            w: (alone[w], sorted([ranks[homes[s]] for s in known.hosted.get(w, ())]))
            for w in workers
        }
        others = _orders(sessions, homes)
        return [(w, s) for w in _orders(workers, both) for s in others]

    def _bare_body(self, body: int, tasks: tuple[int, ...]) -> bytes:
        """What the body is, but for the names of sessions, and of tasks that no mind knows."""
        blind = Naming({task: at for at, task in enumerate(tasks)}, _NOTHING, _NOTHING)
        plain = self._bodies.values[body]
        marks = tuple(sorted(len(left) for _, left in plain[7]))
        known = to_bytes((marks, body_form.rename(plain, blind)))
        self._bare[tasks][body] = known
        return known

    def _spoken_of(self, body: int) -> set[int]:
        known = self._spoken.get(body)
        if known is None:
            known = self._spoken[body] = body_form.spoken_of(self._bodies.values[body])
        return known

    def _in_order(
        self, body: int, tasks: Mapping[int, int], named: dict[int, int]
    ) -> tuple[int, ...]:
        """The body's tasks in an order in which no session's old name has a say.

        Its sessions that have no name yet are given one.
        """
        there = body_form.sessions_in(self._bodies.values[body])
        new = [session for session in there if session not in named]
        new.sort(key=lambda one: [tasks.get(task, -1) for task in there[one]])
        for session in new:
            named[session] = len(named)
        marked = [task for one in sorted(there, key=named.__getitem__) for task in there[one]]
        every, _, _ = self._of_bodies.names(body)
        return (*[task for task in every if task not in marked], *marked)

    def _complete(
        self, known: _Known, bodies: Bodies, workers: Sequence[int], sessions: Sequence[int]
    ) -> int:
        """The renaming for this order; who is in bodies alone is named in the order of those."""
        spoken = set(known.tasks).union(*[self._spoken_of(bodies[worker]) for worker in workers])
        tasks = {task: at for at, task in enumerate(sorted(spoken))}
        named = {session: at for at, session in enumerate(sessions)}
        for worker in workers:
            in_it, _, sessions_in_it = self._of_bodies.names(bodies[worker])
            if len(sessions_in_it) > 1:
                in_it = self._in_order(bodies[worker], tasks, named)
            for task in in_it:
                tasks.setdefault(task, len(tasks))
            for session in sessions_in_it:
                named.setdefault(session, len(named))
        gone = [worker for worker in known.workers if worker not in bodies]
        key = (tuple(tasks), (*workers, *gone), tuple(named))
        number = self._naming_numbers.setdefault(key, len(self.namings))
        if number == len(self.namings):
            self.namings.append(Naming(tasks, {w: at for at, w in enumerate(key[1])}, named))
        return number


def _worker_keys(mind: Any, workers: Sequence[int], ordered: Sequence[int]) -> dict[int, bytes]:
    """What is known of each worker, but for its body, its sessions' names and its own."""
    core = mind[CORE_AT]
    tasks = {task: at for at, task in enumerate(ordered)}
    rows = {row[0]: row for row in core[WORKERS_AT]}
    idle = {worker: at for at, worker in enumerate(core[IDLE_AT])}
    last = _last_held(core)
    timers = _timers_of(mind, Kind.WORKER)
    keys = {}
    for number in workers:
        row = rows.get(number)
        own: Any = None
        if row is not None:
            places = [tuple([tasks[task] for task in place]) for place in row[3:5]]
            own = (row[1], tasks.get(row[2], -1), *places, len(row[5]), *row[6:])
        rest = (idle.get(number, -1), timers.get(number, ()), last.get(number, ()))
        keys[number] = to_bytes((own, rest, number in mind[ROLL_AT][1], number in core[6]))
    return keys


def _last_held(core: Any) -> dict[int, tuple[int, ...]]:
    """For each worker, which of the tasks, by their place, it has held last."""
    found: dict[int, tuple[int, ...]] = {}
    for at, row in enumerate(core[TASKS_AT]):
        if row[10] is not None:
            found[row[10]] = (*found.get(row[10], ()), at)
    return found


def _session_keys(
    mind: Any, sessions: Sequence[int], ordered: Sequence[int]
) -> dict[int, tuple[bytes, int]]:
    """What is known of each session, but for the names of workers and sessions; and its worker."""
    core = mind[CORE_AT]
    tasks = {task: at for at, task in enumerate(ordered)}
    rows = {row[0]: row for row in core[SESSIONS_AT]}
    timers = _timers_of(mind, Kind.SESSION)
    own: dict[int, tuple[int, ...]] = {}
    for row in core[TASKS_AT]:
        own[row[4]] = (*own.get(row[4], ()), tasks[row[0]])
    keys = {}
    for session in sessions:
        row = rows.get(session)
        held: Any = None if row is None else (row[1], *row[3:])
        home = -1 if row is None or row[2] is None else row[2]
        rest = (own.get(session, ()), timers.get(session, ()))
        there = (session in mind[ROLL_AT][2], session in core[8])
        keys[session] = to_bytes((held, rest, there)), home
    return keys


def _timers_of(mind: Any, kind: Kind) -> dict[int, tuple[Any, ...]]:
    found: dict[int, tuple[Any, ...]] = {}
    for word, number, at in mind[TIMERS_AT]:
        if OF.get(TimerKind(word)) is kind:
            found[number] = (*found.get(number, ()), word, at)
    return found


def _orders(members: Sequence[int], keys: Mapping[int, Any]) -> list[list[int]]:
    """Every order in which the members stand by their keys, whose equals change places."""
    ordered = sorted(members, key=keys.__getitem__)
    groups = [list(group) for _, group in itertools.groupby(ordered, key=keys.__getitem__)]
    if len(groups) == len(ordered):
        return [ordered]
    chosen = itertools.product(*[itertools.permutations(group) for group in groups])
    return [list(itertools.chain.from_iterable(order)) for order in chosen]

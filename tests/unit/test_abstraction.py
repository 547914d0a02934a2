"""The abstract pool is an abstraction of the real one: what a run shows is one of its states.

After each event of a run the workers and two of the sessions are looked at as
`docs/abstract-pool.md` looks at them; the abstract pool of as many workers can be in that state.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from machines import reachable
from machines.mutants import MUTANTS
from machines.parts import POOL, Parts
from machines.run import execute
from machines.trace import OpenSession, Trace
from machines.walker import generated
from model import abstract, worker
from model import history as saw
from model.abstract import ANYBODY, Abstract, Session, Worker
from model.moves import Moves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEEDS = range(120)
PLACES_MAX = 2
walks = cache(lambda: tuple(map(generated, SEEDS)))
states = cache(lambda places, sessions: frozenset(abstract.searched(places, sessions)))


class Shadow:
    """The abstract state that a history shows, kept up record by record.

    Args:
        places: how many workers there may be.
    """

    def __init__(self, places: int) -> None:
        self.moves = Moves()
        self.place: dict[int, int] = {}  # of each worker that is or was in one
        self.workers = ["terminated"] * places
        self.in_place: list[int | None] = [None] * places
        self.sessions: dict[int, str] = {}
        self.session_of: dict[int, int] = {}
        self.waiting: dict[int, set[int]] = {}
        self.lives: set[int] = set()
        self.down = False

    def observe(self, record: saw.Record) -> None:
        for move in self.moves.observe(record):
            self._moved(move.of, move.number, move.because, move.after)
        if isinstance(record, saw.StartAsked):
            place = self.workers.index("terminated")
            self.place[record.worker], self.in_place[place] = place, record.worker
            self.workers[place] = "initializing"
        elif isinstance(record, saw.ShutdownAsked):
            self.down = True
        elif isinstance(record, saw.Submitted) and record.session is not None:
            self.session_of[record.task] = record.session
            self.waiting.setdefault(record.session, set()).add(record.task)

    def _moved(self, of: str, number: int, because: str, after: str) -> None:
        if of == "worker":
            self.workers[self.place[number]] = after
        elif of == "session":
            self.sessions[number] = after
            if because == "first_task":
                self.lives.add(number)
            elif because == "worker_lost" or after == "closed":
                self.lives.discard(number)
        elif of == "task" and number in self.session_of:
            waits = after in ("waiting", "ahead")
            tasks = self.waiting[self.session_of[number]]
            (tasks.add if waits else tasks.discard)(number)

    def seen(self, sessions: tuple[int, ...]) -> Abstract:
        """The state, as far as it concerns these sessions."""
        workers = tuple(self._worker(place, sessions) for place in range(len(self.workers)))
        return Abstract(self.down, workers, tuple(map(self._session, sessions)))

    def _worker(self, place: int, sessions: tuple[int, ...]) -> Worker:
        state = self.workers[place]
        if state != "busy":
            return Worker(state)
        for task, at in self.moves.in_flight.items():
            session = self.session_of.get(task)
            held = self.moves.holder[task] == self.in_place[place] and at != "ahead"
            if held and session in sessions:
                return Worker(state, sessions.index(session))
        return Worker(state, ANYBODY)

    def _session(self, number: int) -> Session:
        home = self.place[self.moves.home[number]] if number in self.lives else None
        return Session(self.sessions.get(number, "opened"), home, bool(self.waiting.get(number)))


def shown(whole: Trace, parts: Parts) -> Iterator[Abstract]:
    """The states that the run of a trace shows, of each two sessions."""
    shadow = Shadow(whole.setting.size + whole.setting.max_overflow)
    numbers = sorted({step.session for step in whole.steps if isinstance(step, OpenSession)})
    pairs = list(combinations(numbers, 2)) or [(0, 1)]
    for records in execute(whole, parts=parts, promises=()).showed:
        for record in records:
            shadow.observe(record)
            if isinstance(record, saw.Told):
                yield from map(shadow.seen, pairs)


def strange(traces: Iterable[Trace], parts: Parts = POOL) -> tuple[int, list[str]]:
    """How many different states were shown, and those in which the abstract pool cannot be."""
    met: set[Abstract] = set()
    for whole in traces:
        if whole.setting.size + whole.setting.max_overflow <= PLACES_MAX:
            met.update(shown(whole, parts))
    known = [state in states(len(state.workers), len(state.sessions)) for state in met]
    return len(met), sorted(str(state) for state, fits in zip(met, known, strict=True) if not fits)


PLANTED = {mutant.name: mutant for mutant in MUTANTS}


def test_every_state_that_random_runs_show_is_one_of_the_abstract_pool() -> None:
    different, beyond = strange(walks())
    assert beyond == []
    assert different > 250


def test_every_state_that_the_shortest_traces_show_is_one_of_the_abstract_pool() -> None:
    file = reachable.load()
    different, beyond = strange(file.trace(name) for name in file.tuples)
    assert beyond == []
    assert different > 40


@pytest.mark.parametrize(
    "name", ["lost-stays-usable", "moves-house", "siblings-elsewhere", "waits-for-the-dead"]
)
def test_a_planted_bug_leads_to_states_in_which_the_abstract_pool_cannot_be(name: str) -> None:
    _, beyond = strange(walks(), PLANTED[name].parts)
    assert beyond


def test_without_degraded_workers_the_abstract_pool_would_not_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for state, because in (("ready", "health_check_failed"), ("busy", "recovery_degrade")):
        row = {why: after for why, after in worker.LEGAL[state].items() if why != because}
        monkeypatch.setitem(worker.LEGAL, state, row)  # type: ignore[arg-type]
    states.cache_clear()
    _, beyond = strange(walks())
    states.cache_clear()
    assert beyond
    assert all("degraded" in state for state in beyond)

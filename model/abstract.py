"""The abstract pool: a few workers and sessions, stepped by the tables, its states all found.

What a state is and which steps there are is told in `docs/abstract-pool.md`. The moves are the rows
of `model/worker.py` and `model/session.py`: a row that is taken out is a step that cannot happen.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import networkx as nx

from model import session, worker

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYBODY: Final = -1  # an anonymous task's client
_ENDS_TASK: Final = ("checkin_success", "checkin_error", "recovery_degrade")
_ALIVE: Final = ("ready", "busy", "degraded")


class Worker(NamedTuple):
    """A worker in its place; the next one takes the same place.

    Attributes:
        state: in its lifecycle.
        serves: the session whose task it runs, `ANYBODY`, or None.
    """

    state: str = worker.FIRST
    serves: int | None = None


class Session(NamedTuple):
    """A session that a client opened.

    Attributes:
        state: in its lifecycle.
        home: the place of the worker that it lives on, or None.
        waits: whether a task of it waits.
    """

    state: str = session.FIRST
    home: int | None = None
    waits: bool = False


class Abstract(NamedTuple):
    """A state of the abstract pool.

    Attributes:
        down: whether shutdown was asked for.
        workers: by place.
        sessions: by number.
    """

    down: bool
    workers: tuple[Worker, ...]
    sessions: tuple[Session, ...]

    def with_worker(self, place: int, new: Worker) -> Abstract:
        """The state but for one worker."""
        every = self.workers
        return self._replace(workers=(*every[:place], new, *every[place + 1 :]))

    def with_session(self, number: int, new: Session) -> Abstract:
        """The state but for one session."""
        every = self.sessions
        return self._replace(sessions=(*every[:number], new, *every[number + 1 :]))

    def rests(self, number: int) -> bool:
        """Whether the session has no task, waiting or running."""
        running = any(one.serves == number for one in self.workers)
        return not (self.sessions[number].waits or running)


Step = tuple[str, Abstract]


def first(workers: int, sessions: int) -> Abstract:
    """The state at the beginning: every worker starts, every session is open and lives nowhere."""
    return Abstract(False, (Worker(),) * workers, (Session(),) * sessions)


def steps(state: Abstract) -> Iterator[Step]:
    """Every step that can happen next is yielded, with the state that it leads to."""
    for place in range(len(state.workers)):
        yield from _worker_steps(state, place)
        yield from _handings_over(state, place)
    for number in range(len(state.sessions)):
        yield from _session_steps(state, number)
    if not state.down:
        yield "shutdown", state._replace(down=True)
    elif _at_rest(state):
        yield "at rest", state


def _worker_steps(state: Abstract, place: int) -> Iterator[Step]:
    """The worker's rows, but for those that hand it a session's task; and its replacement."""
    now = state.workers[place]
    for because, after in worker.LEGAL[now.state].items():
        step = f"worker {place}: {because}"
        if because == "checkout":
            if not state.down:
                yield step, state.with_worker(place, Worker(after, ANYBODY))
        elif because == "shutdown" and not state.down:
            continue
        elif after == "terminating":
            gone = _gone(state.with_worker(place, Worker(after)), place, because)
            if gone is not None:
                yield step, gone
        else:
            serves = None if because in _ENDS_TASK else now.serves
            yield step, state.with_worker(place, Worker(after, serves))
    if now.state == worker.LAST and not state.down:
        yield f"worker {place}: replaced", state.with_worker(place, Worker())


def _gone(state: Abstract, place: int, because: str) -> Abstract | None:
    """The sessions that lived on the worker that goes take their rows; None if one has none."""
    for number, one in enumerate(state.sessions):
        if one.home == place:
            ends = because == "shutdown" and one.state == "placed"
            after = session.LEGAL[one.state].get("shutdown" if ends else "worker_lost")
            if after is None:
                return None
            state = state.with_session(number, Session(after))
    return state


def _handings_over(state: Abstract, place: int) -> Iterator[Step]:
    """A session's waiting task goes to its worker; the first says which one that is."""
    busy = worker.LEGAL[state.workers[place].state].get("checkout")
    if busy is None:
        return
    for number, one in enumerate(state.sessions):
        after = one.state if one.home == place else None
        if one.home is None:
            after = session.LEGAL[one.state].get("first_task")
        if one.waits and after is not None:
            handed = state.with_worker(place, Worker(busy, number))
            step = f"worker {place}: checkout for session {number}"
            yield step, handed.with_session(number, Session(after, place))


def _session_steps(state: Abstract, number: int) -> Iterator[Step]:
    """What its client, the clock and the pool's end do to a session."""
    one = state.sessions[number]
    if one.state in session.USABLE and not (one.waits or state.down):
        yield f"session {number}: submitted", state.with_session(number, one._replace(waits=True))
    if one.waits and state.down:
        yield f"session {number}: cut off", state.with_session(number, one._replace(waits=False))
    for because, after in session.LEGAL[one.state].items():
        step = f"session {number}: {because}"
        if because == "close_requested" or (because == "reopened" and not state.down):
            yield step, state.with_session(number, one._replace(state=after))
        ends = because in ("expired", "drained") or (because == "shutdown" and state.down)
        if ends and state.rests(number):
            yield step, state.with_session(number, Session(after))


def _at_rest(state: Abstract) -> bool:
    return all(one.state == worker.LAST for one in state.workers) and all(
        one.state == session.LAST for one in state.sessions
    )


def broken(state: Abstract) -> list[str]:
    """What holds in every state and does not in this one is returned, in words."""
    said = []
    for place, one in enumerate(state.workers):
        if (one.state == "busy") != (one.serves is not None):
            said.append(f"worker {place} is {one.state} and serves {one.serves}")
        if one.serves not in (None, ANYBODY) and state.sessions[one.serves].home != place:
            said.append(
                f"worker {place} runs a task of session {one.serves}, which lives elsewhere"
            )
    for number, each in enumerate(state.sessions):
        if each.home is None and each.state == "placed":
            said.append(f"session {number} is placed nowhere")
        if each.home is not None and state.workers[each.home].state not in _ALIVE:
            said.append(f"session {number} lives on worker {each.home}, which is gone")
        if each.home is not None and each.state not in ("placed", "closing"):
            said.append(f"session {number} is {each.state} and lives on worker {each.home}")
        if each.waits and each.state in ("lost", "closed"):
            said.append(f"session {number} is {each.state} and a task of it waits")
    return said


class Count(NamedTuple):
    """How much there is: every state, every step out of each, and the steps to the farthest."""

    states: int
    steps: int
    depth: int


Found = dict[Abstract, tuple[Step, ...]]


def searched(workers: int, sessions: int) -> Found:
    """Every state that can be reached is returned, breadth first, with the steps out of it.

    Args:
        workers: how many places there are.
        sessions: how many sessions clients open.

    Raises:
        ValueError: if in one of them something does not hold, or nothing can happen.
    """
    found: Found = {}
    queue = deque([first(workers, sessions)])
    met = set(queue)
    while queue:
        state = queue.popleft()
        found[state] = tuple(steps(state))
        wrong = broken(state) if found[state] else ["a deadlock"]
        if wrong:
            raise ValueError(f"{'; '.join(wrong)}: {state}")
        new = [after for _, after in found[state] if after not in met]
        met.update(new)
        queue.extend(dict.fromkeys(new))
    return found


def count(found: Found) -> Count:
    """How much was found is returned."""
    depth = dict.fromkeys(list(found)[:1], 0)
    for state, following in found.items():
        for _, after in following:
            depth.setdefault(after, depth[state] + 1)
    return Count(len(found), sum(map(len, found.values())), max(depth.values()))


def graph(found: Found) -> nx.DiGraph:
    """What was found is returned as a graph: from each state an arrow to each that may be next."""
    whole: nx.DiGraph = nx.DiGraph()
    whole.add_edges_from((state, after) for state in found for _, after in found[state])
    return whole

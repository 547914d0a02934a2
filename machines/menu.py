"""The menu: what can be done to a world now, chosen by one byte.

Whoever has no use for Hypothesis's rules chooses from it: the burst machine, whose bytes
Hypothesis draws, and the walker, whose bytes come from a seeded generator. Each of the 256 bytes
stands for one kind of command and for which of the workers, tasks or sessions it means; the more
bytes a kind has, the more often it comes. Byte 0 is the first move of a fair schedule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines import trace
from machines.body import FRAMES, Condition
from machines.gate import Start
from machines.run import deliver, fair_move, open_gate, receive
from machines.swarm import name_of
from machines.trace import Elsewhere, How, Submit, Toward, Way
from machines.workload import NEVER, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from machines.body import Body
    from machines.trace import Command
    from machines.world import World

    Dish = Callable[["Menu", int], Command | None]

SESSIONS: Final = 3
BYTES: Final = 256


class Menu:
    """Chooses what is done to one world; remembers which tasks and sessions there are.

    Args:
        world: the world.
        off: what is never chosen, by the names of `swarm.py`.
    """

    def __init__(self, world: World, off: frozenset[str] = frozenset()) -> None:
        self.bodies = world.active
        self.diverted = world.diverted
        self.tasks = 0
        self.sessions: list[int] = []
        self._off = off

    def choose(self, byte: int) -> Command | None:
        """The command that this byte stands for now; None if it is not possible.

        Args:
            byte: 0 to 255.
        """
        dish, which = DISHES[byte]
        command = dish(self, which)
        if command is not None and self._off and name_of(command) in self._off:
            return None
        return command

    def body(self, which: int, fits: Callable[[Body], bool]) -> Body | None:
        """One of the workers of which this is true; None if there is none."""
        fitting = [body for body in self.bodies.values() if fits(body)]
        return fitting[which % len(fitting)] if fitting else None

    def new_task(self, wishes: dict[str, Any]) -> Submit:
        """The next task."""
        self.tasks += 1
        return Submit(self.tasks - 1, **wishes)

    def task(self, which: int) -> int | None:
        """One of the latest tasks; None if there are none."""
        return self.tasks - 1 - which % min(self.tasks, 8) if self.tasks else None

    def session(self, which: int) -> int | None:
        """One of the sessions that were opened; None if there are none."""
        return self.sessions[which % len(self.sessions)] if self.sessions else None


def knows(menu: Menu, steps: Iterable[Command]) -> None:
    """The menu knows the tasks and sessions of these steps.

    Args:
        menu: what can come next.
        steps: those that are done, or are going to be.
    """
    for step in steps:
        if isinstance(step, trace.Submit):
            menu.tasks = max(menu.tasks, step.task + 1)
        elif isinstance(step, trace.OpenSession) and step.session not in menu.sessions:
            menu.sessions.append(step.session)


def _fair(menu: Menu, which: int) -> Command | None:
    bodies = list(menu.bodies.values())
    first = which % len(bodies) if bodies else 0
    for body in (*bodies[first:], *bodies[:first]):
        if (move := fair_move(body)) is not None:
            return move
    return None


def _deliver(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: bool(body.facts))
    return None if body is None else deliver(body.number)


def _receive(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.receptive)
    return None if body is None else receive(body.number)


def _open(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.openable)
    return None if body is None or body.at_gate is None else open_gate(body.at_gate.number)


_SECONDS: Final = (1.0, 2.0, 0.1, 5.0, 0.5, 1.0, 10.0, 35.0)


def _advance(_: Menu, which: int) -> Command:
    return trace.Advance(_SECONDS[which])


_WISHES: Final[tuple[dict[str, Any], ...]] = (
    *({} for _ in range(6)),
    *({"deadline": seconds} for seconds in (1.0, 2.0, 5.0)),
    *({"retries": retries} for retries in (1, 1, 2, 5)),
    {"retries": 2, "deadline": 5.0},
    *({"operation": "fail", "retries": retries} for retries in (0, 0, 1)),
    *({"operation": "exhaust", "retries": retries} for retries in (0, 1, 2)),
    *({"operation": operation} for operation in sorted({*OPERATIONS} - {"echo", *NEVER})),
    {"operation": "stick", "deadline": 5.0},
    {"operation": "fail", "deadline": 2.0},
)


def _submit(menu: Menu, which: int) -> Command:
    return menu.new_task(_WISHES[which])


_WISHES_OF_SESSIONS: Final[tuple[dict[str, Any], ...]] = (
    *({} for _ in range(3)),
    {"deadline": 2.0},
    {"operation": "fail"},
    {"operation": "exhaust"},
)


def _submit_to_session(menu: Menu, which: int) -> Command | None:
    wishes, session = _WISHES_OF_SESSIONS[which // SESSIONS], menu.session(which)
    return None if session is None else menu.new_task({**wishes, "session": session})


def _open_session(menu: Menu, which: int) -> Command:
    if which not in menu.sessions:
        menu.sessions.append(which)
    return trace.OpenSession(which)


def _reopen(menu: Menu, which: int) -> Command | None:
    session = menu.session(which)
    return None if session is None else trace.Reopen(session)


def _close_session(menu: Menu, which: int) -> Command | None:
    session = menu.session(which)
    return None if session is None else trace.CloseSession(session)


def _cancel(menu: Menu, which: int) -> Command | None:
    task = menu.task(which)
    return None if task is None else trace.Cancel(task)


def _kill(menu: Menu, which: int) -> Command | None:
    task = menu.task(which)
    return None if task is None else trace.Kill(task)


def _divert(menu: Menu, which: int) -> Command | None:
    how = Elsewhere.REFUSED if which == 0 else Elsewhere.RUN
    return trace.Divert(menu.diverted[0], how) if menu.diverted else None


def _shutdown(menu: Menu, which: int) -> Command | None:
    # Little can happen afterwards, so it comes seldom, and late.
    return _SHUTDOWNS[which] if menu.tasks > 10 else None


_SHUTDOWNS: Final = (
    trace.Shutdown(),
    trace.Shutdown(grace=1.0),
    trace.Shutdown(cancel_waiting=True, grace=0.0),
)


def _crash(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.alive)
    return None if body is None else trace.Crash(body.number)


def _stop(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.condition is _RUNNING)
    return None if body is None else trace.Stop(body.number)


def _continue(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.condition is _STOPPED)
    return None if body is None else trace.Continue(body.number)


def _mangle(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, _sends_a_frame)
    return None if body is None else trace.Mangle(body.number, _HOWS[which % len(_HOWS)])


def _sends_a_frame(body: Body) -> bool:
    return bool(body.facts) and body.facts[0].kind in FRAMES and not body.facts[0].struck


def _garble(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.alive and bool(body.inbox))
    return None if body is None else trace.Garble(body.number, _TOWARDS[which % len(_TOWARDS)])


def _leave(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.running)
    return None if body is None else trace.Exit(body.number)


def _terminate(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.alive and body.condition is not _STOPPED)
    return None if body is None else trace.Exit(body.number, Way.TERMINATED)


def _die_reading(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.receptive)
    return None if body is None else trace.Exit(body.number, Way.READING)


def _swell(menu: Menu, which: int) -> Command | None:
    body = menu.body(which, lambda body: body.running and not body.heavy)
    return None if body is None else trace.Swell(body.number)


def _jump(menu: Menu, _: int) -> Command | None:
    # The clock of such a run is judged no more, so it comes late.
    return trace.Jump(60.0) if menu.tasks > 20 else None


def _next_start(_: Menu, which: int) -> Command:
    return trace.NextStart(_BAD_STARTS[which % len(_BAD_STARTS)])


_RUNNING, _STOPPED = Condition.RUNNING, Condition.STOPPED
_HOWS: Final = tuple(How)
_TOWARDS: Final = tuple(Toward)
_BAD_STARTS: Final = tuple(start for start in Start if start is not Start.NORMAL)

# How many bytes each kind of command has; a fair schedule has what is left.
SHARES: Final[tuple[tuple[Dish, int], ...]] = (
    (_deliver, 16),
    (_receive, 12),
    (_open, 12),
    (_divert, 4),
    (_advance, len(_SECONDS)),
    (_submit, len(_WISHES)),
    (_submit_to_session, SESSIONS * len(_WISHES_OF_SESSIONS)),
    (_open_session, SESSIONS),
    (_reopen, 3),
    (_close_session, 1),
    (_cancel, 6),
    (_kill, 4),
    (_shutdown, len(_SHUTDOWNS)),
    (_crash, 6),
    (_stop, 3),
    (_continue, 3),
    (_mangle, len(_HOWS)),
    (_garble, len(_TOWARDS)),
    (_leave, 3),
    (_terminate, 3),
    (_die_reading, 3),
    (_swell, 2),
    (_jump, 1),
    (_next_start, len(_BAD_STARTS)),
)


def _dishes(shares: Iterable[tuple[Dish, int]]) -> tuple[tuple[Dish, int], ...]:
    """What each byte stands for."""
    others = [(dish, which) for dish, count in shares for which in range(count)]
    fair = [(_fair, which) for which in range(BYTES - len(others))]
    return (*fair, *others)


DISHES: Final = _dishes(SHARES)

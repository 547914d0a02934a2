"""The space of the complete search: its states are those of the plain world, and no others."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from machines import trace
from machines.explore import body_form
from machines.explore.bounds import Bounds
from machines.explore.follow import Numbers
from machines.explore.names import Naming
from machines.explore.space import PoolSpace
from machines.run import Run
from machines.setting import Setting
from machines.trace import How

if TYPE_CHECKING:
    from machines.explore.step import Step

WIDE = Bounds(
    workers=2,
    sessions=2,
    tasks=4,
    faults=3,
    asks=3,
    overtakes=3,
    submits=(
        trace.Submit(0),
        trace.Submit(0, deadline=1.0, retries=1),
        trace.Submit(0, operation="fail", retries=1),
        trace.Submit(0, operation="exhaust", retries=2),
        trace.Submit(0, operation="stick", deadline=2.0),
    ),
    session_submits=(trace.Submit(0), trace.Submit(0, deadline=0.5)),
)
SETTINGS = (
    Setting(),
    Setting(tasks_max=2, queue_limit=1, strategy="fifo"),
    Setting(fallback=True, start_failures_max=1, openings_max=1, session_ttl=3.0),
    Setting(max_overflow=1, lazy=True, age_max=5.0, lost="backoff_retry"),
)

LONGEST = 150  # steps of a walk: where the clock goes on for ever, so could it


class Pair:
    """One run in both: in the space, and in a plain world beside it."""

    def __init__(self, bounds: Bounds, *, symmetric: bool) -> None:
        self.space = PoolSpace(bounds, symmetric=symmetric)
        self.state: Any = self.space.first()
        self.run = Run(self.space.setting)
        workers = {at: at for at in self.run.world.bodies}
        self.numbers = Numbers(({}, workers, {}), (0, len(workers), 0))

    def take(self, step: Step) -> bool:
        """The step is taken in both; whether the plain world offers it."""
        real = self.numbers.of(step.command)
        renaming = self.space.renamings(self.state, step)[0]
        self.numbers = self.numbers.after(step.command, renaming)
        self.state = step.state
        return self.run.do(real)

    def seen(self) -> tuple[Any, Any]:
        """Bodies and timers in both, by the run's numbers."""
        tasks, workers, sessions = self.numbers.maps
        naming = Naming(dict(tasks), dict(workers), dict(sessions))
        bodies = {
            workers[name]: body_form.rename(body, naming)
            for name, body in enumerate(self.space.bodies(self.state))
        }
        world = self.run.world
        plain = {
            number: body_form.freeze(copy.deepcopy(body))
            for number, body in world.bodies.items()
            if number in bodies
        }
        dues = sorted(
            (timer.kind.value, round(at - world.now, 6)) for timer, at in world.timers.items()
        )
        return (bodies, self.space.dues(self.state)), (plain, dues)


def _unambiguous(step: Step) -> bool:
    """The space lets one resolved task stand for all, so it may name another one than the world."""
    return not (isinstance(step.command, trace.Mangle) and step.command.how is How.ANOTHER)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(12))
def test_a_random_walk_shows_the_same_in_the_space_and_in_the_plain_world(
    setting: Setting, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a walk, not a secret
    pair = Pair(attrs.evolve(WIDE, setting=setting), symmetric=seed % 2 == 0)
    steps = pair.space.steps(pair.state)
    taken = 0
    while taken < LONGEST and (steps := [step for step in steps if _unambiguous(step)]):
        going_on = [one for one in steps if not isinstance(one.command, trace.Shutdown)]
        step = draw.choice(going_on or steps)
        assert step.violation is None, step
        assert pair.take(step), step.command
        here, there = pair.seen()
        assert here == there, step.command
        assert pair.run.violation is None
        taken += 1
        steps = list(pair.space.steps(pair.state))
    assert taken > 5
    assert steps or pair.space.ending(pair.state) is None

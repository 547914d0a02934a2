"""The engine of the complete search: breadth first, level by level, by one process or several.

The first way to a state that a search by levels finds is as short as any, so the first broken
promise has a shortest counterexample. What is counted depends on the space alone, not on how many
processes count, nor on how often they were stopped.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attrs import evolve, field, frozen

from machines.explore import checkpoint
from machines.explore.checkpoint import Checkpoint, CheckpointError
from machines.explore.crew import Crew, ShardLost, crew
from machines.explore.limits import Limits
from machines.explore.liveness import livelocks
from machines.explore.outcome import Counts, Finding, Outcome
from machines.explore.plan import SORTS, Plan
from machines.explore.trail import trail, walk
from machines.explore.wave import Broken, first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from machines.explore.step import Space, Step
    from machines.explore.wave import Wave


class Meter(Protocol):
    """Who is told how a search goes on."""

    def __call__(self, counts: Counts, expanded: int, seconds: float) -> None:
        """So far it has come, and so many states of the frontier are expanded after that."""


def _silent(counts: Counts, expanded: int, seconds: float) -> None:
    """Nobody is told."""
    del counts, expanded, seconds


@frozen
class Search:
    """A search that is asked for.

    Attributes:
        make: makes the space; importable, for it is called in every process.
        bounds: what is searched, in words: a checkpoint of other bounds is refused.
        processes: how many search.
        limits: beyond which it does not go on.
        memory_max: bytes of the frontier that are kept in memory.
        lively: whether fair cycles are looked for, too.
        folder: where it leaves checkpoints; None for none.
        resumed: whether it goes on from the checkpoint in the folder.
        meter: is told how it goes on.
    """

    make: Callable[[], Space]
    bounds: str = ""
    processes: int = 1
    limits: Limits = field(factory=Limits)
    memory_max: int = 1 << 28
    lively: bool = True
    folder: Path | None = None
    resumed: bool = False
    meter: Meter = _silent


def search(wanted: Search) -> Outcome:
    """The search has ended, at its end, at a finding or at a limit; what came of it is returned.

    Raises:
        CheckpointError: it cannot go on from the checkpoint, or the folder is not empty.
    """
    with ExitStack() as stack:
        folder = wanted.folder
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="poolcheck-explore-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        elif not wanted.resumed:
            _make_empty(folder)
        plan = Plan(
            wanted.make,
            folder,
            wanted.processes,
            wanted.memory_max,
            wanted.lively,
            kept=wanted.folder is not None,
        )
        return _Levels(wanted, plan).search()


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CheckpointError(f"{folder}: is not empty; a new search begins in an empty folder")


class _Levels:
    """One search while it goes on."""

    def __init__(self, wanted: Search, plan: Plan) -> None:
        self._wanted = wanted
        self._plan = plan
        self._bounds = f"{wanted.bounds}{', with fair cycles' * wanted.lively}"
        self._counts = Counts()
        self._level = 0
        self._files: dict[str, str] = {}
        self._code = checkpoint.code_digest() if plan.kept else ""
        self._why: str | None = None

    def search(self) -> Outcome:
        limits = self._wanted.limits
        found: tuple[Finding, ...] = ()
        unknown: str | None = None
        before = self._resumed() if self._wanted.resumed else None
        try:
            found, unknown = self._with_crew(before)
        except ShardLost as error:
            unknown = str(error)
        return Outcome(self._counts, found, unknown, limits.seconds)

    def _with_crew(self, before: Checkpoint | None) -> tuple[tuple[Finding, ...], str | None]:
        team = crew(self._plan, self._pulse)
        try:
            if before is None:
                new = sum(team.all("begin", 0))
                self._counts = Counts(orbits=new, frontier=new)
                self._keep()
            else:
                team.all("resume", self._level)
            broken = self._all_levels(team)
        finally:
            team.close()
        if broken:
            return tuple(self._finding(one) for one in broken), None
        if self._why is None and self._wanted.lively:
            return livelocks(self._plan, self._level, self._wanted.limits)
        return (), self._why

    def _all_levels(self, team: Crew) -> tuple[Broken, ...]:
        """Every level was expanded, or one that breaks a promise was the last."""
        limits = self._wanted.limits
        while self._counts.frontier:
            self._why = limits.reached(self._counts.orbits)
            if self._why is not None:
                return ()
            waves: list[Wave] = team.all("expand", self._level)
            if any(wave.halted for wave in waves):
                self._why = limits.reached(self._counts.orbits) or "it was stopped"
                return ()
            broken = first_of(waves)
            if broken:
                self._counts = _added(self._counts, waves)
                return broken
            new = sum(team.all("absorb", self._level))
            self._counts = _followed(_added(self._counts, waves), new)
            self._level += 1
            self._keep()
        return ()

    def _pulse(self, expanded: int) -> bool:
        limits = self._wanted.limits
        self._wanted.meter(self._counts, expanded, limits.seconds)
        return limits.reached(self._counts.orbits) is not None

    def _finding(self, broken: Broken) -> Finding:
        """The broken promise with the commands that lead there, by the names of that way."""
        space = self._plan.make()
        commands, state = walk(space, trail(self._plan, broken.source, self._level))
        sentence = broken.sentence
        if broken.more:
            step = _same(space.steps(state), broken)
            commands.append(step.command)
            sentence = step.violation.sentence if step.violation is not None else sentence
        elif (violation := space.ending(state)) is not None:
            sentence = violation.sentence
        return Finding(broken.promise, sentence, tuple(commands))

    # What is kept.

    def _resumed(self) -> Checkpoint:
        found = checkpoint.load(self._plan.folder, self._bounds)
        self._counts, self._level, self._files = found.counts, found.level, dict(found.files)
        for path in self._plan.folder.iterdir():
            if path.name.startswith(SORTS) and path.name not in self._files:
                path.unlink()  # of a level that was given up
        return found

    def _keep(self) -> None:
        """The checkpoint is as of the level that comes next."""
        plan, level = self._plan, self._level
        if not plan.kept:
            return
        new = [*plan.files("seen", level), *plan.files("frontier", level)]
        new += plan.files("fair", level - 1) if level else []
        old = plan.files("frontier", level - 1) if level else ()
        names = {path.name for path in old}
        self._files = {name: was for name, was in self._files.items() if name not in names}
        self._files |= checkpoint.sealed(new)
        now = Checkpoint(self._bounds, self._code, level, self._counts, self._files)
        checkpoint.save(plan.folder, now)
        for path in old:
            path.unlink(missing_ok=True)


def _same(steps: Sequence[Step], broken: Broken) -> Step:
    """The first step that breaks the promise."""
    return next(
        step
        for step in steps
        if step.violation is not None and step.violation.promise == broken.promise
    )


def _added(counts: Counts, waves: list[Wave]) -> Counts:
    """The level's states are expanded."""
    states = counts.states
    for wave in waves:
        states = None if states is None or wave.states is None else states + wave.states
    transitions = counts.transitions + sum(wave.transitions for wave in waves)
    return evolve(counts, states=states, transitions=transitions)


def _followed(counts: Counts, new: int) -> Counts:
    """The next level has so many states."""
    return evolve(
        counts,
        orbits=counts.orbits + new,
        frontier=new,
        depth=counts.depth + bool(new),
    )

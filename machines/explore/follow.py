"""Following: who is who along a path, where states give everybody new names at every step.

A space may name what is in a state by small numbers, the same for all states of an orbit; then it
says how a step has renamed (`renamings`). A trace wants the numbers of one run, which go on
counting; to be fair to everybody one must know who is who all round a cycle.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from machines.explore.step import Space, Step
    from machines.trace import Command

    # Tasks, workers and sessions, each by what it is called.
    Maps = tuple[Mapping[int, int], Mapping[int, int], Mapping[int, int]]

KINDS: Final = ("task", "worker", "session")
ATTEMPTS_MAX: Final = 256
SAME: Final[Maps] = ({}, {}, {})


class PathLost(Exception):
    """No step has this command; no error of a user's."""


def renamings(space: Space, state: Hashable, step: Step) -> Sequence[Maps] | None:
    """How the step may have renamed, what is likeliest first; None if nobody is ever renamed."""
    ask: Callable[[Hashable, Step], Sequence[Maps]] | None = getattr(space, "renamings", None)
    return None if ask is None else ask(state, step)


@frozen
class Numbers:
    """The numbers of one run, by the names of one state.

    Attributes:
        maps: of tasks, of workers and of sessions.
        following: which number comes next for each.
    """

    maps: Maps = SAME
    following: tuple[int, int, int] = (0, 0, 0)

    def of(self, command: Command) -> Command:
        """The command with the run's numbers."""
        changed: dict[str, Any] = {}
        for kind, known, new in zip(KINDS, self.maps, self.following, strict=True):
            name = getattr(command, kind, None)
            if name is not None:
                changed[kind] = known.get(name, new)
        return evolve(command, **changed)

    def after(self, command: Command, renaming: Maps) -> Numbers:
        """The numbers by the names that hold after a step; who is new is numbered in order."""
        maps, following = [], []
        for at, kind in enumerate(KINDS):
            known, new, renamed = self.maps[at], self.following[at], renaming[at]
            named = getattr(command, kind, None)  # though it may be gone again at once
            here = set(renamed) | (set() if named is None else {named})
            born = sorted(here - set(known))
            numbers = dict(known) | {name: new + more for more, name in enumerate(born)}
            maps.append({after: numbers[before] for before, after in renamed.items()})
            following.append(new + len(born))
        return Numbers(tuple(maps), tuple(following))  # type: ignore[arg-type]


def numbered(
    space: Space, workers: int, commands: Sequence[Command]
) -> Iterator[tuple[Command, ...]]:
    """The commands with the numbers of a run; where renaming was ambiguous, each way in turn.

    Args:
        space: whose names they have.
        workers: how many there are at the beginning.
        commands: a path from the first state.

    Raises:
        PathLost: they are no path.
    """
    path = list(followed(space, space.first(), commands))
    known = [renamings(space, state, step) for state, step in path]
    if any(choice is None for choice in known):
        yield tuple(commands)
        return
    every = itertools.product(*(choice or () for choice in known))
    for choices in itertools.islice(every, ATTEMPTS_MAX):
        numbers = Numbers(({}, {at: at for at in range(workers)}, {}), (0, workers, 0))
        found = []
        for command, choice in zip(commands, choices, strict=True):
            found.append(numbers.of(command))
            numbers = numbers.after(command, choice)
        yield tuple(found)


def followed(
    space: Space, state: Hashable, commands: Sequence[Command]
) -> Iterator[tuple[Hashable, Step]]:
    """Each state on the path with the step that is taken there.

    Raises:
        PathLost: a state has no step of that command.
    """
    for command in commands:
        every = [*space.steps(state), *space.fair(state)]  # what changes nothing may be fair only
        step = next((one for one in every if one.command == command), None)
        if step is None:
            raise PathLost(f"no step has the command {command}")
        yield state, step
        state = step.state


@frozen
class Labels:
    """A label for everybody in a state, kept as long as they are there; few labels do.

    Attributes:
        maps: of tasks, of workers and of sessions: pairs of name and label.
    """

    maps: tuple[tuple[tuple[int, int], ...], ...] = ((), (), ())

    def of(self, kind: str, name: int) -> int:
        """The label of who is called so in this state."""
        return dict(self.maps[KINDS.index(kind)]).get(name, name)

    def after(self, renaming: Maps) -> Labels:
        """The labels by the names that hold after a step; who is new has none that was in use."""
        maps = []
        for pairs, renamed in zip(self.maps, renaming, strict=True):
            known = dict(pairs)
            free = (at for at in itertools.count() if at not in known.values())
            labels = {
                name: known[name] if name in known else next(free) for name in sorted(renamed)
            }
            maps.append(tuple(sorted((after, labels[old]) for old, after in renamed.items())))
        return Labels(tuple(maps))


def labels_after(labels: Labels, space: Space, state: Hashable, step: Step) -> Labels:
    """The labels after a step."""
    maps = renamings(space, state, step)
    return labels if maps is None else labels.after(maps[0])

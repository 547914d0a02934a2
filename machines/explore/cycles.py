"""What can go round: of all fair steps, those that lie on a cycle, in bounded memory.

The fair steps from states that still promise something are on disk, as pairs of fingerprints, level
by level. Nearly all of them lead on and never back. Sweeps from the last level to the first leave
out what leads only to an end, sweeps from the first to the last what nothing comes round to; what
is left is small, or there is a livelock, or the space goes round in every state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import networkx as nx
import numpy as np

from machines.explore.visited import KIND, column, inside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from machines.explore.plan import Plan
    from machines.explore.visited import Prints

LEFT_MAX: Final = 1_000_000


class TooMany(Exception):
    """More steps may lie on cycles than can be looked at."""


def components(plan: Plan, levels: int) -> list[set[bytes]]:
    """The sets of states, by fingerprint, in which fair steps lead round; in a fixed order.

    Args:
        plan: the search's.
        levels: so many have fair steps on disk.

    Raises:
        TooMany: see there.
    """
    sources, targets = _on_cycles(plan, levels)
    graph: Any = nx.DiGraph()
    graph.add_edges_from(zip(_whole(sources), _whole(targets), strict=True))
    return round_in(graph)


def round_in(graph: Any) -> list[Any]:
    """The graph's strongly connected components in which an edge leads round, in a fixed order."""
    found = [
        part
        for part in nx.strongly_connected_components(graph)
        if len(part) > 1 or graph.has_edge(*(next(iter(part)),) * 2)
    ]
    return sorted(found, key=min)


def _on_cycles(plan: Plan, levels: int) -> tuple[Prints, Prints]:
    """The steps of which the sweeps leave something, by where they begin and where they end."""
    alive: Prints | None = None
    while True:
        kept = _sweep(plan, levels, alive)
        if not len(kept) or (alive is not None and len(kept) == len(alive)):
            break
        alive = kept
    alive = kept
    left = [_kept(plan, level, alive) for level in range(levels)]
    if sum(len(sources) for sources, _ in left) > LEFT_MAX:
        raise TooMany(f"more than {LEFT_MAX} fair steps may lie on cycles")
    sources = _joined(sources for sources, _ in left)
    targets = _joined(targets for _, targets in left)
    while len(sources):
        reached = inside(np.unique(targets), sources)
        if reached.all():
            break
        sources, targets = sources[reached], targets[reached]
    return sources, targets


def _sweep(plan: Plan, levels: int, alive: Prints | None) -> Prints:
    """The states with a fair step to one that is alive; all with any, if none are known yet.

    From the last level on, and what is dropped there is no longer alive for the levels before.
    """
    if alive is None:
        every = [column(_read(plan, level), 0) for level in range(levels)]
        return np.unique(_joined(every))
    dead = np.zeros(len(alive), np.bool_)
    for level in range(levels - 1, -1, -1):
        joined = _read(plan, level)
        sources, targets = column(joined, 0), column(joined, 1)
        if not len(sources):
            continue
        here = np.searchsorted(alive, sources)
        here[here == len(alive)] = 0
        known = alive[here] == sources
        there = np.searchsorted(alive, targets)
        there[there == len(alive)] = 0
        leads_on = (alive[there] == targets) & ~dead[there]
        dead[here[known]] = True
        dead[here[known & leads_on]] = False
    return alive[~dead]


def _kept(plan: Plan, level: int, alive: Prints) -> tuple[Prints, Prints]:
    joined = _read(plan, level)
    sources, targets = column(joined, 0), column(joined, 1)
    both = inside(alive, sources) & inside(alive, targets)
    return sources[both], targets[both]


def _read(plan: Plan, level: int) -> bytes:
    return b"".join(file.read_bytes() for file in plan.files("fair", level))


def _joined(several: Iterable[Prints]) -> Prints:
    parts = list(several)
    return np.concatenate(parts) if parts else np.zeros(0, KIND)


def _whole(prints: Prints) -> Iterable[bytes]:
    """As bytes of the full width, from which numpy leaves out zeros at the end."""
    width = prints.dtype.itemsize
    return (one.ljust(width, b"\0") for one in prints.tolist())

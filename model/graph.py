"""The specified lifecycles as graphs, to ask questions of: what can be reached, and how soon."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import networkx as nx

from model import breaker, session, task, worker
from model.moves import legal

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRSTS: Final = {
    "worker": worker.FIRST,
    "session": session.FIRST,
    "breaker": breaker.FIRST,
    "task": task.FIRST,
}
# Where each may rest for good; a breaker that is closed is where it was.
RESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "worker": (worker.LAST,),
    "session": (session.LAST,),
    "breaker": (breaker.FIRST,),
    "task": task.LAST,
}


def graph(of: str) -> nx.MultiDiGraph:
    """The table's graph is returned: its states, and an edge for each row, keyed by its reason.

    Args:
        of: `worker`, `session`, `breaker` or `task`.
    """
    drawn: nx.MultiDiGraph = nx.MultiDiGraph()
    drawn.add_node(FIRSTS[of])
    for what, before, because, after in legal():
        if what == of:
            drawn.add_edge(before, after, key=because)
    return drawn


def unreachable(of: str) -> list[str]:
    """The states to which no path leads from the first are returned, sorted."""
    return sorted(set(graph(of)) - set(ways(of)))


def unreachable_rows(of: str) -> list[tuple[str, str, str]]:
    """The rows that no path ever comes to are returned as (from, because, to), sorted."""
    reached = ways(of)
    edges = graph(of).edges(keys=True)
    return sorted((u, because, v) for u, v, because in edges if u not in reached)


def dead_ends(of: str) -> list[str]:
    """The states from which no path leads to where it may rest for good are returned, sorted.

    One that nothing leaves is among them, and so is a ring that nothing leads out of.
    """
    backwards = graph(of).reverse(copy=False)
    rests = [rest for rest in RESTS[of] if rest in backwards]
    alive = set().union(*(nx.single_source_shortest_path(backwards, rest) for rest in rests))
    return sorted(set(backwards) - alive)


def final(of: str) -> list[str]:
    """The states that nothing leaves are returned, sorted."""
    return sorted(node for node, degree in graph(of).out_degree() if degree == 0)


def ways(of: str) -> dict[str, list[str]]:
    """Of every reachable state the reasons that lead to it, the fewest there are, are returned.

    Among ways of one length it is the first in the table's order.
    """
    drawn = graph(of)
    paths = nx.single_source_shortest_path(drawn, FIRSTS[of])
    return {
        state: [next(iter(drawn[before][after])) for before, after in pairwise(path)]
        for state, path in paths.items()
    }

"""The specified lifecycles as graphs, to ask questions of: what can be reached, and how soon."""

from __future__ import annotations

from typing import Final

import networkx as nx

from model import breaker, session, task, worker
from model.moves import legal

FIRSTS: Final = {
    "worker": worker.FIRST,
    "session": session.FIRST,
    "breaker": breaker.FIRST,
    "task": task.FIRST,
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
    drawn = graph(of)
    return sorted(set(drawn) - set(nx.bfs_tree(drawn, FIRSTS[of])))


def final(of: str) -> list[str]:
    """The states that nothing leaves are returned, sorted."""
    return sorted(node for node, degree in graph(of).out_degree() if degree == 0)

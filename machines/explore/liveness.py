"""Liveness: whether a fair schedule can go round for ever while something promised never happens.

A schedule is fair if nobody who can act is passed over for ever: each worker's next frame is
delivered, its next order taken, each gate opened, the clock moved. So a set of states in which
steps lead round is a fair cycle if each of these actors acts in it, or cannot act somewhere in it;
then a run can go through all of it again and again. And if an actor can act everywhere in it, and
only ever by leaving it, then no fair run stays there.

States are kept by orbit, and an orbit does not say who is who; so a set in which orbits lead round
is walked through once more with everybody's own name, and judged by those.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import networkx as nx
from attrs import define, field, frozen

from machines.explore.cycles import TooMany, components, round_in
from machines.explore.follow import KINDS, Labels, labels_after
from machines.explore.outcome import Finding
from machines.explore.step import promise_of
from machines.explore.trail import trails, walk
from machines.explore.visited import print_of
from machines.trace import Advance, Jump

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from machines.explore.limits import Limits
    from machines.explore.plan import Plan
    from machines.explore.step import Space, Step
    from machines.trace import Command

# So many states with names for each orbit, and so many more, are walked through at most.
NAMES_MAX: Final = 48
MORE: Final = 1_000
CLOCK: Final = "the clock"
SOLE: Final = Labels()


def livelocks(plan: Plan, levels: int, limits: Limits) -> tuple[tuple[Finding, ...], str | None]:
    """For each promise the first fair cycle that keeps it owed; and why not all is known, if so.

    Args:
        plan: the search's, whose files are complete.
        levels: how many there are.
        limits: beyond which nothing is known.
    """
    try:
        parts = components(plan, levels)
    except TooMany as error:
        return (), str(error)
    space = plan.make()
    found: dict[str, Finding] = {}
    unknown: str | None = None
    nearest = trails(plan, set().union(*parts), levels)
    ways = [min((nearest[print_] for print_ in part), key=_length) for part in parts]
    for way, part in sorted(zip(ways, parts, strict=True), key=lambda both: _length(both[0])):
        unknown = limits.reached(0) or unknown
        if unknown or any(len(way) > len(one.commands) + 1 for one in found.values()):
            break  # what is found from here on is no shorter
        commands, state = walk(space, way)
        named = Named.of(space, state, part)
        if named is None:
            unknown = f"a cycle through {len(part)} states does not close with everybody's name"
            continue
        for promise in sorted(set().union(*named.promised.values()) - set(found)):
            loop = named.fair_loop(promise)
            if loop is not None:
                found[promise] = _finding(promise, commands, *loop)
    return tuple(found[promise] for promise in sorted(found)), unknown


def _length(way: list[bytes]) -> tuple[int, bytes]:
    return len(way), way[-1]


def _finding(
    promise: str, before: Sequence[Command], stem: list[Command], loop: list[Command]
) -> Finding:
    start = len(before) + len(stem)
    first, last = start + 1, start + len(loop)
    these = f"step {first} comes" if first == last else f"steps {first} to {last} come"
    sentence = f"{these} again and again, fair to everybody, and it is owed for ever"
    return Finding(promise, sentence, (*before, *stem, *loop), start)


def actor(command: Command, labels: Labels = SOLE) -> str:
    """Who acts by this command: the clock, or a worker or task in one of its ways."""
    if isinstance(command, Advance | Jump):
        return CLOCK
    for kind in KINDS:
        name = getattr(command, kind, None)
        if name is not None:
            return f"{command.do} {labels.of(kind, name)}"
    return command.do


@frozen
class Edge:
    """A fair step within the set."""

    source: int
    target: int
    command: Command
    who: str


@define
class Named:
    """A set of states in which fair steps lead round, with everybody's own name.

    Attributes:
        states: each, with its number.
        edges: the fair steps among them.
        able: who can act in each.
        promised: what is still owed in each.
    """

    states: dict[tuple[Hashable, Labels], int] = field(factory=dict)
    edges: list[Edge] = field(factory=list)
    able: dict[int, frozenset[str]] = field(factory=dict)
    promised: dict[int, frozenset[str]] = field(factory=dict)

    @classmethod
    def of(cls, space: Space, start: Hashable, orbits: set[bytes]) -> Named | None:
        """All that fair steps reach from a state within these orbits; None if it is no end."""
        self = cls({(start, Labels()): 0})
        most = NAMES_MAX * len(orbits) + MORE
        waiting: list[tuple[Hashable, Labels]] = [(start, Labels())]
        while waiting:
            state, labels = waiting.pop()
            number = self.states[state, labels]
            owed = space.fair(state)
            self.able[number] = frozenset(actor(step.command, labels) for step in owed)
            # Which task is owed has another name in every state; that one is, has not.
            self.promised[number] = frozenset(map(promise_of, space.promised(state)))
            for step in owed:
                if not _within(space, step, orbits):
                    continue
                after = step.state, labels_after(labels, space, state, step)
                if after not in self.states:
                    if len(self.states) >= most:
                        return None
                    self.states[after] = len(self.states)
                    waiting.append(after)
                who = actor(step.command, labels)
                self.edges.append(Edge(number, self.states[after], step.command, who))
        return self

    def fair_loop(self, promise: str) -> tuple[list[Command], list[Command]] | None:
        """The way to a fair cycle that keeps this owed, and once round it; None for none."""
        graph = self._graph(self.edges)
        ways: Any = nx.single_source_shortest_path(graph, 0)
        owing = [
            edge
            for edge in self.edges
            if promise in self.promised[edge.source] and promise in self.promised[edge.target]
        ]
        for part in round_in(self._graph(owing)):
            goals = self._goals(part, owing)
            if goals is not None:
                entry = min(part, key=lambda node: (len(ways[node]), node))
                inside = self._graph(e for e in owing if {e.source, e.target} <= part)
                return _commands(graph, ways[entry]), _tour(inside, entry, goals)
        return None

    def _goals(self, part: set[int], edges: list[Edge]) -> list[Goal] | None:
        """Where a way round must come by to be fair to everybody; None if it cannot be."""
        able_always = frozenset.intersection(*(self.able[node] for node in part))
        acts: dict[str, Edge] = {}
        for edge in edges:
            if edge.source in part and edge.target in part:
                acts.setdefault(edge.who, edge)
        if able_always - set(acts):
            return None
        goals = [Goal(acts[who].source, acts[who]) for who in sorted(able_always)]
        once = sorted(frozenset.union(*(self.able[node] for node in part)) - able_always)
        goals += [
            Goal(min(node for node in part if who not in self.able[node]), None) for who in once
        ]
        return goals

    @staticmethod
    def _graph(edges: Iterable[Edge]) -> Any:
        graph: Any = nx.DiGraph()
        graph.add_node(0)
        for edge in edges:
            if not graph.has_edge(edge.source, edge.target):
                graph.add_edge(edge.source, edge.target, command=edge.command)
        return graph


@frozen
class Goal:
    """A state that a way round must come by, and the step that it must take there, if any."""

    node: int
    edge: Edge | None


def _within(space: Space, step: Step, orbits: set[bytes]) -> bool:
    return step.violation is None and print_of(space, step.state) in orbits


def _tour(graph: Any, entry: int, goals: list[Goal]) -> list[Command]:
    """A way from the entry by every goal and back to it."""
    commands: list[Command] = []
    at = entry
    for goal in goals:
        commands += _commands(graph, nx.shortest_path(graph, at, goal.node))
        at = goal.node
        if goal.edge is not None:
            commands.append(goal.edge.command)
            at = goal.edge.target
    if at == entry and not commands:  # nobody is able all the time: any way round will do
        after = min(graph.successors(entry))
        commands += _commands(graph, [entry, after])
        at = after
    return commands + _commands(graph, nx.shortest_path(graph, at, entry))


def _commands(graph: Any, nodes: Sequence[int]) -> list[Command]:
    return [graph.edges[source, target]["command"] for source, target in itertools.pairwise(nodes)]

"""Linearizability: whether what clients saw of one object can be told as one story, in order.

An operation takes effect at one instant, its linearization point, between its invocation and its
answer. A history is linearizable if the points can be chosen so that the object, used by one client
in that order, gives every answer that was seen. An operation whose answer nobody knows may have
taken effect at any time after its invocation, or never.

The search goes through the invocations and answers as they came, and keeps every configuration the
object may be in: its state, and which of the open operations have taken effect. An operation is
made to take effect only when somebody must have seen it, at the answer of some operation (just in
time), and no configuration is looked at twice. So the answer at which none is left ends the
shortest prefix that no order explains.

Sources: M. Herlihy and J. Wing, Linearizability: a correctness condition for concurrent objects,
TOPLAS 1990; J. Wing and C. Gong, Testing and verifying concurrent objects, JPDC 1993; G. Lowe,
Testing for linearizability, CCPE 2017 (just-in-time linearization, memory of configurations).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import frozen

from model.checker import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    State = TypeVar("State", bound=Hashable)
    Step = Callable[[State, Any], tuple[State, Any]]

CONFIGURATIONS_MAX: Final = 200_000


@frozen
class Operation:
    """One operation as its client saw it.

    Attributes:
        call: what was asked of the object.
        invoked: when, in seconds.
        answered: when the answer had come; infinite if none ever did.
        result: the answer; `Unknown` if nobody knows whether it took effect.
    """

    call: Any
    invoked: float
    answered: float
    result: Any


class Unknown:
    """Stands for the answer that an operation would have had."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


@frozen
class Linearity:
    """What is known of a history.

    Attributes:
        verdict: `unknown` if the budget ran out first.
        refuted: of a history that is not linearizable the shortest prefix that is not either: the
            indices of the operations that were invoked by then, in that order. The last answer in
            it is that of `at`.
        at: the index of the operation whose answer nothing explains; None if there is none.
        configurations: how many were looked at.
    """

    verdict: Verdict
    refuted: tuple[int, ...] = ()
    at: int | None = None
    configurations: int = 0


def linearity(
    history: Sequence[Operation],
    step: Step[State],
    initial: State,
    *,
    configurations_max: int = CONFIGURATIONS_MAX,
) -> Linearity:
    """Whether the history is linearizable is returned.

    Args:
        history: operations on one object, in any order.
        step: the object: the state after a call, and the answer to it. Pure.
        initial: the object's state before the first call; states are compared and hashed.
        configurations_max: after so many the verdict is `unknown`.
    """
    search = _Search(history, step, configurations_max)
    open_: frozenset[int] = frozenset()
    kept: set[_Configuration] = {(initial, open_)}
    begun: list[int] = []
    for at, is_answer in _events(history):
        if not is_answer:
            begun.append(at)
            kept = {(state, pending | {at}) for state, pending in kept}
            continue
        found = search.past(at, kept)
        if found is None:
            return Linearity(Verdict.UNKNOWN, configurations=search.seen)
        if not found:
            return Linearity(Verdict.VIOLATED, tuple(begun), at, search.seen)
        kept = found
    return Linearity(Verdict.HOLDS, configurations=search.seen)


# A state, and the operations that were invoked and have not taken effect.
_Configuration = tuple[Any, frozenset[int]]


class _Search:
    """Looks for configurations in which an operation has taken effect.

    Attributes:
        seen: how many configurations were looked at so far.
    """

    def __init__(self, history: Sequence[Operation], step: Step[Any], most: int) -> None:
        self.seen = 0
        self._history = history
        self._step = step
        self._most = most

    def past(self, at: int, kept: set[_Configuration]) -> set[_Configuration] | None:
        """All that may be now that this operation has its answer; None if the budget ran out."""
        found: set[_Configuration] = set()
        known = set(kept)
        stack = list(kept)
        while stack:
            configuration = stack.pop()
            self.seen += 1
            if self.seen > self._most:
                return None
            if at not in configuration[1]:
                found.add(configuration)  # what else happens may happen later, just in time
                continue
            for after in self._after(configuration):
                if after not in known:
                    known.add(after)
                    stack.append(after)
        return found

    def _after(self, configuration: _Configuration) -> Iterator[_Configuration]:
        state, pending = configuration
        for at in sorted(pending):
            operation = self._history[at]
            after, result = self._step(state, operation.call)
            if operation.result is UNKNOWN or operation.result == result:
                yield after, pending - {at}


def _events(history: Sequence[Operation]) -> list[tuple[int, bool]]:
    """Each operation's invocation and known answer, in order of time: its index, and which it is.

    What was invoked at the very moment of another's answer counts as open at that time: intervals
    are closed, so no order is refuted that the clock did not show.
    """
    events = []
    for at, operation in enumerate(history):
        events.append((operation.invoked, False, at))
        if operation.result is not UNKNOWN and operation.answered < math.inf:
            events.append((operation.answered, True, at))
    return [(at, is_answer) for _, is_answer, at in sorted(events)]

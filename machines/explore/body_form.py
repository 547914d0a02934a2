"""How a worker's body is kept: its number apart, and how often tasks went in as a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from machines.body import Body, Condition, Fact, FactKind, Gate, Order, OrderKind
from machines.explore.form import (
    PLAIN,
    RESULT,
    SESSION,
    TASK,
    TASKS,
    Enumerated,
    Fields,
    Form,
    Maybe,
    Sequence,
    Table,
    queue,
)
from machines.explore.names import Kind
from machines.trace import FOREIGN
from pool.events import Reply

if TYPE_CHECKING:
    from machines.explore.names import Names, Naming


class _Numbered:
    """An order or a fact: what its number names depends on its kind.

    Args:
        fields: the rest of it.
        at: where among the fields the kind stands, and where the number.
        kinds: what the number names, by the kind's value; nothing where it is not there.
    """

    def __init__(self, fields: Form, at: tuple[int, int], kinds: dict[str, Kind]) -> None:
        self._fields = fields
        self._kind, self._number = at
        self._kinds = kinds

    def freeze(self, value: Any, now: float) -> Any:
        frozen = self._fields.freeze(value, now)
        if frozen[self._number] <= FOREIGN:
            return frozen
        foreign = list(frozen)  # it is none of any task's, whichever it is
        foreign[self._number] = FOREIGN
        return tuple(foreign)

    def thaw(self, frozen: Any) -> Any:
        return self._fields.thaw(frozen)

    def rename(self, frozen: Any, naming: Naming) -> Any:
        renamed = list(self._fields.rename(frozen, naming))
        kind = self._kinds.get(frozen[self._kind])
        if kind is not None:
            renamed[self._number] = naming.of(kind, frozen[self._number])
        return tuple(renamed)

    def meet(self, frozen: Any, names: Names) -> None:
        kind = self._kinds.get(frozen[self._kind])
        if kind is not None:
            names.meet(kind, frozen[self._number])
        self._fields.meet(frozen, names)


_ORDER: Final = _Numbered(
    Fields(
        lambda: Order.__new__(Order),
        {
            "kind": Enumerated(OrderKind),
            "number": PLAIN,
            "attempt": PLAIN,
            "operation": PLAIN,
            "session": SESSION,
            "opens": PLAIN,
            "ahead": PLAIN,
            "fatal": PLAIN,
        },
    ),
    (0, 1),
    {OrderKind.TASK.value: Kind.TASK, OrderKind.DROP.value: Kind.SESSION},
)
_FACT: Final = _Numbered(
    Fields(
        lambda: Fact.__new__(Fact),
        {
            "kind": Enumerated(FactKind),
            "task": PLAIN,
            "attempt": PLAIN,
            "reply": Enumerated(Reply),
            "value": RESULT,
            "code": PLAIN,
            "reason": PLAIN,
            "struck": PLAIN,
            "heavy": PLAIN,
        },
    ),
    (0, 1),
    {FactKind.REPLY.value: Kind.TASK},
)
_FIELDS: Final = Fields(
    lambda: Body(0),
    {
        "condition": Enumerated(Condition),
        "inbox": queue(_ORDER),
        "facts": queue(_FACT),
        "at_gate": Maybe(_ORDER),
        "gate": Enumerated(Gate),
        "sent": PLAIN,
        "skipped": TASKS,
        "marks": Table(SESSION, Sequence(TASK)),
        "found": Maybe(Sequence(TASK)),
        "heavy": PLAIN,
    },
)


def freeze(body: Body) -> Any:
    """The body as plain data; of what was sent and begun only the difference means anything."""
    body.sent -= body.begun
    body.begun = 0
    return _FIELDS.freeze(body, 0.0)


def thaw(frozen: Any, number: int) -> Body:
    """A fresh body of that worker is returned."""
    body: Body = _FIELDS.thaw(frozen)
    body.number = number
    return body


def rename(frozen: Any, naming: Naming) -> Any:
    """The same body with other names."""
    return _FIELDS.rename(frozen, naming)


def meet(frozen: Any, names: Names) -> None:
    """Every task and session that the body knows is met."""
    _FIELDS.meet(frozen, names)


def spoken_of(frozen: Any) -> set[int]:
    """The tasks that the body may still name to the core: in its inbox, at its gate, in replies."""
    _, inbox, facts, at_gate, _, _, skipped, *_ = frozen
    orders = [*inbox, *([] if at_gate is None else [at_gate])]
    found = {order[1] for order in orders if order[0] == OrderKind.TASK.value}
    found.update(fact[1] for fact in facts if fact[0] == FactKind.REPLY.value)
    found.update(skipped)
    return {task for task in found if 0 <= task < FOREIGN}


def sessions_in(frozen: Any) -> dict[int, tuple[int, ...]]:
    """The sessions that the body knows, with the tasks that left their mark there.

    First those of which its inbox and its gate tell, in that order; of the rest the order means
    nothing.
    """
    _, inbox, _, at_gate, _, _, _, marks, *_ = frozen
    left = dict(marks)
    found = {}
    for order in [*inbox, *([] if at_gate is None else [at_gate])]:
        session = order[1] if order[0] == OrderKind.DROP.value else order[4]
        if session is not None:
            found[session] = left.get(session, ())
    return found | left


def is_over(frozen: Any) -> bool:
    """Whether nothing will ever be heard of it."""
    return frozen[0] == Condition.REAPED.value and not frozen[2]

"""Swarm: in each run a random part of what clients ask for and of what goes wrong is left out.

Some bugs show only when something that usually undoes them is absent; so each run goes without
its own random choice of commands and faults. The schedule itself (what is delivered, received and
let on) is never left out, and neither is the plainest task, or nothing would happen at all.

Source: Groce et al., "Swarm Testing" (2012).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from hypothesis import strategies as st

from machines import trace
from machines.gate import Start
from machines.trace import COMMANDS, FAULTS, fault_of
from machines.workload import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines.trace import Command

_SCHEDULE: Final = (trace.Receive, trace.Open, trace.Deliver, trace.Continue, trace.Divert)
_PLAIN: Final = trace.Submit(0)


def name_of(command: Command) -> str:
    """What a command is called: a fault with its sort, a task with its operation."""
    if isinstance(command, trace.Submit):
        return f"{command.do}:{command.operation}"
    return fault_of(command) or command.do


def _names() -> Iterator[str]:
    """All that may be left out."""
    for kind in COMMANDS.values():
        if kind is trace.Submit:
            every = [f"{kind.do}:{operation}" for operation in sorted(OPERATIONS)]
            yield from (name for name in every if name != name_of(_PLAIN))
        elif kind in FAULTS:
            yield from _sorts(kind)
        elif kind not in _SCHEDULE:
            yield kind.do


def _sorts(fault: type[Command]) -> list[str]:
    how = attrs.fields_dict(fault).get("how")
    kind: Any = None if how is None else type(how.default)
    if kind is None:
        return [fault.do]
    return [f"{fault.do}:{sort.value}" for sort in kind if sort is not Start.NORMAL]


NAMES: Final[tuple[str, ...]] = tuple(_names())
_BYTES: Final = (len(NAMES) + 7) // 8


def of(mask: bytes) -> frozenset[str]:
    """The names whose bits are set; none for zeros.

    Args:
        mask: one bit for each name, the lowest bit of the first byte first.
    """
    bits = int.from_bytes(mask, "little")
    return frozenset(name for at, name in enumerate(NAMES) if bits >> at & 1)


_HALF: Final = st.binary(min_size=_BYTES, max_size=_BYTES).map(of)
_QUARTER: Final = st.tuples(_HALF, _HALF).map(lambda both: both[0] & both[1])
# What a run goes without; a failure is shrunk to nothing.
OFF: Final = st.just(frozenset[str]()) | _QUARTER | _HALF

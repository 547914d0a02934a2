"""A session's state as a sequential object: what one client, alone with it, would see.

The object is a sequence of numbers that can be read, appended to, and compared and set. It can be
lost, at any time and with all that is in it; from then on every operation is answered `LOST`, until
it is opened again, empty.
"""

from __future__ import annotations

from typing import Any, Final

LOST: Final = "lost"

State = tuple[int, ...] | None  # None once it was lost
EMPTY: Final[State] = ()


def step(state: State, call: tuple[Any, ...]) -> tuple[State, Any]:
    """The state after a call, and the answer to it, are returned.

    Args:
        state: the numbers, in order; None of a lost session.
        call: `("read",)`, `("append", number)`, `("cas", old, new)` with a sequence of numbers
            each, `("lose",)` or `("reopen",)`.
    """
    name, *values = call
    if name == "lose":
        return None, None
    if name == "reopen":
        return (() if state is None else state), None
    if state is None:
        return None, LOST
    if name == "append":
        return (*state, values[0]), len(state)
    if name == "cas":
        old, new = values
        return (tuple(new), True) if state == tuple(old) else (state, False)
    return state, state

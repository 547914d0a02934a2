"""Forks of the pool's process: what a child inherits and must let go of.

A child that is forked while a pool runs has copies of the pool's descriptors, but none of its
threads, and locks in whatever state they were. It must close the descriptors, or the workers would
not see their pool die, and must not touch the pool in any other way.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Inheritance(Protocol):
    """What holds something that a child must let go of."""

    def forked(self) -> None:
        """In the child, right after the fork: nothing of the parent's is held any more."""


# The interpreter offers no way to take such a hook back, so there is one, for whoever still lives.
_HOLDERS: Final[set[weakref.ref[Inheritance]]] = set()
_LOCK: Final = threading.RLock()


def barred() -> AbstractContextManager[bool]:
    """While this context lasts no other thread forks a child.

    It is for the moments between the making of descriptors and `tell_children`, and must not be
    held while this thread forks one.
    """
    return _LOCK


def tell_children(holder: Inheritance) -> None:
    """Every child that is forked while the holder lives will call its `forked`.

    Args:
        holder: kept weakly.
    """
    _HOLDERS.add(weakref.ref(holder, _HOLDERS.discard))


def _forked() -> None:
    # Written plainly: in a child every page that is touched is copied, and each function is on one.
    try:
        _tell(list(_HOLDERS))
    finally:
        _HOLDERS.clear()
        _LOCK.release()


def _tell(holders: list[weakref.ref[Inheritance]]) -> None:
    """Each has let go, also after another has raised."""
    try:
        while holders:
            holder = holders.pop()()
            if holder is not None:
                holder.forked()
    finally:
        if holders:
            _tell(holders)


os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_forked)

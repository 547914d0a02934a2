"""Garbage: what is there before a long search need not be looked through again and again in it."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_YOUNG: Final = 50_000  # so many values more, and the collector looks at what is new


@contextlib.contextmanager
def set_aside() -> Iterator[None]:
    """Python's collector passes over all that was there before, and looks less often.

    A run makes many small values that live to its end, and each full collection would go through
    every module and everything that Hypothesis keeps: a quarter of a search's time. Afterwards all
    is as it was.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

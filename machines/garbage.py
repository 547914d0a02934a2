"""Garbage: what is there before a long search need not be looked through again and again in it."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def set_aside() -> Iterator[None]:
    """Python's collector passes over all that was there before; afterwards it does not.

    A run makes many small values that live to its end, and each full collection would go through
    every module and everything that Hypothesis keeps: a quarter of a search's time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

"""Adoption: a descendant whose parent dies becomes this process's child, and is not lost sight of.

The kernel otherwise gives it to the first process of all, where nobody would look for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from multiprocessing import process
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SET: Final = 36  # PR_SET_CHILD_SUBREAPER, in <linux/prctl.h>
_GET: Final = 37


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """While this lasts orphaned descendants are this process's children, where there is Linux."""
    if not sys.platform.startswith("linux"):
        yield
        return
    control = ctypes.CDLL(None, use_errno=True).prctl
    before = ctypes.c_int(0)
    control(_GET, ctypes.byref(before), 0, 0, 0)
    control(_SET, 1, 0, 0, 0)
    try:
        yield
    finally:
        control(_SET, before.value, 0, 0, 0)


def reap(pids: Iterable[int]) -> None:
    """Those of them that are dead children of this process are dead for good.

    Args:
        pids: their numbers; what is no child, or lives, is left alone.
    """
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def reap_adopted(pids: Iterable[int]) -> None:
    """The same, but for those that this process started itself: whoever started one sees to it.

    A forkserver that dies leaves its workers to whoever adopts; when they are dead, too, nobody
    else will ever ask for them.

    Args:
        pids: their numbers.
    """
    own = {child.pid for child in process._children}  # type: ignore[attr-defined]  # noqa: SLF001
    reap(pid for pid in pids if pid not in own)

"""How much memory a process holds."""

from __future__ import annotations

import os
from typing import Final

MIB: Final = float(1 << 20)


def of(pid: int) -> dict[str, float]:
    """The resident set and, where psutil is installed, the unique set, in mebibytes.

    Args:
        pid: a live process of this user.

    Raises:
        OSError: there is no such process, or neither psutil nor `/proc`.
    """
    try:
        import psutil  # noqa: PLC0415 - imported late, so that no forked worker inherits it
    except ImportError:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return {"rss_mib": int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / MIB}
    sizes = psutil.Process(pid).memory_full_info()
    return {"rss_mib": sizes.rss / MIB, "uss_mib": sizes.uss / MIB}

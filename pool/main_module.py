"""The program's main module, imported once by the forkserver instead of once by each worker.

`multiprocessing` means to do that by itself (`__main__` is in its list of preloads), but in Python
3.11 and in the first releases of 3.12 and 3.13 the server is told the module's path under a name
that it does not look for, so every worker runs the program's imports again. Importing this module
in the forkserver, and calling `preload`, mends that; anywhere else it does nothing.

Source: CPython issue 126631.
"""

from __future__ import annotations

import contextlib
import json
import os
from multiprocessing import forkserver, process, spawn
from typing import Any, Final

VARIABLE: Final = "POOLCHECK_MAIN_MODULE"


def ensure_forkserver() -> None:
    """The forkserver runs; if it was started by this, it has imported the program's main module."""
    data = spawn.get_preparation_data("ignore")
    kept = {key: data[key] for key in _FIXES if key in data}
    os.environ[VARIABLE] = json.dumps(kept)
    try:
        forkserver.ensure_running()
    finally:
        del os.environ[VARIABLE]


def preload() -> None:
    """In the forkserver: the program's main module is imported, if the server was told of it.

    Called when all of the pool is imported, which the main module may want to use.
    """
    if _TOLD is None:
        return
    this: Any = process.current_process()
    # No process may be started by what is imported now; the server itself does it so.
    setattr(this, _MARK, True)
    try:
        for key, value in json.loads(_TOLD).items():
            with contextlib.suppress(BaseException):  # the worker will meet it, and tell
                _FIXES[key](value)
    finally:
        delattr(this, _MARK)


# Taken out of the environment at once, so that nothing that is started later inherits it.
_TOLD: Final = os.environ.pop(VARIABLE, None)
_MARK: Final = "_inheriting"
# How a worker is given the program's main module, by what it is told of it.
_FIXES: Final = {
    "init_main_from_path": getattr(spawn, "_fixup_main_from_path"),  # noqa: B009 - not public
    "init_main_from_name": getattr(spawn, "_fixup_main_from_name"),  # noqa: B009 - not public
}

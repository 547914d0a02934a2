"""What is private to an isolated instance, in its own process and in its workers.

Worker processes import this, so it imports nothing of weight.
"""

from __future__ import annotations

import os
import tempfile
from multiprocessing import process, shared_memory
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = "TMPDIR"


def take(folder: str, memory_prefix: str) -> Callable[[], None]:
    """Temporary files, semaphores and shared memory of this process are the instance's.

    Args:
        folder: where temporary files are made.
        memory_prefix: how names of semaphores and of shared memory begin.

    Returns:
        Makes all as it was.
    """
    config: dict[str, Any] = process.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    memory: Any = shared_memory
    before = tempfile.tempdir, os.environ.get(FOLDER), config.get("semprefix")
    segments = memory._SHM_NAME_PREFIX  # noqa: SLF001 - there is no public way

    def put_back() -> None:
        tempfile.tempdir = before[0]
        memory._SHM_NAME_PREFIX = segments  # noqa: SLF001 - as above
        _put(os.environ, FOLDER, before[1])
        _put(config, "semprefix", before[2])

    tempfile.tempdir = os.environ[FOLDER] = folder
    config["semprefix"] = f"/{memory_prefix}"
    memory._SHM_NAME_PREFIX = f"/{memory_prefix}"  # noqa: SLF001 - as above
    return put_back


def _put(where: Any, key: str, value: str | None) -> None:
    if value is None:
        where.pop(key, None)
    else:
        where[key] = value


def enter(
    folder: str,
    memory_prefix: str,
    tag: tuple[str, str],
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """This worker is the instance's, and its own initializer has run.

    Args:
        folder: as for `take`.
        memory_prefix: as for `take`.
        tag: the variable of the environment that says whose its processes are, and its value.
        initializer: the pool's own; None for none.
        initargs: its arguments.
    """
    take(folder, memory_prefix)
    os.environ[tag[0]] = tag[1]
    if initializer is not None:
        initializer(*initargs)

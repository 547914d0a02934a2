"""The flight recorder: the core's event log in a file, of which a killed process loses nothing.

Lines are written into mapped pages, which belong to the kernel from the moment they are written;
so a parent that is killed loses at most the line that it was writing. (A power failure is another
matter.) The file grows by whole windows, written full of null bytes before they are mapped, because
a full disk would otherwise kill the process that writes.

The log is bounded: when the file has become half as large as it may, it takes the place of the
older one beside it, and another is begun. So does what a former pool has left: whoever restarts
after a crash still has the record of the crash. For the format see `pool/record.py`.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import time
from typing import TYPE_CHECKING, Any, Final

from pool.events import Reply, ResultReceived, TaskSubmitted
from pool.record import (
    HEAD_BEGINS,
    RETURNED,
    SUBMITTED,
    Head,
    head_line,
    line_of,
    older_of,
    settings_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pool.config import PoolConfig
    from pool.effects import Effect

WINDOW_BYTES: Final = 1 << 18
_HAS_RETURNED: Final = Reply.RETURNED
_LOG: Final = logging.getLogger("pool")


class Recorder:
    """Writes what one core is told.

    Args:
        path: the file.
        bytes_max: the most that it and the older one beside it may hold together, but for the one
            line with which each is full.
        config: the pool's configuration.

    Raises:
        OSError: the file cannot be made or reserved, is being recorded to by another pool, or holds
            something that is no record.
    """

    def __init__(self, path: Path, bytes_max: int, config: PoolConfig) -> None:
        self._path = path.absolute()  # the program may change its folder
        half = bytes_max // 2
        self._window = min(
            WINDOW_BYTES, half // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        )
        self._windows_max = half // self._window
        self._run = f"{os.getpid()}-{time.time_ns()}"
        self._setting = settings_of(config)
        self._began, self._clock = time.time(), time.monotonic()
        self._segment = 0
        self._windows = 0
        self._file = -1
        self._map: mmap.mmap | None = None
        self._put: Callable[[bytes], object] = _nowhere
        try:
            _set_aside(self._path)
            self._begin_file()
        except OSError as error:
            words = f"cannot record there: {error.strerror}"
            raise type(error)(error.errno, words, str(path)) from error

    def told(self, event: Any, asked: Sequence[Effect], now: float) -> None:
        """The event is in the file; called under the desk's lock."""
        del asked
        kind = type(event)
        # Two lines are written for every task, nearly always these two: a third of the usual cost.
        if (
            kind is TaskSubmitted
            and event.deadline is None
            and event.session is None
            and event.retries == 0
        ):
            line = SUBMITTED % (now * 1e9, event.task)
        elif kind is ResultReceived and event.reply is _HAS_RETURNED and not event.heavy:
            facts = (now * 1e9, event.worker, event.task, event.attempt, len(event.payload))
            line = RETURNED % facts
        else:
            line = line_of(event, now)
        try:
            self._put(line)
        except ValueError:  # the rest of the window is too small
            self._put_further(line)

    def forked(self) -> None:
        """In a child of the pool's process nothing is written."""
        self._let_go()

    def close(self) -> None:
        """The file ends with its last line."""
        if self._map is not None:
            os.ftruncate(self._file, (self._windows - 1) * self._window + self._map.tell())
        self._let_go()

    def _put_further(self, line: bytes) -> None:
        """The line is written to this window and those after it, or begins another file."""
        try:
            if self._windows >= self._windows_max:
                self._begin_next_file()
            while line:
                assert self._map is not None  # noqa: S101 - there was a window that was too small
                here = self._window - self._map.tell()
                self._put(line[:here])
                line = line[here:]
                if line:
                    self._open_window()
        except OSError as error:
            _LOG.error("the flight recorder stops: %s: %s", self._path, error.strerror)
            self._let_go()

    def _begin_next_file(self) -> None:
        self.close()
        os.replace(self._path, older_of(self._path))
        self._segment += 1
        self._begin_file()

    def _begin_file(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            self._windows = 0
            self._open_window()
        except OSError:
            self._let_go()
            raise
        head = Head(self._run, self._segment, self._began, self._clock, self._setting)
        self._put(head_line(head))

    def _open_window(self) -> None:
        """The next window of the file is reserved and written to."""
        at = self._windows * self._window
        if os.pwrite(self._file, bytes(self._window), at) < self._window:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._map is not None:
            self._map.close()
        self._map = mmap.mmap(self._file, self._window, offset=at)
        self._put = self._map.write
        self._windows += 1

    def _let_go(self) -> None:
        self._put = _nowhere
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _set_aside(path: Path) -> None:
    """What a former pool recorded is in the older file.

    Raises:
        OSError: one of the files holds something that is no record, or is being recorded to.
    """
    begins = {file: _beginning(file) for file in (older_of(path), path)}
    for file, found in begins.items():
        if not HEAD_BEGINS.startswith(found):
            raise OSError(errno.EEXIST, f"{file.name} is no record")
    if begins[path] == HEAD_BEGINS:
        os.replace(path, older_of(path))


def _beginning(file: Path) -> bytes:
    """The first bytes of a file, which `HEAD_BEGINS` begins with if a recorder has made it.

    Raises:
        OSError: it cannot be read, or another pool is recording to it.
    """
    if not file.exists():
        return b""
    if not file.is_file():  # a pipe would block whoever opens it
        raise OSError(errno.EINVAL, f"{file.name} is no regular file")
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(error.errno, f"another pool is recording to {file.name}") from error
        return opened.read(len(HEAD_BEGINS)).rstrip(b"\0")


def _nowhere(_: bytes) -> None:
    """Nothing is recorded any more."""

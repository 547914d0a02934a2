"""The flight recorder: the core's event log in a file, of which a killed process loses nothing.

Lines are written into mapped pages, which belong to the kernel from the moment they are written;
so a parent that is killed loses at most the line that it was writing. The space is reserved before
it is mapped, because a full disk would otherwise kill the process that writes.

The log is bounded: when the file has become half as large as it may, it takes the place of the
older one beside it, and another is begun. For the format see `pool/record.py`.
"""

from __future__ import annotations

import logging
import mmap
import os
from typing import TYPE_CHECKING, Final

from pool.record import head_line, line_of, older_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pool.config import PoolConfig
    from pool.effects import Effect
    from pool.events import Event

WINDOW_BYTES: Final = 1 << 18
_LOG: Final = logging.getLogger("pool")


class Recorder:
    """Writes what one core is told.

    Args:
        path: the file; what it held is replaced.
        bytes_max: the most that it and the older one beside it may hold together.
        config: the pool's configuration, for the file's first line.

    Raises:
        OSError: the file cannot be made, or there is no room for it.
    """

    def __init__(self, path: Path, bytes_max: int, config: PoolConfig) -> None:
        self._path = path
        self._head = head_line(config)
        page = mmap.ALLOCATIONGRANULARITY
        half = bytes_max // 2
        self._window = max(page, min(WINDOW_BYTES, half // page * page))
        self._windows_max = max(1, half // self._window)
        self._windows = 0
        self._at = self._room = 0
        self._map: mmap.mmap | None = None
        self._file = -1
        older_of(path).unlink(missing_ok=True)
        self._begin()

    def told(self, event: Event, asked: Sequence[Effect], now: float) -> None:
        """The event is in the file; called under the loop's lock."""
        del asked
        if self._map is not None:
            self._write(line_of(event, now).encode())

    def deliver(self) -> None:
        """Nothing waits to be delivered."""

    def forked(self) -> None:
        """In a child of the pool's process nothing is written."""
        self._map = None
        self._close_file()

    def close(self) -> None:
        """The file ends with its last line."""
        if self._map is None:
            return
        self._map.close()
        self._map = None
        os.ftruncate(self._file, self._length())
        self._close_file()

    def _write(self, line: bytes) -> None:
        end = self._at + len(line)
        if end > self._room:
            if len(line) > self._window - len(self._head) or not self._make_room():
                return
            end = self._at + len(line)
        self._map[self._at : end] = line  # type: ignore[index]
        self._at = end

    def _make_room(self) -> bool:
        """Whether there is room for another line, in this file or a new one."""
        try:
            if self._windows < self._windows_max:
                self._open_window()
            else:
                self.close()
                os.replace(self._path, older_of(self._path))
                self._begin()
        except OSError as error:
            _LOG.exception("the flight recorder ends: %s", error.strerror or error)
            self.close()
            return False
        return True

    def _begin(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._windows = 0
        try:
            self._open_window()
        except OSError:
            self._close_file()
            raise
        self._write(self._head)

    def _open_window(self) -> None:
        start = self._windows * self._window
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file, start, self._window)
        else:
            os.ftruncate(self._file, start + self._window)
        self._map = mmap.mmap(self._file, self._window, offset=start)
        self._windows += 1
        self._at, self._room = 0, self._window

    def _length(self) -> int:
        return (self._windows - 1) * self._window + self._at

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

"""A spool: records that are written once and then read once, in memory or, beyond a bound, on disk.

The frontier of the search, and what its processes send each other, are spools.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom
    from pathlib import Path

_LENGTH: Final = struct.Struct("<I")
CHUNK: Final = 1 << 20


class Spool:
    """Records in the order in which they were added.

    Args:
        path: the file that takes what does not fit.
        memory_max: bytes that are kept in memory; 0 has every record in the file.
    """

    def __init__(self, path: Path, memory_max: int) -> None:
        self._path = path
        self._memory_max = memory_max
        self._kept: list[bytes] = []
        self._bytes = 0
        self._file: BufferedRandom | None = None
        self._made = False
        self.count = 0

    @property
    def spilled(self) -> bool:
        """Whether any of it is on disk."""
        return self._made

    def add(self, record: bytes) -> None:
        """The record is the last."""
        self.count += 1
        self._kept.append(record)
        self._bytes += len(record) + 40
        if self._bytes > (self._memory_max or CHUNK):
            self._write()

    def close(self) -> None:
        """Nothing more is added; what must be on disk is there."""
        if self._file is not None or not self._memory_max:
            self._write()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __iter__(self) -> Iterator[bytes]:
        if self._made:
            yield from read(self._path)
        yield from self._kept

    def _write(self) -> None:
        if self._file is None:
            self._file = self._path.open("wb+")
            self._made = True
        pack = _LENGTH.pack
        self._file.write(b"".join(pack(len(one)) + one for one in self._kept))
        self._kept.clear()
        self._bytes = 0

    def remove(self) -> None:
        """Nothing is left of it, in memory or on disk."""
        self.close()
        self._kept.clear()
        if self._made:
            self._path.unlink(missing_ok=True)


def read(path: Path) -> Iterator[bytes]:
    """The records of a closed spool that is on disk.

    Raises:
        ValueError: the file ends within a record.
    """
    with path.open("rb", buffering=CHUNK) as file:
        while head := file.read(_LENGTH.size):
            if len(head) == _LENGTH.size:
                (length,) = _LENGTH.unpack(head)
                record = file.read(length)
                if len(record) == length:
                    yield record
                    continue
            raise ValueError(f"{path} ends within a record")

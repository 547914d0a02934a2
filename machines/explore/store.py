"""The store: each thing that a state is made of is kept once, and known by a small number.

Numbers are local to a process and depend on what was met first; bytes are the same everywhere.
"""

from __future__ import annotations

import marshal
from typing import Any, Final

# The oldest version that knows sets of nothing but plain values: no references, so that equal
# values give equal bytes whoever made them; the same in every Python that the project runs on.
_VERSION: Final = 2


def to_bytes(plain: Any) -> bytes:
    """Plain data as bytes, equal only for equal data."""
    return marshal.dumps(plain, _VERSION)


def from_bytes(data: bytes) -> Any:
    """The plain data that these bytes were made of."""
    return marshal.loads(data)  # noqa: S302 - only what another process of this search has sent


class Store:
    """Frozen values, each with its number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.data: list[bytes] = []
        self._numbers: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self.values)

    def find(self, data: bytes) -> int | None:
        """The number of the value with these bytes; None if there is none yet."""
        return self._numbers.get(data)

    def number(self, value: Any) -> int:
        """The number of this value is returned."""
        return self._number(to_bytes(value), value)

    def number_of(self, data: bytes) -> int:
        """The number of the value with these bytes is returned."""
        known = self._numbers.get(data)
        return self._number(data, from_bytes(data)) if known is None else known

    def _number(self, data: bytes, value: Any) -> int:
        number = self._numbers.setdefault(data, len(self.values))
        if number == len(self.values):
            self.values.append(value)
            self.data.append(data)
        return number

"""An object that offers its buffer out of band, as numpy's arrays do."""

from __future__ import annotations

import pickle
from typing import Any


class Buffered:
    """Nothing but a buffer.

    Args:
        buffer: anything that has one.
    """

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        assert protocol == 5
        return Buffered, (pickle.PickleBuffer(self.buffer),)

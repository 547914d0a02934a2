"""The limits of a search beyond its bounds, and what may stop it; running out of one is no pass."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@define
class Limits:
    """How long a search may go on.

    Attributes:
        states_max: so many states are kept, and no further level is begun; None for any number.
        seconds_max: wall-clock seconds; None for any length.
        stopped: why it was told to stop; None if it was not.
    """

    states_max: int | None = None
    seconds_max: float | None = None
    stopped: str | None = None
    began: float = field(factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self.began

    def reached(self, states: int) -> str | None:
        """Why the search must not go on with so many states; None if it may."""
        if self.stopped is not None:
            return self.stopped
        if self.states_max is not None and states >= self.states_max:
            return f"it was to end at {self.states_max} states"
        if self.seconds_max is not None and self.seconds >= self.seconds_max:
            return f"it was to end after {self.seconds_max:g} s"
        return None

    @contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the search, in good order, while the block runs."""

        def stop(number: int, _: FrameType | None) -> None:
            self.stopped = f"it was stopped by {signal.Signals(number).name}"

        both = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, stop) for number in both]
        try:
            yield
        finally:
            for number, handler in zip(both, before, strict=True):
                signal.signal(number, handler)

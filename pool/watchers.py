"""Watchers: whoever is told every event that the core was told, and what it asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pool.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pool.config import PoolConfig
    from pool.effects import Effect
    from pool.events import Event


class Watcher(Protocol):
    """One who watches the production loop."""

    def told(self, event: Event, asked: Sequence[Effect], now: float) -> None:
        """The core has taken this event; called under the loop's lock.

        Args:
            event: what the core was told.
            asked: what it asked for.
            now: seconds of the loop's clock.
        """

    def forked(self) -> None:
        """In a child of the pool's process: nothing is written any more."""

    def close(self) -> None:
        """The pool has ended."""


def watchers_of(config: PoolConfig) -> tuple[Watcher, ...]:
    """Those that the configuration asks for.

    Args:
        config: the pool's configuration.
    """
    watchers: list[Watcher] = []
    if config.record is not None:
        watchers.append(Recorder(config.record, config.record_bytes_max, config))
    return tuple(watchers)

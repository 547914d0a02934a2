"""The plan of one search: what all its processes have in common, and where each keeps what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.explore.visited import HOME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from machines.explore.step import Space

# How the names of a search's files begin.
SORTS: Final = ("seen-", "frontier-", "fair-", "box")


@frozen
class Plan:
    """What all shards of a search have in common.

    Attributes:
        make: makes a space, the same in every process.
        folder: where the search keeps its files.
        shards: how many there are.
        memory_max: bytes of frontier and boxes that the search keeps in memory.
        lively: whether to keep what the search for fair cycles needs.
        kept: whether the frontier must be on disk at the end of each level.
    """

    make: Callable[[], Space]
    folder: Path
    shards: int = 1
    memory_max: int = 1 << 28
    lively: bool = True
    kept: bool = False

    def file(self, sort: str, level: int, shard: int) -> Path:
        """Where a shard keeps something of a level."""
        return self.folder / f"{sort}-{level:04}-{shard:02}"

    def files(self, sort: str, level: int) -> tuple[Path, ...]:
        """What the shards, however many they were, keep of a level."""
        return tuple(sorted(self.folder.glob(f"{sort}-{level:04}-*")))


def owner(print_: bytes, shards: int) -> int:
    """The shard to which the state of this fingerprint belongs."""
    return int.from_bytes(print_[:HOME], "little") % shards

"""The contestants: ours, the peers, and the floor below them all."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What a contestant is there for."""

    OURS = "ours"
    PEER = "peer"
    FLOOR = "floor"


@frozen
class Contestant:
    """One row of the table.

    Attributes:
        name: what `--contestants` takes.
        kind: what it is there for.
        module: what must be importable; None for what comes with Python.
    """

    name: str
    kind: Kind
    module: str | None = None

    @property
    def present(self) -> bool:
        """Whether it is installed; nothing of it is imported."""
        return self.module is None or importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """The installed version, Python's own for what comes with it."""
        if self.module is None:
            return platform.python_version()
        try:
            return importlib.metadata.version(DISTRIBUTIONS.get(self.module, self.module))
        except importlib.metadata.PackageNotFoundError:
            return "unknown"  # importable, but from no installed package


DISTRIBUTIONS: Final[Mapping[str, str]] = {"pool": "poolcheck"}
CONTESTANTS: Final = (
    Contestant("ours-fork", Kind.OURS, "pool"),
    Contestant("ours-forkserver", Kind.OURS, "pool"),
    Contestant("ppe-fork", Kind.PEER),
    Contestant("ppe-forkserver", Kind.PEER),
    Contestant("mp-pool", Kind.PEER),
    Contestant("loky", Kind.PEER, "loky"),
    Contestant("pebble", Kind.PEER, "pebble"),
    Contestant("mpire", Kind.PEER, "mpire"),
    Contestant("pipe", Kind.FLOOR),
    Contestant("socketpair", Kind.FLOOR),
)
BY_NAME: Final[Mapping[str, Contestant]] = {one.name: one for one in CONTESTANTS}

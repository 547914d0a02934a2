"""What `poolcheck explore` was asked for: the space, how it is searched, and against what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, evolve, field, frozen, validators

from machines.explore.bounds import Bounds
from machines.explore.found import Pool
from machines.explore.space import PoolSpace
from machines.mutants import BY_NAME
from machines.parts import POOL
from model.promises import PROMISES

if TYPE_CHECKING:
    from model.checker import Checker

SAVED = Path("artifacts/counterexamples")
PLANTED = Path("artifacts/reports/planted")


AMOUNTS: Final = ("workers", "sessions", "tasks", "faults", "asks", "overtakes")


@frozen
class Options:
    """All that is chosen.

    Attributes:
        bounds: how much there is of everything.
        symmetric: whether of states that differ in names alone one is kept.
        mutant: a planted bug's name; None for the pool as it is.
        promise: the only promise that is judged; None for all, or for a planted bug's own.
    """

    bounds: Bounds = field(factory=Bounds)
    symmetric: bool = True
    mutant: str | None = field(
        default=None, validator=validators.optional(validators.in_(sorted(BY_NAME)))
    )
    promise: str | None = None

    @property
    def promises(self) -> tuple[type[Checker], ...]:
        """What is judged: a planted bug's own promise must find it alone."""
        only = self.promise
        if only is None and self.mutant is not None:
            only = BY_NAME[self.mutant].promise
        return tuple(kind for kind in PROMISES if only is None or kind.promise == only)

    @property
    def pool(self) -> Pool:
        """Whose fault it is."""
        parts = POOL if self.mutant is None else BY_NAME[self.mutant].parts
        setting = evolve(self.bounds.setting, size=self.bounds.workers)
        return Pool(setting, parts, self.promises, self.mutant)

    @property
    def folder(self) -> Path:
        """Where counterexamples are saved: those of planted bugs apart."""
        return SAVED if self.mutant is None else PLANTED

    def space(self) -> PoolSpace:
        """A fresh space."""
        pool = self.pool
        return PoolSpace(self.bounds, pool.parts, promises=pool.promises, symmetric=self.symmetric)

    def facts(self) -> dict[str, Any]:
        """What is searched, as plain data."""
        amounts = {name: getattr(self.bounds, name) for name in AMOUNTS}
        return {
            **amounts,
            "symmetry": self.symmetric,
            "mutant": self.mutant,
            "promise": self.promise,
        }

    @property
    def words(self) -> str:
        """What is searched, in one line that says all of it."""
        whole = ", ".join(
            f"{name} {value}" for name, value in asdict(self.bounds, recurse=False).items()
        )
        return f"{whole}, symmetry {self.symmetric}, mutant {self.mutant}, promise {self.promise}"

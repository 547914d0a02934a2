"""The planted bugs: what the machines must find, or they are blind."""

from __future__ import annotations

from typing import Final

from machines.mutants.answers import ANSWERS
from machines.mutants.lives import LIVES
from machines.mutants.mutant import Mutant
from machines.mutants.pipes import PIPES
from machines.mutants.places import PLACES
from machines.mutants.sessions import SESSIONS
from machines.mutants.starving import STARVING
from machines.mutants.tasks import CANARY, TASKS
from machines.mutants.told import TOLD
from machines.mutants.waiting import ENDLESS, WAITING
from machines.mutants.workers import DEAF, WORKERS

MUTANTS: Final[tuple[Mutant, ...]] = (
    *TASKS,
    *ANSWERS,
    *SESSIONS,
    *PLACES,
    *STARVING,
    *WAITING,
    *WORKERS,
    *LIVES,
    *TOLD,
    *PIPES,
)
BY_NAME: Final[dict[str, Mutant]] = {m.name: m for m in (*MUTANTS, CANARY, DEAF, ENDLESS)}

__all__ = ["BY_NAME", "CANARY", "DEAF", "ENDLESS", "MUTANTS", "Mutant"]

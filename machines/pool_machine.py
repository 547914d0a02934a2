"""The whole pool as a Hypothesis machine: clients, sessions, schedule and nemesis on one pool."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from machines.clients import Clients, SessionClients
from machines.machine import Machine
from machines.nemesis import Nemesis
from machines.schedule import Schedule
from machines.swarm import OFF
from machines.trace import Setting

# What else of the configuration is chosen; what comes first is what a failure is shrunk to.
FLAVOURS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"prefetch": 2},
    {"openings_max": 1},
    {"session_ttl": 10.0},
    {"health_interval": 30.0},
    {"tasks_max": 2},
    {"age_max": 20.0},
    {"max_overflow": 2, "lazy": True},
    {"strategy": "fifo", "lost": "backoff_retry", "prefetch": 4},
    {"prefetch": 3, "health_interval": 30.0, "tasks_max": 3, "session_ttl": 10.0},
)


def setting_of(size: int, queue_limit: int | None, flavour: dict[str, Any]) -> Setting:
    """A setting of this flavour; where a worker starts only for a waiting task, one may wait."""
    if queue_limit == 0 and "max_overflow" in flavour:
        queue_limit = 1
    return Setting(size=size, queue_limit=queue_limit, **flavour)


class WholePool(Machine):
    """A pool of whatever flavour."""

    @initialize(
        size=st.integers(1, 3),
        queue_limit=st.none() | st.integers(0, 3),
        flavour=st.sampled_from(FLAVOURS),
        off=OFF,
    )
    def start(
        self, size: int, queue_limit: int | None, flavour: dict[str, Any], off: frozenset[str]
    ) -> None:
        """A fresh pool starts."""
        self.begin(setting_of(size, queue_limit, flavour), off)


class PoolMachine(WholePool, Clients, SessionClients, Schedule, Nemesis):
    """Everything at once."""

    share: ClassVar[float] = 0.4

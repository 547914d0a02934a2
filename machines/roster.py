"""The roster: every machine there is, the whole pool's first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.burst import BurstMachine
from machines.pool_machine import PoolMachine
from machines.test_one_worker import OneWorkerMachine
from machines.test_recovery import RecoveryMachine
from machines.test_sessions import SessionMachine
from machines.test_several_clients import SeveralClientsMachine
from machines.test_worker_lifecycle import LifecycleMachine

if TYPE_CHECKING:
    from machines.machine import Machine

MACHINES: Final[tuple[type[Machine], ...]] = (
    PoolMachine,
    BurstMachine,
    LifecycleMachine,
    SessionMachine,
    RecoveryMachine,
    OneWorkerMachine,
    SeveralClientsMachine,
)

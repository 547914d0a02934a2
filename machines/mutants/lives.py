"""Planted bugs in how workers start, live and end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool import effects as do
from pool.breaker import Breaker, BreakerBecause, BreakerState
from pool.core import Core
from pool.events import TimerKind
from pool.lifecycle import LIFECYCLE, Because, WorkerState
from pool.workers import BREAKER

if TYPE_CHECKING:
    from pool.config import PoolConfig
    from pool.events import WorkerExited
    from pool.state import Worker


class _IllnessOverlooked(Core):
    lifecycle = {  # noqa: RUF012 - an override of the core's own class variable
        **LIFECYCLE,
        WorkerState.BUSY: {
            **LIFECYCLE[WorkerState.BUSY],
            Because.RECOVERY_DEGRADE: (WorkerState.READY, ()),
        },
    }


class _HungStartForgotten(Core):
    def _spawn(self) -> None:
        super()._spawn()
        self._out[:] = [
            effect
            for effect in self._out
            if not (type(effect) is do.SetTimer and effect.timer.kind is TimerKind.INIT)
        ]


class _SpareStays(Core):
    def _retire_spare(self, worker: Worker) -> None:
        pass


class _NeverCools(Core):
    def _start_failed(self, detail: str, *, killed: bool) -> None:
        super()._start_failed(detail, killed=killed)
        self._out[:] = [
            effect
            for effect in self._out
            if not (type(effect) is do.SetTimer and effect.timer == BREAKER)
        ]


class _EverybodyProbes(Breaker):
    def admits(self, starting: int) -> bool:
        del starting
        return self.state is not BreakerState.OPEN


class _HalfOpenIsOpen(Core):
    def __init__(self, config: PoolConfig, *, watched: bool = True) -> None:
        super().__init__(config, watched=watched)
        self.breaker = _EverybodyProbes(config.breaker)


class _OneFailureMore(Breaker):
    def failed(self, *, killed: bool = False) -> BreakerBecause | None:
        because = super().failed(killed=killed)
        due = self.failures > self.policy.failures_max
        return because if due or because is not BreakerBecause.TRIPPED else None


class _OneFailureTooMany(Core):
    def __init__(self, config: PoolConfig, *, watched: bool = True) -> None:
        super().__init__(config, watched=watched)
        self.breaker = _OneFailureMore(config.breaker)


class _GraceUponGrace(Core):
    def _bound_shutdown(self, grace: float) -> None:
        super()._bound_shutdown(grace + self.config.grace)


class _StopUnbounded(Core):
    def _stop(self, worker: Worker) -> None:
        self._out.append(do.StopWorker(worker.number))


class _ExitIsTheEnd(Core):
    def _worker_exited(self, event: WorkerExited) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None and worker.state is WorkerState.TERMINATING:
            self._reaped(worker)
        else:
            super()._worker_exited(event)


LIVES: Final = (
    Mutant(
        "illness-overlooked",
        "S8",
        "a worker whose task ran out of a resource is ready at once",
        Parts(core=_IllnessOverlooked),
    ),
    Mutant(
        "hung-start-forgotten",
        "L2",
        "nothing bounds how long a worker takes to start",
        Parts(core=_HungStartForgotten),
    ),
    Mutant(
        "spare-stays",
        "L2",
        "a worker beyond the pool's size never goes",
        Parts(core=_SpareStays),
    ),
    Mutant(
        "never-cools",
        "L2",
        "an open breaker stays open",
        Parts(core=_NeverCools),
    ),
    Mutant(
        "everybody-probes",
        "S12",
        "a half-open breaker lets everybody through",
        Parts(core=_HalfOpenIsOpen),
    ),
    Mutant(
        "one-failure-too-many",
        "S12",
        "the breaker opens one failed start too late",
        Parts(core=_OneFailureTooMany),
    ),
    Mutant(
        "grace-upon-grace",
        "L3",
        "a shutdown's own grace is added to the configured one",
        Parts(core=_GraceUponGrace),
    ),
    Mutant(
        "stop-unbounded",
        "L3",
        "a worker that was told to end and does not is never killed",
        Parts(core=_StopUnbounded),
    ),
    Mutant(
        "exit-is-the-end",
        "S13",
        "a worker that ends as it was told is never reaped",
        Parts(core=_ExitIsTheEnd),
    ),
)

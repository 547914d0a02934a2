"""Planted bugs in what becomes of workers, of deadlines and of the pool's end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines import gate
from machines.drivers.driver import Layer
from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.breaker import Breaker
from pool.core import Core
from pool.effects import Ending, PoolClosed, ResultDropped
from pool.frames import FrameDecoder
from pool.lifecycle import LIFECYCLE, Because, WorkerState
from pool.state import Phase, Task, Worker

if TYPE_CHECKING:
    from pool.config import PoolConfig
    from pool.events import HealthReported, ResultReceived
    from pool.frames import Buffer


class _SkipsReaping(Core):
    lifecycle = {  # noqa: RUF012 - an override of the core's own class variable
        **LIFECYCLE,
        WorkerState.BUSY: {
            **LIFECYCLE[WorkerState.BUSY],
            Because.EXITED: (WorkerState.TERMINATED, ()),
        },
    }


class _NeverReplaced(Core):
    def _staff_up(self) -> None:
        if self.started < self.config.size:
            super()._staff_up()


class _ReplacedTooEarly(Core):
    def _kill(self, worker: Worker) -> None:
        if self.phase is Phase.OPEN and len(self.workers) == self.config.size:
            self._spawn()
        super()._kill(worker)


class _DeadlineKillsTheWrongWorker(Core):
    def _deadline_passed(self, task: Task) -> None:
        busy = [w for w in self.workers.values() if w.task is not None and w is not task.worker]
        if task.worker is None or not busy:
            super()._deadline_passed(task)
            return
        self._resolve(task, Ending.TIMEOUT)
        self._lose_worker(busy[0], Because.TIMEOUT, "a deadline passed")


class _DeadlineOnlyWhileWaiting(Core):
    def _deadline_passed(self, task: Task) -> None:
        if task.worker is None:
            super()._deadline_passed(task)


class _EndsBeforeItsWorkers(Core):
    def _advance_phase(self) -> None:
        super()._advance_phase()
        ending = all(w.state is WorkerState.TERMINATING for w in self.workers.values())
        if self.phase is Phase.CLOSING and not self.tasks and ending:
            self.phase = Phase.CLOSED
            self._out.append(PoolClosed())


class _GraceNeverEnds(Core):
    def _bound_shutdown(self, grace: float) -> None:
        pass


class _ForeignReplyIgnored(Core):
    def _result_received(self, event: ResultReceived) -> None:
        worker = self.workers.get(event.worker)
        task = worker.task if worker is not None else None
        if task is not None and task.number == event.task:
            super()._result_received(event)
        else:
            self._out.append(ResultDropped(event.worker, event.task, event.attempt))


class _SecondReportIgnored(Core):
    def _health_reported(self, event: HealthReported) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None:
            worker.answered = 0
        super()._health_reported(event)


class _TrustingDecoder(FrameDecoder):
    def _verify_payload(self, payload: Buffer, crc: int) -> None:
        pass


class _DeafBreaker(Breaker):
    def admits(self, starting: int) -> bool:
        del starting
        return not self.exhausted


class _OpenBreakerAdmits(Core):
    def __init__(self, config: PoolConfig, *, watched: bool = True) -> None:
        super().__init__(config, watched=watched)
        self.breaker = _DeafBreaker(config.breaker)


WORKERS: Final = (
    Mutant(
        "skips-reaping",
        "S8",
        "a busy worker that exits counts as terminated before it is reaped",
        Parts(core=_SkipsReaping),
    ),
    Mutant(
        "never-replaced",
        "L2",
        "a worker that is gone is not replaced",
        Parts(core=_NeverReplaced),
    ),
    Mutant(
        "replaced-too-early",
        "S9",
        "a replacement is started before the old process is dead",
        Parts(core=_ReplacedTooEarly),
    ),
    Mutant(
        "deadline-kills-the-wrong-worker",
        "S10",
        "a deadline ends another task's worker",
        Parts(core=_DeadlineKillsTheWrongWorker),
    ),
    Mutant(
        "deadline-only-while-waiting",
        "S10",
        "a task that runs has no deadline any more",
        Parts(core=_DeadlineOnlyWhileWaiting),
    ),
    Mutant(
        "open-breaker-admits",
        "S12",
        "workers are started though the breaker is open",
        Parts(core=_OpenBreakerAdmits),
    ),
    Mutant(
        "ends-before-its-workers",
        "S13",
        "shutdown is said to be complete while a process lives",
        Parts(core=_EndsBeforeItsWorkers),
    ),
    Mutant(
        "grace-never-ends",
        "L3",
        "shutdown waits for ever for a worker that does not end",
        Parts(core=_GraceNeverEnds),
    ),
    Mutant(
        "foreign-reply-ignored",
        "S14",
        "a worker that answers a task it does not hold is kept",
        Parts(core=_ForeignReplyIgnored),
    ),
    Mutant(
        "second-report-ignored",
        "S14",
        "a worker that answers a health check twice is kept",
        Parts(core=_SecondReportIgnored),
    ),
    Mutant(
        "trusting-decoder",
        "S14",
        "a payload's checksum is not verified",
        Parts(decoder=_TrustingDecoder),
        Layer.WIRE,
    ),
)

DEAF: Final = Mutant(
    "deaf-worker",
    "L2",
    "a worker's process starts and never says anything; on `real` every replay diverges",
    Parts(body=gate.never_arrive),
    Layer.REAL,
)

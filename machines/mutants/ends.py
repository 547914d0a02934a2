"""Planted bugs in how things end: tasks, shutdown, the breaker, and worker processes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs

from machines.drivers.driver import Layer
from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.breaker import Breaker, BreakerState
from pool.core import Core
from pool.effects import SendTask, SetTimer
from pool.events import TimerKind
from pool.lifecycle import LIFECYCLE, Because, WorkerState
from pool.worker import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pool.config import PoolConfig
    from pool.events import CancelRequested, ResultReceived
    from pool.frames import Frame, Kind, Payload
    from pool.lifecycle import Row
    from pool.recovery import Category
    from pool.state import Task, Worker


class _RestsForEver(Core):
    def _try_again(self, task: Task, category: Category, *, started: bool) -> bool:
        tried = super()._try_again(task, category, started=started)
        self._out[:] = [
            asked
            for asked in self._out
            if not (isinstance(asked, SetTimer) and asked.timer.kind is TimerKind.RETRY)
        ]
        return tried


class _NeverCools(Core):
    def _breaker_cooled(self) -> None:
        pass


class _LeavesTheIdle(Core):
    def _retire(self, worker: Worker) -> None:
        if worker.state is not WorkerState.DEGRADED:
            super()._retire(worker)


class _OneReplyLate(Core):
    def __init__(self, config: PoolConfig, *, watched: bool = True) -> None:
        super().__init__(config, watched=watched)
        self._last: dict[int, Any] = {}

    def _result_received(self, event: ResultReceived) -> None:
        last = self._last.get(event.worker, event.payload)
        self._last[event.worker] = event.payload
        super()._result_received(attrs.evolve(event, payload=last))


class _SendsWithoutToken(Core):
    def _send_ahead(self, worker: Worker) -> None:
        super()._send_ahead(worker)
        self._out[:] = [
            attrs.evolve(sent, ahead=False) if isinstance(sent, SendTask) else sent
            for sent in self._out
        ]


class _OpensEveryTime(Core):
    def _send(self, worker: Worker) -> None:
        super()._send(worker)
        sent = self._out[-1]
        if isinstance(sent, SendTask) and sent.session is not None:
            self._out[-1] = attrs.evolve(sent, opens=True)


_ILL_AT_ERRORS: Final = {**LIFECYCLE[WorkerState.BUSY]}
_ILL_AT_ERRORS[Because.CHECKIN_ERROR] = (WorkerState.DEGRADED, ())


class _IllAtErrors(Core):
    lifecycle: ClassVar[Mapping[WorkerState, Mapping[Because, Row]]] = MappingProxyType(
        {**LIFECYCLE, WorkerState.BUSY: _ILL_AT_ERRORS}
    )


class _CancelledBackInLine(Core):
    def _cancel_requested(self, event: CancelRequested) -> None:
        task = self.tasks.get(event.task)
        queue = None if task is None or task.session is None else task.place
        super()._cancel_requested(event)
        if task is not None and queue is not None and event.task not in self.tasks:
            self.tasks[event.task] = queue[event.task] = task
            task.place = queue


class _OneProbeMore(Breaker):
    def admits(self, starting: int) -> bool:
        if self.state is BreakerState.HALF_OPEN:
            return starting <= self.policy.probes_max
        return super().admits(starting)


class _HalfOpenLetsTwoThrough(Core):
    def __init__(self, config: PoolConfig, *, watched: bool = True) -> None:
        super().__init__(config, watched=watched)
        self.breaker = _OneProbeMore(config.breaker)


class _ForgetsTheStarting(Core):
    def _retire(self, worker: Worker) -> None:
        starting = worker.state is WorkerState.INITIALIZING
        super()._retire(worker)
        if starting:
            del self.workers[worker.number]


class _AnswersTheOneBefore(Server):
    _before: tuple[Kind, Payload] | None = None

    def _outcome(self, frame: Frame) -> tuple[Kind, Payload]:
        before, self._before = self._before, super()._outcome(frame)
        return before or self._before


class _OneStateForAll(Server):
    def _state(self, frame: Frame) -> dict[Any, Any]:
        return super()._state(frame) if not self._states else next(iter(self._states.values()))


ENDS: Final = (
    Mutant(
        "rests-for-ever",
        "L1",
        "nobody wakes a task that backs off",
        Parts(core=_RestsForEver),
    ),
    Mutant("never-cools", "L2", "a breaker that opened stays open", Parts(core=_NeverCools)),
    Mutant(
        "leaves-the-unwell",
        "L3",
        "shutdown tells a degraded worker nothing",
        Parts(core=_LeavesTheIdle),
    ),
    Mutant(
        "one-reply-late",
        "S2",
        "a task is answered with what its worker said before",
        Parts(core=_OneReplyLate),
    ),
    Mutant(
        "sends-without-token",
        "S4",
        "a task that is sent ahead cannot be taken back",
        Parts(core=_SendsWithoutToken),
    ),
    Mutant(
        "opens-every-time",
        "S6",
        "each task of a session finds an empty state",
        Parts(core=_OpensEveryTime),
    ),
    Mutant(
        "ill-at-errors",
        "S8",
        "a task that raises makes its worker degraded",
        Parts(core=_IllAtErrors),
    ),
    Mutant(
        "cancelled-back-in-line",
        "S11",
        "a cancelled task of a session stays in its worker's line",
        Parts(core=_CancelledBackInLine),
    ),
    Mutant(
        "one-probe-more",
        "S12",
        "a half-open breaker lets one start more through",
        Parts(core=_HalfOpenLetsTwoThrough),
    ),
    Mutant(
        "forgets-the-starting",
        "S13",
        "a pool that is shut down does not wait for workers that still start",
        Parts(core=_ForgetsTheStarting),
    ),
    Mutant(
        "answers-the-one-before",
        "S2",
        "the worker's loop answers each task with what the one before returned",
        Parts(server=_AnswersTheOneBefore),
        Layer.WIRE,
    ),
    Mutant(
        "one-state-for-all",
        "S2",
        "the worker's loop hands every session the same state",
        Parts(server=_OneStateForAll),
        Layer.WIRE,
    ),
)

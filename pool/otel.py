"""OpenTelemetry: what happens in a pool as metrics, and each task as a span; the extra `otel`.

    Pool(telemetry=OpenTelemetry())

It needs `opentelemetry-api`; without a configured provider every call leads nowhere.
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context
except ImportError as error:
    raise ImportError("pool.otel needs opentelemetry-api: pip install poolcheck[otel]") from error

from pool.effects import Ending
from pool.lifecycle import WorkerState
from pool.sessions import SessionState
from pool.telemetry import (
    BreakerMoved,
    FactsMissed,
    RetryPlanned,
    SessionMoved,
    TaskFailedOver,
    TaskRefused,
    TasksResolved,
    Trouble,
    WorkerMoved,
    WorkerStarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pool.telemetry import TaskDone, TelemetryEvent

SCOPE: Final = "poolcheck.pool"
NANOSECONDS: Final = 1_000_000_000
# A worker's moves to `busy` and back come with its tasks and are not told.
STANDING: Final[Mapping[WorkerState, str]] = MappingProxyType(
    {
        WorkerState.INITIALIZING: "starting",
        WorkerState.READY: "serving",
        WorkerState.BUSY: "serving",
        WorkerState.DEGRADED: "degraded",
        WorkerState.TERMINATING: "ending",
    }
)


class OpenTelemetry:
    """A telemetry callback that feeds a meter and a tracer.

    Args:
        meter_provider: whose meter; None for the global one.
        tracer_provider: whose tracer; None for the global one. A span for each task costs several
            times as much as a short task; `trace.NoOpTracerProvider()` makes none.
    """

    def __init__(
        self,
        meter_provider: metrics.MeterProvider | None = None,
        tracer_provider: trace.TracerProvider | None = None,
    ) -> None:
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._tasks = meter.create_counter("pool.tasks", "{task}", "Tasks that have resolved")
        self._waited = meter.create_histogram(
            "pool.task.wait", "s", "From a task's submit until it was started or ended without"
        )
        self._ran = meter.create_histogram(
            "pool.task.duration", "s", "From a task's start until it ended"
        )
        self._refused = meter.create_counter("pool.tasks.refused", "{task}", "Refused submits")
        self._retries = meter.create_counter("pool.retries", "{retry}", "Tasks handed out again")
        self._failovers = meter.create_counter(
            "pool.failovers", "{task}", "Tasks given to the fallback executor"
        )
        self._workers = meter.create_up_down_counter(
            "pool.workers", "{worker}", "Live workers, by where in their life they are"
        )
        self._started = meter.create_counter("pool.workers.started", "{worker}", "Started workers")
        self._troubles = meter.create_counter("pool.troubles", "{trouble}", "Failures of workers")
        self._lost = meter.create_counter(
            "pool.sessions.lost", "{session}", "Sessions whose state was lost with their worker"
        )
        self._breaker = meter.create_counter("pool.breaker.moves", "{move}", "The breaker's moves")
        self._missed = meter.create_counter("pool.facts.missed", "{fact}", "Facts nobody was told")
        self._handlers: dict[type, Callable[[Any], None]] = {
            TasksResolved: self._tasks_resolved,
            TaskRefused: lambda it: self._refused.add(1, {"why": it.why.value}),
            RetryPlanned: lambda it: self._retries.add(1, {"strategy": it.strategy.value}),
            TaskFailedOver: lambda _: self._failovers.add(1),
            WorkerStarted: self._worker_started,
            WorkerMoved: self._worker_moved,
            Trouble: self._trouble,
            SessionMoved: self._session_moved,
            BreakerMoved: lambda it: self._breaker.add(1, {"to": it.after.value}),
            FactsMissed: lambda it: self._missed.add(it.count),
        }

    def __call__(self, event: TelemetryEvent) -> None:
        """The event is counted, and of each task that resolved there is a span."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(event)

    def _tasks_resolved(self, event: TasksResolved) -> None:
        # Anew each time: the clocks drift apart, and one of them stops while the machine sleeps.
        epoch = time.time_ns() - time.monotonic_ns()
        for done in event.tasks:
            attributes = {"ending": done.ending.value, "function": done.function}
            self._tasks.add(1, attributes)
            self._waited.record(done.waited, attributes)
            if done.ran is not None:
                self._ran.record(done.ran, attributes)
            self._span(done, epoch)

    def _span(self, done: TaskDone, epoch: int) -> None:
        """A span from the task's submit to its end, with an event when it was started."""
        span = self._tracer.start_span(
            done.function,
            context=Context(),  # whoever happens to deliver is not its parent
            start_time=epoch + int(done.submitted_at * NANOSECONDS),
        )
        if not span.is_recording():
            return
        facts = {
            "pool.task": done.task,
            "pool.worker": done.worker,
            "pool.session": None if done.session is None else str(done.session),
            "pool.ending": done.ending.value,
            "pool.attempt": done.attempt,
        }
        span.set_attributes({name: value for name, value in facts.items() if value is not None})
        if done.started_at is not None:
            span.add_event("started", timestamp=epoch + int(done.started_at * NANOSECONDS))
        if done.ending not in (Ending.RETURNED, Ending.CANCELLED):
            span.set_status(trace.StatusCode.ERROR, done.ending.value)
        span.end(epoch + int(done.ended_at * NANOSECONDS))

    def _worker_started(self, _: WorkerStarted) -> None:
        self._started.add(1)
        self._workers.add(1, {"state": STANDING[WorkerState.INITIALIZING]})

    def _worker_moved(self, event: WorkerMoved) -> None:
        self._workers.add(-1, {"state": STANDING[event.before]})
        if event.after in STANDING:
            self._workers.add(1, {"state": STANDING[event.after]})

    def _trouble(self, event: Trouble) -> None:
        facts = {
            "category": event.category.value,
            "severity": event.severity.name.lower(),
            "treatment": event.treatment.value,
        }
        self._troubles.add(1, facts)

    def _session_moved(self, event: SessionMoved) -> None:
        if event.after is SessionState.LOST:
            self._lost.add(1)

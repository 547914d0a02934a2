"""OpenTelemetry: what a callback is told arrives as metrics and spans."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pool import Pool
from pool.breaker import BreakerBecause, BreakerState
from pool.effects import Ending, Refusal
from pool.lifecycle import Because, WorkerState
from pool.otel import STANDING, OpenTelemetry
from pool.recovery import Category, Severity, Strategy, Treatment
from pool.sessions import SessionBecause, SessionState
from pool.telemetry import (
    BreakerMoved,
    FactsMissed,
    PoolClosed,
    RetryPlanned,
    SessionMoved,
    TaskDone,
    TaskFailedOver,
    TaskRefused,
    TasksResolved,
    Trouble,
    WorkerMoved,
    WorkerStarted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

LIMIT = 20.0
Point = tuple[str, frozenset[tuple[str, Any]]]


class Backend:
    """Where metrics and spans arrive."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._exporter = InMemorySpanExporter()
        self.meters = MeterProvider([self._reader])
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.callback = OpenTelemetry(self.meters, self.tracers)

    @property
    def metrics(self) -> dict[Point, Any]:
        """The value of each counter, and the sum of each histogram, by name and attributes."""
        found: dict[Point, Any] = {}
        data = self._reader.get_metrics_data()
        for of_resource in data.resource_metrics if data is not None else ():
            for scope in of_resource.scope_metrics:
                assert scope.scope.name == "poolcheck.pool"
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        value = point.value if hasattr(point, "value") else point.sum
                        found[metric.name, frozenset((point.attributes or {}).items())] = value
        return found

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


@pytest.fixture(name="backend")
def _backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.meters.shutdown()
    backend.tracers.shutdown()


def point(name: str, **attributes: Any) -> Point:
    return name, frozenset(attributes.items())


def resolved(*tasks: TaskDone) -> TasksResolved:
    return TasksResolved(tasks[-1].ended_at, tasks)


DONE = TaskDone(4, "square", "cart", 1, Ending.RETURNED, 2, 10.0, 12.0, 15.5)


# Metrics.


@pytest.mark.parametrize(
    ("event", "counted", "amount"),
    [
        (TaskRefused(0.0, 1, Refusal.SATURATED), point("pool.tasks.refused", why="saturated"), 1),
        (
            RetryPlanned(0.0, 1, 2, 0.1, Strategy.IMMEDIATE_RETRY),
            point("pool.retries", strategy="immediate_retry"),
            1,
        ),
        (TaskFailedOver(0.0, 1), point("pool.failovers"), 1),
        (
            Trouble(0.0, 1, Category.TIMEOUT, Severity.MAJOR, Treatment.REPLACE, "late"),
            point("pool.troubles", category="timeout", severity="major", treatment="replace"),
            1,
        ),
        (
            SessionMoved(
                0.0, "s", SessionState.PLACED, SessionBecause.WORKER_LOST, SessionState.LOST
            ),
            point("pool.sessions.lost"),
            1,
        ),
        (
            BreakerMoved(0.0, BreakerState.CLOSED, BreakerBecause.TRIPPED, BreakerState.OPEN),
            point("pool.breaker.moves", to="open"),
            1,
        ),
        (FactsMissed(0.0, 12), point("pool.facts.missed"), 12),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_rare_event_counts_in_its_own_metric(
    event: Any, counted: Point, amount: int, backend: Backend
) -> None:
    backend.callback(event)
    assert backend.metrics == {counted: amount}


def test_each_task_counts_with_its_ending_and_how_long_it_waited_and_ran(
    backend: Backend,
) -> None:
    lost = DONE._replace(task=5, ending=Ending.LOST, started_at=None, ended_at=11.0)
    backend.callback(resolved(DONE, DONE._replace(task=6), lost))
    returned = {"ending": "returned", "function": "square"}
    assert backend.metrics == {
        point("pool.tasks", **returned): 2,
        point("pool.tasks", ending="lost", function="square"): 1,
        point("pool.task.wait", **returned): 4.0,
        point("pool.task.wait", ending="lost", function="square"): 1.0,
        point("pool.task.duration", **returned): 7.0,
    }


def test_workers_are_counted_where_they_are_until_they_are_gone(backend: Backend) -> None:
    moves = [
        (WorkerState.INITIALIZING, Because.INIT_COMPLETE, WorkerState.READY),
        (WorkerState.BUSY, Because.RECOVERY_DEGRADE, WorkerState.DEGRADED),
        (WorkerState.DEGRADED, Because.RECYCLE, WorkerState.TERMINATING),
        (WorkerState.TERMINATING, Because.REAPED, WorkerState.TERMINATED),
    ]
    backend.callback(WorkerStarted(0.0, 0))
    backend.callback(WorkerStarted(0.0, 1))
    states = []
    for before, because, after in moves:
        backend.callback(WorkerMoved(0.0, 0, before, because, after))
        live = {key: n for key, n in backend.metrics.items() if key[0] == "pool.workers" and n}
        states.append({dict(attributes)["state"]: n for (_, attributes), n in live.items()})
    assert states == [
        {"starting": 1, "serving": 1},
        {"starting": 1, "degraded": 1},
        {"starting": 1, "ending": 1},
        {"starting": 1},
    ]
    assert backend.metrics[point("pool.workers.started")] == 2


def test_every_state_but_the_last_has_its_place() -> None:
    assert set(STANDING) == set(WorkerState) - {WorkerState.TERMINATED}


def test_an_event_without_a_metric_is_let_pass(backend: Backend) -> None:
    backend.callback(PoolClosed(0.0))
    backend.callback(
        SessionMoved(0.0, "s", SessionState.OPENED, SessionBecause.EXPIRED, SessionState.CLOSED)
    )
    assert backend.metrics == {}


class Names:
    """A meter, and its provider, that only notes how instruments are called."""

    def __init__(self) -> None:
        self.created: set[str] = set()

    def get_meter(self, *_: Any) -> Names:
        return self

    def __getattr__(self, kind: str) -> Any:
        assert kind.startswith("create_")
        return lambda name, unit, words: self.created.add(name)  # noqa: ARG005


def test_the_page_has_every_metric_and_no_other() -> None:
    names = Names()
    OpenTelemetry(cast("MeterProvider", names))
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()
    table = page.split("| metric | kind | attributes |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(pool\.[a-z.]+)`", table)) == names.created


# Spans.


def test_a_span_tells_one_task_from_its_submit_to_its_end(backend: Backend) -> None:
    backend.callback(resolved(DONE))
    (span,) = backend.spans
    assert (span.name, span.parent) == ("square", None)
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 5_500_000_000
    (started,) = span.events
    assert (started.name, started.timestamp - span.start_time) == ("started", 2_000_000_000)
    assert dict(span.attributes or {}) == {
        "pool.task": 4,
        "pool.worker": 1,
        "pool.session": "cart",
        "pool.ending": "returned",
        "pool.attempt": 2,
    }
    assert span.status.status_code is trace.StatusCode.UNSET


def test_spans_are_at_the_time_of_day(backend: Backend) -> None:
    before = time.time_ns()
    now = time.monotonic()
    backend.callback(resolved(DONE._replace(submitted_at=now, ended_at=now)))
    (span,) = backend.spans
    assert span.start_time is not None
    assert before - 1_000_000_000 < span.start_time < time.time_ns() + 1_000_000_000


@pytest.mark.parametrize("ending", Ending)
def test_a_span_is_an_error_unless_its_task_returned_or_was_cancelled(
    ending: Ending, backend: Backend
) -> None:
    backend.callback(resolved(DONE._replace(ending=ending)))
    well = ending in (Ending.RETURNED, Ending.CANCELLED)
    expected = trace.StatusCode.UNSET if well else trace.StatusCode.ERROR
    assert backend.spans[0].status.status_code is expected


def test_a_task_that_never_started_has_a_span_without_that(backend: Backend) -> None:
    backend.callback(resolved(DONE._replace(session=None, worker=None, started_at=None, attempt=0)))
    (span,) = backend.spans
    assert span.events == ()
    assert set(span.attributes or {}) == {"pool.task", "pool.ending", "pool.attempt"}


def test_whoever_delivers_is_no_spans_parent(backend: Backend) -> None:
    with backend.tracers.get_tracer("test").start_as_current_span("a client at work"):
        backend.callback(resolved(DONE))
    assert [span.parent for span in backend.spans] == [None, None]


def test_without_a_tracer_tasks_are_still_counted(backend: Backend) -> None:
    OpenTelemetry(backend.meters, trace.NoOpTracerProvider())(resolved(DONE))
    assert backend.spans == ()
    assert backend.metrics[point("pool.tasks", ending="returned", function="square")] == 1


# With a pool, and without the package.


@pytest.mark.integration
def test_a_pools_tasks_and_workers_arrive(backend: Backend) -> None:
    with Pool(size=2, telemetry=backend.callback) as pool:
        futures = [pool.submit(abs, -value) for value in range(20)]
        futures.append(pool.submit(int, "no number"))
        for future in futures:
            future.exception(LIMIT)
    metrics = backend.metrics
    assert metrics[point("pool.tasks", ending="returned", function="abs")] == 20
    assert metrics[point("pool.tasks", ending="raised", function="int")] == 1
    assert {n for (name, _), n in metrics.items() if name == "pool.workers"} == {0}
    spans = backend.spans
    assert {(span.attributes or {})["pool.task"] for span in spans} == set(range(21))
    assert len(spans) == 21
    assert all((span.end_time or 0) >= (span.start_time or 0) > 0 for span in spans)


def test_without_the_package_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['opentelemetry'] = None; import pool.otel"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert "ImportError: pool.otel needs opentelemetry-api: pip install poolcheck[otel]" in (
        ran.stderr
    )


def test_the_pool_itself_does_not_need_the_package() -> None:
    program = "import sys; sys.modules['opentelemetry'] = None; import pool; pool.PoolConfig()"
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert (ran.returncode, ran.stderr) == (0, "")

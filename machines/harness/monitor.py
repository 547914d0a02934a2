"""The monitor: what a pool does, while it does it and afterwards.

A thread of its own takes samples. What the pool tells is only put aside meanwhile. Every task is
counted, but of a busy pool the monitor hears of single tasks only in short windows, one in each
interval, so that it does not slow the pool down: latencies are those of the tasks that resolved
then.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import psutil
from attrs import frozen
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from machines.harness.instance import Instance
from machines.harness.ready import worker_pids
from machines.harness.staged import StagedPool
from model import history as saw
from pool.lifecycle import WorkerState
from pool.telemetry import TasksResolved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from pool.stats import PoolStats
    from pool.telemetry import TaskDone, TelemetryEvent

INTERVAL_S: Final = 1.0
PERCENTS: Final = (50.0, 90.0, 99.0, 99.9)
LATENCIES: Final = ("waited", "ran", "total")
# When the pool has told of so many tasks in an interval, it tells of no more until the next.
_LOOKED: Final = 100
_MICROSECONDS: Final = 1_000_000
_LONGEST_US: Final = 24 * 3600 * _MICROSECONDS
_DIGITS: Final = 3


@frozen
class Sample:
    """A pool at one moment.

    Attributes:
        at: seconds since the monitor started; virtual ones on a layer with a schedule.
        resolved: tasks that have resolved until then.
        rate: tasks that resolved per second since the sample before.
        queue: tasks that were accepted and have not come to a worker's hands.
        running: tasks that workers run.
        workers: workers that live.
        utilisation: the part of them that is busy, 0 to 1.
        restarted: workers that were started in the place of one that had ended.
        memory: resident bytes of each worker's process, by worker.
        processor: seconds of processor time that each has used.
    """

    at: float
    resolved: int
    rate: float
    queue: int
    running: int
    workers: int
    utilisation: float
    restarted: int
    memory: Mapping[int, int]
    processor: Mapping[int, float]


class PoolMonitor:
    """Watches one pool from `start` to `stop`; made by `start_pool_monitor`.

    Attributes:
        events: how often what was told, by the name of the event.
        endings: how many tasks ended how.
        series: the samples, in order.
        looked_at: how many tasks' latencies were looked at.

    Args:
        pool: what is watched.
        interval: seconds between samples.
    """

    def __init__(self, pool: Any, interval: float = INTERVAL_S) -> None:
        if not interval > 0:
            raise ValueError(f"interval must be more than 0 seconds, not {interval}")
        self.events: Counter[str] = Counter()
        self.endings: Counter[str] = Counter()
        self.series: list[Sample] = []
        self.looked_at = 0
        self._pool = pool
        self._interval = interval
        self._histograms = {name: HdrHistogram(1, _LONGEST_US, _DIGITS) for name in LATENCIES}
        self._told: deque[TelemetryEvent] = deque()
        self._telemetry: Any = getattr(getattr(pool, "_desk", None), "telemetry", None)
        self._answered: set[int | None] = set()
        self._submitted: dict[int, float] = {}
        self._processes: dict[int, psutil.Process] = {}
        self._seen: set[int] = set()
        self._over, self._enough = threading.Event(), threading.Event()
        self._heard = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="harness-monitor", daemon=True)
        self._began = 0.0

    def start(self) -> Self:
        """It watches."""
        self._began = self._now()
        if isinstance(self._pool, StagedPool):
            self._pool.watchers.append(self._saw)
            self.sample()
            return self
        if self._telemetry is not None:
            self._telemetry.add(self._hear)
        self.sample()
        self._thread.start()
        return self

    def stop(self) -> None:
        """It watches no more, and has taken a last sample; twice is no error."""
        if self._over.is_set():
            return
        self._over.set()
        self._enough.set()
        if isinstance(self._pool, StagedPool):
            self._pool.watchers.remove(self._saw)
            self.sample()
            return
        self._thread.join()
        if self._telemetry is not None:
            self._telemetry.deliver()
            self._telemetry.remove(self._hear)
        self.sample()

    def sample(self) -> Sample:
        """The pool as it is now is the last of the series."""
        with self._lock:
            self._look()
            before = self.series[-1] if self.series else None
            sample = self._sample(before)
            self.series.append(sample)
            return sample

    def percentile(self, percent: float, of: str = "total") -> float:
        """So many percent of the tasks that were looked at took no longer, in seconds.

        Args:
            percent: 0 to 100.
            of: `waited` until it was started, `ran` since, or `total`.

        Raises:
            ValueError: there is no such latency.
        """
        if of not in self._histograms:
            raise ValueError(f"latency {of!r}: latencies are {', '.join(LATENCIES)}")
        return float(self._histograms[of].get_value_at_percentile(percent)) / _MICROSECONDS

    def write(self, path: Path) -> None:
        """The series is in the file, one sample a line, as JSON."""
        lines = [json.dumps(attrs.asdict(sample), sort_keys=True) for sample in self.series]
        path.write_text("".join(f"{line}\n" for line in lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # What is told.

    def _now(self) -> float:
        return self._pool.now() if isinstance(self._pool, StagedPool) else time.monotonic()

    def _run(self) -> None:
        while not self._over.is_set():
            until = time.monotonic() + self._interval
            self._listen(until)
            self._over.wait(max(0.0, until - time.monotonic()))
            self.sample()

    def _listen(self, until: float) -> None:
        """The pool tells of each task, until it has told of enough, or the interval is over."""
        if self._telemetry is None:
            return
        # Of a worker's first task in a window it is not known when that before it was answered.
        self._answered.clear()
        self._enough.clear()
        self._heard = 0
        self._telemetry.add_for_tasks(self._hear)
        try:
            if not self._over.is_set():
                self._enough.wait(max(0.0, until - time.monotonic()))
            self._telemetry.deliver()
        finally:
            self._telemetry.remove_for_tasks(self._hear)

    def _hear(self, event: TelemetryEvent) -> None:
        self._told.append(event)
        if isinstance(event, TasksResolved):
            self._heard += len(event)
            if self._heard >= _LOOKED:
                self._enough.set()

    def _look(self) -> None:
        """What was told since is counted."""
        while self._told:
            event = self._told.popleft()
            if isinstance(event, TasksResolved):
                for done in event.tasks[:: max(1, len(event) // _LOOKED)]:
                    self._record(done)
            else:
                self.events[type(event).__name__] += 1

    def _record(self, done: TaskDone) -> None:
        if not done.submitted_at:
            return  # it was submitted before this watched
        self.looked_at += 1
        self._note("total", done.ended_at - done.submitted_at)
        if done.ran is not None and done.worker in self._answered:
            self._note("waited", done.waited)
            self._note("ran", done.ran)
        self._answered.add(done.worker)

    def _note(self, of: str, seconds: float) -> None:
        value = min(max(1, round(seconds * _MICROSECONDS)), _LONGEST_US)
        self._histograms[of].record_value(value)

    def _saw(self, record: saw.Record) -> None:
        """On a layer with a schedule every record is told at once."""
        now = self._now()
        self.events[type(record).__name__] += 1
        if isinstance(record, saw.Submitted):
            self._submitted[record.task] = now
        elif isinstance(record, saw.Resolved):
            self.looked_at += 1
            self._note("total", now - self._submitted.pop(record.task, now))
        elif isinstance(record, saw.Told) and now - self._began - self._last() >= self._interval:
            self.sample()

    def _last(self) -> float:
        return self.series[-1].at if self.series else 0.0

    # What is seen.

    def _sample(self, before: Sample | None) -> Sample:
        at = self._now() - self._began
        memory, processor = self._usage()
        stats: PoolStats | None = self._pool.stats() if hasattr(self._pool, "stats") else None
        if stats is None:
            count = len(worker_pids(self._pool))
            restarted = max(0, len(self._seen) - count)
            return Sample(at, 0, 0.0, 0, 0, count, 0.0, restarted, memory, processor)
        self.endings = Counter({ending.value: n for ending, n in stats.resolved.items() if n})
        resolved = sum(stats.resolved.values())
        passed = at - before.at if before is not None else 0.0
        fresh = resolved - before.resolved if before is not None else 0
        live = [w for w in stats.workers if w.state is not WorkerState.TERMINATED]
        busy = sum(worker.state is WorkerState.BUSY for worker in live)
        return Sample(
            at,
            resolved,
            fresh / passed if passed > 0 else 0.0,
            stats.waiting + stats.ahead + stats.retrying,
            stats.running,
            len(live),
            busy / len(live) if live else 0.0,
            stats.restarted,
            memory,
            processor,
        )

    def _usage(self) -> tuple[dict[int, int], dict[int, float]]:
        """What each worker's process has taken: memory and processor time."""
        pids = self._pool.pids() if hasattr(self._pool, "pids") else None
        by_worker = pids if pids is not None else {p: p for p in worker_pids(self._pool)}
        self._seen |= set(by_worker.values())
        memory: dict[int, int] = {}
        processor: dict[int, float] = {}
        for worker, pid in sorted(by_worker.items()):
            with contextlib.suppress(psutil.Error):
                if pid not in self._processes:
                    self._processes[pid] = psutil.Process(pid)
                process = self._processes[pid]
                times = process.cpu_times()
                memory[worker] = process.memory_info().rss
                processor[worker] = times.user + times.system
        gone = set(self._processes) - set(by_worker.values())
        for pid in gone:
            del self._processes[pid]
        return memory, processor


def start_pool_monitor(pool: Any, interval: float = INTERVAL_S) -> PoolMonitor:
    """The pool is watched until the monitor is stopped.

    Args:
        pool: an isolated instance, this project's pool on any layer, or a standard executor, of
            which only its processes are seen.
        interval: seconds between samples; virtual ones on a layer with a schedule.

    Raises:
        ValueError: the interval is not positive.
        TypeError: nothing is known of such a pool.
    """
    return PoolMonitor(pool.pool if isinstance(pool, Instance) else pool, interval).start()


@contextlib.contextmanager
def with_pool_monitoring(pool: Any, interval: float = INTERVAL_S) -> Iterator[PoolMonitor]:
    """The pool is watched while this lasts; for the arguments see `start_pool_monitor`."""
    with start_pool_monitor(pool, interval) as monitor:
        yield monitor

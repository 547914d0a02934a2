"""One measure of one contestant, carried out in this very process.

The shape is the same for everybody. `throughput` and the echoes keep exactly so many calls
outstanding: each outcome is put into a `queue.SimpleQueue` by the pool's own completion callback
(a future's done-callback, or `apply_async`'s), and each outcome that the sender takes from there
and reads is followed by one more call. That queue is written in C and used as the semaphore, so
that the bench itself costs little, and the same for all. `latency` sends, waits for and reads one
call after another. Every pool is warm: its workers have met and answered, and a tenth of the
samples has been run.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import statistics
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from machines.bench import adapter, floor, memory
from machines.bench.meeting import Meeting, all_answer
from machines.bench.percentile import percentile
from machines.bench.work import echo, noop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from machines.bench.adapter import Adapter

HANG_S: Final = 10.0
LOST_S: Final = 2.0
FRESH_TIMES: Final = 5
KILLS_MAX: Final = 5
# Without and with, in the order of Thue and Morse: a drift, also a bent one, hits both alike.
LEGS: Final = (False, True, True, False, True, False, False, True)
POINTS: Final = 10
WARM_UP_MAX: Final = 1_000
WINDOW: Final = 64
WINDOW_1M: Final = 8


class Unmeasured(Exception):
    """There is no figure, for a reason that is a finding in itself.

    Args:
        status: `not built`, `breaks`, `loses the task` or `hangs`.
        detail: one sentence.
        **figures: what was measured nevertheless.
    """

    def __init__(self, status: str, detail: str = "", **figures: float) -> None:
        super().__init__(detail)
        self.status = status
        self.figures = figures


class Trial:
    """Whom to measure and how much.

    Args:
        contestant: its name.
        workers: how many.
        samples: how many calls the latency is taken from; all other amounts follow from it.
    """

    def __init__(self, contestant: str, workers: int, samples: int) -> None:
        self.contestant = contestant
        self.workers = workers
        self.samples = samples

    @contextlib.contextmanager
    def pool(self, **settings: Any) -> Iterator[Adapter]:
        """A warm pool while the block runs, and its end afterwards.

        Args:
            **settings: fields of `PoolConfig`, where the contestant is ours.
        """
        pool = self.started(**settings)
        all_answer(pool, self.workers, HANG_S)
        for _ in range(min(self.samples // 10, WARM_UP_MAX)):
            pool.call(noop)
        yield pool
        pool.stop()  # not after an error: a broken pool's end may never come

    def started(self, **settings: Any) -> Adapter:
        """A pool that was just made."""
        if settings:
            start_method = self.contestant.removeprefix("ours-")
            return adapter.ours(start_method, self.workers, **settings)
        return adapter.ADAPTERS[self.contestant](self.workers)


def rate(
    pool: Adapter, fn: Callable[..., Any], args: tuple[Any, ...], n: int, window: int
) -> float:
    """How many calls a second were answered while so many were outstanding.

    Args:
        pool: where they are sent.
        fn: what is called.
        args: its arguments.
        n: how many calls.
        window: how many are outstanding at any moment, until the last ones are sent.
    """
    outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
    send = partial(pool.send, outcomes.put, fn, *args)
    take, get = pool.take, outcomes.get
    window = min(window, n)
    began = time.perf_counter()
    for _ in range(window):
        send()
    for _ in range(n - window):
        take(get())
        send()
    for _ in range(window):
        take(get())
    return n / (time.perf_counter() - began)


def fresh(trial: Trial) -> dict[str, float]:
    """Seconds to make a pool, have an answer of every worker, and end it."""
    seconds = []
    for _ in range(1 + FRESH_TIMES):  # the first one imports modules and starts the forkserver
        meeting = Meeting()
        began = time.perf_counter()
        pool = trial.started()
        all_answer(pool, trial.workers, HANG_S, meeting)
        pool.stop()
        seconds.append(time.perf_counter() - began)
    return {"seconds": statistics.median(seconds[1:])}


def latency(trial: Trial) -> dict[str, float]:
    """Microseconds of one no-op, sent and waited for alone."""
    if trial.contestant in floor.FLOORS:
        seconds = floor.ping_pong(trial.contestant, trial.samples, trial.samples // 10)
    else:
        seconds = []
        with trial.pool() as pool:
            call = pool.call
            for _ in range(trial.samples):
                began = time.perf_counter()
                call(noop)
                seconds.append(time.perf_counter() - began)
    return {"p50_us": percentile(seconds, 50) * 1e6, "p99_us": percentile(seconds, 99) * 1e6}


def throughput(trial: Trial) -> dict[str, float]:
    """No-ops a second with 64 in flight."""
    with trial.pool() as pool:
        return {"per_s": rate(pool, noop, (), trial.samples * 5, WINDOW)}


def echo_1k(trial: Trial) -> dict[str, float]:
    """Echoes of 1 KiB a second with 64 in flight."""
    with trial.pool() as pool:
        return {"per_s": rate(pool, echo, (os.urandom(1 << 10),), trial.samples * 2, WINDOW)}


def echo_1m(trial: Trial) -> dict[str, float]:
    """Echoes of 1 MiB a second with 8 in flight."""
    with trial.pool() as pool:
        data = os.urandom(1 << 20)
        rate(pool, echo, (data,), 2 * WINDOW_1M, WINDOW_1M)
        return {"per_s": rate(pool, echo, (data,), max(trial.samples // 10, 1), WINDOW_1M)}


def recovery(trial: Trial) -> dict[str, float]:
    """Milliseconds from a SIGKILL of a busy worker until all workers have answered again."""
    with trial.pool() as pool:
        kills = min(KILLS_MAX, trial.samples)
        return {"ms": statistics.median(_recover(pool, trial.workers) for _ in range(kills))}


def _recover(pool: Adapter, workers: int) -> float:
    with Meeting() as busy:
        busy.invite(pool, 1)
        (victim,) = busy.gather(1, HANG_S)
        meeting = Meeting()
        began = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        try:
            all_answer(pool, workers, HANG_S, meeting)
        except TimeoutError as error:
            raise Unmeasured("hangs", f"no {workers} workers answered: {error}") from error
        except Exception as error:
            raise Unmeasured("breaks", f"{type(error).__name__}: {error}") from error
        milliseconds = (time.perf_counter() - began) * 1e3
        try:
            busy.hear(1, LOST_S)
        except TimeoutError as error:
            words = f"the killed worker's task did not resolve within {LOST_S:g} s"
            raise Unmeasured("loses the task", words, ms=milliseconds) from error
        except Exception:  # whatever it is, its client was told
            return milliseconds
    raise RuntimeError("the killed worker's task returned a result")


def idle_memory(trial: Trial) -> dict[str, float]:
    """Mebibytes of one idle worker which has run one no-op: the larger one of all workers."""
    pool = trial.started()
    pool.call(noop)
    with Meeting() as meeting:
        all_answer(pool, trial.workers, HANG_S, meeting)
        sizes = [memory.of(pid) for pid in meeting.pids]
    pool.stop()
    return {name: max(size[name] for size in sizes) for name in sizes[0]}


def _with_and_without(trial: Trial, settings: Callable[[], dict[str, Any]]) -> dict[str, float]:
    """The throughput without and with settings, each in half of the legs; the cost in percent."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    for on in LEGS:
        with trial.pool(**(settings() if on else {})) as pool:
            rates[on].append(rate(pool, noop, (), trial.samples * 5, WINDOW))
    without, with_it = (statistics.median(rates[on]) for on in (False, True))
    cost = (1 - with_it / without) * 100
    return {"off_per_s": without, "on_per_s": with_it, "cost_percent": cost}


def _demand_setting(name: str) -> None:
    from attrs import fields  # noqa: PLC0415 - not a peer's burden

    from pool import PoolConfig  # noqa: PLC0415 - not a peer's burden

    if name not in {field.name for field in fields(PoolConfig)}:
        raise Unmeasured("not built", f"PoolConfig has no field {name}")


def telemetry(trial: Trial) -> dict[str, float]:
    """Throughput with a telemetry callback that looks at each task, and without one."""
    _demand_setting("telemetry")
    counted = 0

    def count(told: Any) -> None:
        nonlocal counted
        counted += len(getattr(told, "tasks", ()))

    figures = _with_and_without(trial, lambda: {"telemetry": count})
    tasks = trial.samples * 5 * LEGS.count(True)
    if counted < tasks:  # cheap because it tells nothing is no answer
        raise RuntimeError(f"the telemetry callback was told of {counted} of {tasks} tasks")
    return figures


def recorder(trial: Trial) -> dict[str, float]:
    """Throughput with a flight recorder that writes a file, and without one."""
    _demand_setting("record")
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        path = os.path.join(folder, "record")
        figures = _with_and_without(trial, lambda: {"record": path})
        if not os.path.exists(path) or not os.path.getsize(path):
            raise RuntimeError("the recorder wrote nothing")
    return figures


def flat(trial: Trial) -> dict[str, float]:
    """Mebibytes of this process at ten points of so many no-ops, the first after a tenth."""
    figures: dict[str, float] = {}
    with trial.pool() as pool:
        for point in range(1, POINTS + 1):
            rate(pool, noop, (), max(trial.samples // POINTS, 1), WINDOW)
            figures[f"rss_mib_{point}"] = memory.of(os.getpid())["rss_mib"]
    growth = figures[f"rss_mib_{POINTS}"] - figures["rss_mib_1"]
    return {**figures, "growth_mib": growth}


TRIALS: Final[Mapping[str, Callable[[Trial], dict[str, float]]]] = {
    "fresh": fresh,
    "latency": latency,
    "throughput": throughput,
    "echo_1k": echo_1k,
    "echo_1m": echo_1m,
    "recovery": recovery,
    "memory": idle_memory,
    "telemetry": telemetry,
    "recorder": recorder,
    "flat": flat,
}

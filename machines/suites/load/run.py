"""One load, carried out: a fresh pool, a client, perhaps somebody who kills, and what was seen."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from machines.harness import inject_failure, isolated, start_pool_monitor
from machines.harness.ready import ensure_pool_ready
from machines.suites.load import figures
from machines.suites.load.arrivals import dues_of
from machines.suites.load.client import Client
from machines.suites.load.operations import Mixture, NoOps
from machines.suites.warmup import warmup_pool

if TYPE_CHECKING:
    from machines.harness import Instance
    from machines.harness.monitor import Sample
    from machines.suites.load.shapes import Shape
    from machines.suites.settings import LayerSettings
    from pool.stats import PoolStats

# With less than this answered when a step ends, the rest waits in line, and the line grows.
KEPT_UP_PERCENT: Final = 95.0
# One slow step may be the machine's; a pool that has broken is behind in the next one, too.
BEHIND_MAX: Final = 2
_SAMPLE_S: Final = 0.5


@frozen
class Kill:
    """A worker's death.

    Attributes:
        at: seconds of the run.
        worker: its number.
        strength_s: seconds until as many workers as before could take work again.
    """

    at: float
    worker: int
    strength_s: float


@frozen
class LoadRun:
    """What a load left.

    Attributes:
        shape: the load.
        client: what its client wrote down.
        unanswered: how many operations were not answered in their time.
        kills: who was killed.
        steps: of a ramp what came of each, until it broke.
        broke: whether a ramp did.
        samples: the pool, twice a second.
        stats: the pool at the end.
    """

    shape: Shape
    client: Client
    unanswered: int
    kills: tuple[Kill, ...]
    steps: tuple[dict[str, Any], ...]
    broke: bool
    samples: tuple[Sample, ...]
    stats: PoolStats


def run_load(shape: Shape, settings: LayerSettings) -> LoadRun:
    """The load has been carried out on a fresh pool, of which nothing is left.

    Args:
        shape: how it comes.
        settings: of the layer `free`.

    Raises:
        Leaked: something of the pool is left.
        WaitedTooLong: its workers were not ready in time.
    """
    with isolated(**settings.isolation()) as instance:
        pool = instance.pool
        ensure_pool_ready(pool, settings.size, settings.ready_timeout)
        warmup_pool(pool, settings.size)
        dues = dues_of(shape.phases)
        operations = (
            NoOps(pool)
            if shape.shares is None
            else Mixture(pool, len(dues), dict(shape.shares), settings.seed)
        )
        client = Client(operations, dues)
        beside = _Beside(instance, client, shape)
        monitor = start_pool_monitor(pool, _SAMPLE_S)
        with monitor, beside:
            client.run()
            beside.over.set()
            unanswered = client.await_answers(settings.task_timeout)
        stats = pool.stats()
    return LoadRun(
        shape,
        client,
        unanswered,
        tuple(beside.kills),
        tuple(beside.steps),
        beside.broke.is_set(),
        tuple(monitor.series),
        stats,
    )


@frozen
class _Beside:
    """What goes on beside the client: somebody kills workers, or looks whether the pool keeps up.

    Leaving the block raises what went wrong there.
    """

    instance: Instance
    client: Client
    shape: Shape
    kills: list[Kill] = field(factory=list, init=False)
    steps: list[dict[str, Any]] = field(factory=list, init=False)
    over: threading.Event = field(factory=threading.Event, init=False)
    broke: threading.Event = field(factory=threading.Event, init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)
    _failures: list[BaseException] = field(factory=list, init=False)

    def __enter__(self) -> None:
        if self.shape.kill_every_s is not None:
            self._start(partial(self._kill, self.shape.kill_every_s))
        if len(self.shape.phases) > 1:
            self._start(self._look)

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _start(self, call: Any) -> None:
        def run() -> None:
            try:
                call()
            except BaseException as error:  # the block's end raises it
                self._failures.append(error)
                self.client.stop()

        self._threads.append(threading.Thread(target=run, name="load-beside"))
        self._threads[-1].start()

    def _now(self) -> float:
        return time.perf_counter() - self.client.began if self.client.began else 0.0

    def _kill(self, every_s: float) -> None:
        pool, chance = self.instance.pool, self.instance.random
        due = every_s
        while not self.over.wait(max(0.0, due - self._now())):
            worker = chance.choice(sorted(pool.pids()))
            began = self._now()
            with inject_failure("crash", self.instance, worker=worker):
                pass
            self.kills.append(Kill(began, worker, self._now() - began))
            due += every_s

    def _look(self) -> None:
        """At each phase's end; a ramp ends when the pool did not keep up with two in a row."""
        began, behind = 0.0, 0
        for phase in self.shape.phases:
            ended = began + phase.seconds
            while (left := ended - self._now()) > 0:
                if self.over.wait(left) and self.client.count < len(self.client.dues):
                    return
            found = figures.within(self.client, began, ended)
            kept_up = found["in_time_percent"] >= KEPT_UP_PERCENT and not found["failed"]
            self.steps.append({"name": phase.name, **found, "kept_up": kept_up})
            behind = 0 if kept_up else behind + 1
            if self.shape.until_broken and behind == BEHIND_MAX:
                self.broke.set()
                self.client.stop()
                return
            began = ended

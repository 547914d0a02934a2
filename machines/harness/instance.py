"""An isolated instance: a pool of its own, with all that it needs, and nothing left of it.

Its parts start in order and end in reverse order: what `multiprocessing` starts once for all, the
count of what is there, adoption of orphans, a folder and names of its own, the pool, its workers.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import random
import secrets
import sys
import tempfile
import time
import warnings
from concurrent.futures import Executor
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import psutil
from attrs import frozen

from machines import scratch
from machines.drivers import Layer
from machines.harness import adoption, child, foothold, tag
from machines.harness.cleanup import (
    MEMORY_PREFIX,
    cleanup_orphaned_processes,
    cleanup_shared_memory,
    cleanup_test_files,
    end_processes,
    remove_folder,
)
from machines.harness.footprint import Leaked, footprint, left_since, settled
from machines.harness.ready import ensure_pool_ready
from machines.harness.relay import Relay
from machines.harness.staged import StagedPool
from machines.parts import POOL, Parts
from machines.setting import Setting
from pool import Pool, PoolConfig
from pool.processes import context_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from machines.harness.footprint import Footprint

FREE: Final = "free"
LAYERS: Final = (*(layer.value for layer in Layer), FREE)
# A pool gets so many seconds to end what it has accepted; then it is ended all the same.
GRACE_S: Final = 2.0
READY_S: Final = 60.0
_AFTERMATH_S: Final = 0.2
_MODULE: Final = "machines.harness.child"
_IN_WORKERS: Final = ("machines.harness.inside", "machines.workload")
_HEAVY: Final = ("machines.cli", "pytest")

_numbers: Final = itertools.count()


@frozen(kw_only=True)
class Plan:
    """What an instance is to be.

    Attributes:
        layer: where its pool runs: `sim`, `wire`, `real` or `free`, which is the production pool.
        config: of the pool: fields of `PoolConfig` on `free`, of `Setting` elsewhere; or one whole.
        label: says what it is for; with the seed it fixes the stream of random numbers.
        seed: any number.
        make: makes another pool to isolate; only on `free`.
        grace: seconds that the pool gets to end in good order.
        relayed: whether each worker's pipe leads through a relay, which can be cut; only on `free`.
        otherwise: the layer to fall back to where no process can be had; only from `real`. None
            for none: then the instance does not start.
        parts: what the pool is made of on a layer with a schedule, perhaps with a bug planted.
    """

    layer: str = FREE
    config: Mapping[str, Any] | PoolConfig | Setting = attrs.field(factory=dict)
    label: str = "pool"
    seed: int = 0
    make: Callable[[], Any] | None = None
    grace: float = GRACE_S
    relayed: bool = False
    otherwise: str | None = None
    parts: Parts = POOL

    def __attrs_post_init__(self) -> None:
        if self.layer not in LAYERS:
            raise ValueError(f"layer {self.layer!r}: layers are {', '.join(LAYERS)}")
        if self.make is not None and (self.layer != FREE or self.config):
            raise ValueError(
                "make: another pool runs on the layer free, with its own configuration"
            )
        if self.relayed and (self.layer != FREE or self.make is not None):
            raise ValueError("relayed: only the production pool's pipes can lead through a relay")
        if self.otherwise is not None and (
            self.layer != Layer.REAL or self.otherwise not in (Layer.SIM, Layer.WIRE)
        ):
            raise ValueError(f"otherwise {self.otherwise!r}: from real one falls to sim or wire")
        self.settled()

    def settled(self) -> Any:
        """The pool's whole configuration, checked."""
        kind: type[Any] = PoolConfig if self.layer == FREE else Setting
        if isinstance(self.config, (PoolConfig, Setting)):
            if not isinstance(self.config, kind):
                raise TypeError(f"on {self.layer} a pool is configured by {kind.__name__}")
            return self.config
        known = [field.name for field in attrs.fields(kind)]
        unknown = sorted(set(self.config) - set(known))
        if unknown:
            raise TypeError(
                f"unknown: {', '.join(unknown)}; {kind.__name__} has {', '.join(known)}"
            )
        return kind(**{"size": 2, **self.config})


class Instance:
    """One fresh pool with everything of its own; started by `start`, ended by `close`.

    Attributes:
        name: no other instance has it, in this or any other process.
        layer: where its pool runs.
        fell_back: why that is not where it was to run; empty where it is.
        pool: the pool.
        temporary: where its processes make temporary files; nothing may be left there.
        memory_prefix: how the names begin of its semaphores and segments of shared memory.
        random: its own stream of random numbers; the same label and seed give the same.
        relay: through which its pool's pipes lead; None if it has none.
        faults: what was injected into it, by kind, in order.
    """

    pool: Any
    temporary: Path

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.layer = plan.layer
        self.fell_back = ""
        self.memory_prefix = f"{MEMORY_PREFIX}{secrets.token_hex(3)}"
        self.name = f"{plan.label}-{os.getpid()}-{next(_numbers)}-{self.memory_prefix}"
        self.random = random.Random(f"{plan.seed}/{plan.label}")  # noqa: S311 - nothing is secret
        self.faults: list[str] = []
        self.relay: Relay | None = None
        self._config = plan.settled()
        self._undo = contextlib.ExitStack()
        self._left: tuple[str, ...] = ()
        self._began = 0.0

    def start(self) -> Self:
        """Every part runs, and the pool is ready.

        Raises:
            Exception: a part did not start; those before it have ended again.
        """
        with contextlib.ExitStack() as undo:
            self._start_standing()
            before = footprint()
            undo.enter_context(adoption.adopting())
            undo.callback(self._count_what_is_left, before)
            self._take_names(undo)
            if self.plan.relayed:
                self.relay = Relay()
                self.relay.start()
                undo.callback(self.relay.close)
            self.pool = self._make()
            undo.callback(self._end)
            self._began = time.monotonic()
            self._await_ready()
            self._undo = undo.pop_all()
        atexit.register(self._undo.close)
        return self

    def close(self) -> None:
        """The pool has ended and nothing of the instance is left; twice is no error.

        Raises:
            Leaked: something was left; it is named, and it is gone if it could be removed.
            Violated: on a layer with a schedule, the pool has broken a promise.
        """
        atexit.unregister(self._undo.close)
        undo, self._undo = self._undo, contextlib.ExitStack()
        with undo:
            self._judge()
        left, self._left = self._left, ()
        if left:
            raise Leaked(self.plan.label, left)

    @functools.cached_property
    def folder(self) -> Path:
        """Its own folder, for the test's files; it is gone afterwards, whatever is in it."""
        folder = self.temporary.with_name(f"{self.temporary.name}-files")
        folder.mkdir()
        return folder

    def now(self) -> float:
        """Seconds since the pool was made, by its own clock, which is virtual but on `free`."""
        if isinstance(self.pool, StagedPool):
            return self.pool.now()
        return time.monotonic() - self._began

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        try:
            self.close()
        except Exception as also:  # the test's own failure is what it is told by
            error.add_note(f"besides: {also}")

    # The parts, in the order of their start.

    def _find_foothold(self) -> None:
        """Where no process can be had it is known, and told, that this runs on another layer."""
        if self.plan.otherwise is None:
            return
        self.fell_back = foothold.missing(_standing(PoolConfig()))
        if self.fell_back:
            self.layer = self.plan.otherwise
            words = f"{self.plan.label} runs on {self.layer} instead of real: {self.fell_back}"
            warnings.warn(foothold.FellBack(words), stacklevel=5)

    def _start_standing(self) -> None:
        """What runs once for all instances of this process, so that nobody counts it as his own."""
        _sweep_once()
        tag.mark()
        resource_tracker.ensure_running()
        self._find_foothold()
        method = getattr(self._config, "start_method", "forkserver")
        if method == "forkserver" and self.layer in (FREE, Layer.REAL):
            context_for(_standing(self._config))
            forkserver.ensure_running()

    def _take_names(self, undo: contextlib.ExitStack) -> None:
        self.temporary = Path(tempfile.mkdtemp(prefix="instance-", dir=scratch.claim()))
        undo.callback(child.take(str(self.temporary), self.memory_prefix))

    def _make(self) -> Any:
        if self.layer != FREE:
            return StagedPool(self._config, Layer(self.layer), self.plan.parts)
        if self.plan.make is not None:
            return self.plan.make()
        make = self.relay.make if self.relay is not None else _pool
        return make(self._pool_config())

    def _pool_config(self) -> PoolConfig:
        """The configuration, with workers that take the instance's names first."""
        config: PoolConfig = self._config
        return attrs.evolve(
            config,
            preload=(*config.preload, _MODULE),
            initializer=child.enter,
            initargs=(
                str(self.temporary),
                self.memory_prefix,
                (tag.VARIABLE, str(tag.owner())),
                config.initializer,
                config.initargs,
            ),
        )

    def _await_ready(self) -> None:
        if self.plan.make is None and not self._config.lazy:
            ensure_pool_ready(self.pool, self._config.size, READY_S)

    # And of their end.

    def _judge(self) -> None:
        if isinstance(getattr(self, "pool", None), StagedPool):
            self.pool.finish()

    def _end(self) -> None:
        pool = self.pool
        if isinstance(pool, StagedPool):
            pool.close()
        elif isinstance(pool, Pool):
            pool.shutdown(wait=False, grace=self.plan.grace)
            pool._loop.join(self.plan.grace + pool.config.grace)  # noqa: SLF001 - `shutdown` has no limit
        elif isinstance(pool, Executor):
            pool.shutdown(wait=False, cancel_futures=True)
        else:
            end = getattr(pool, "terminate", None) or getattr(pool, "close", None)
            if end is not None:
                end()

    def _count_what_is_left(self, before: Footprint) -> None:
        patience = self.plan.grace if self.plan.make is not None else min(1.0, self.plan.grace)
        left = settled(before, self._watched(), self.memory_prefix, patience)
        if left.processes:
            adoption.reap_adopted(left.processes)
            left = left_since(before, self._watched(), self.memory_prefix)
        self._left = left.names()
        if left.processes:
            _end(left.processes)
            # What they held others may now let go of by themselves.
            left = settled(before, self._watched(), self.memory_prefix, _AFTERMATH_S)
        if left.shared:
            cleanup_shared_memory(self.memory_prefix)
        for folder in filter(None, (self._watched(), vars(self).get("folder"))):
            remove_folder(folder)

    def _watched(self) -> Path | None:
        return self.temporary if hasattr(self, "temporary") else None


def _standing(config: Any) -> PoolConfig:
    """What the forkserver imports once for all instances of this process.

    A worker runs this process's main script again; what that imports is imported once, too.
    """
    main = tuple(name for name in _HEAVY if name in sys.modules)
    return PoolConfig(preload=(_MODULE, *_IN_WORKERS, *main, *getattr(config, "preload", ())))


def _pool(config: PoolConfig) -> Pool:
    return Pool(config=config)


def _end(pids: Iterable[int]) -> None:
    found: list[psutil.Process] = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    end_processes(found)
    adoption.reap(pids)


def start_isolated_pool(
    *,
    layer: str = FREE,
    label: str = "pool",
    seed: int = 0,
    make: Callable[[], Any] | None = None,
    relayed: bool = False,
    **config: Any,
) -> Instance:
    """An isolated instance runs and is ready; whoever starts it calls its `close`.

    Args:
        layer: where its pool runs; see `Plan`.
        label: what it is for.
        seed: with the label it fixes the stream of random numbers.
        make: makes another pool to isolate.
        relayed: whether its workers can be cut off by a partition.
        **config: fields of the pool's configuration; two workers unless given.

    Raises:
        TypeError: the configuration has no such field.
        ValueError: a value is out of its range, or there is no such layer.
    """
    plan = Plan(layer=layer, config=config, label=label, seed=seed, make=make, relayed=relayed)
    return Instance(plan).start()


_swept: Final[list[int]] = []


def _sweep_once() -> None:
    """What runs that died have left is gone, once in each process."""
    if os.getpid() not in _swept:
        _swept.append(os.getpid())
        cleanup_orphaned_processes()
        cleanup_test_files()

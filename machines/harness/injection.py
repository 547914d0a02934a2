"""Injection: one failure for the time of a block, and everything as it was afterwards."""

from __future__ import annotations

import contextlib
import signal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import psutil
from attrs import frozen

from machines.harness import staged_faults
from machines.harness.instance import Instance
from machines.harness.limits import Resource, exhausted
from machines.harness.ready import ensure_pool_ready, ready_of, worker_pids
from machines.harness.relay import Direction
from machines.harness.staged import StagedPool
from machines.harness.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

# A signal has had its effect by then, and a lost worker has been replaced.
EFFECT_S: Final = 10.0
_MIB: Final = 1 << 20


class Kind(StrEnum):
    """What goes wrong."""

    CRASH = "crash"
    TIMEOUT = "timeout"
    PARTITION = "partition"
    EXHAUST = "exhaust"


@frozen
class Injection:
    """A failure that is in force.

    Attributes:
        kind: what goes wrong.
        worker: the number of the worker that it befalls; None for a process that is no worker.
        pid: its process; None on a layer that has none.
        words: what was done, in a few words.
    """

    kind: Kind
    worker: int | None
    pid: int | None
    words: str


@contextlib.contextmanager
def inject_failure(kind: str, target: Any, **options: Any) -> Iterator[Injection]:
    """The failure is in force while this lasts, and undone afterwards.

    `crash` kills a worker (`signal`: by which signal); at the end it has been replaced, if the pool
    replaces workers. `timeout` stops one, which then answers nothing, and lets it go on at the end.
    `partition` cuts a worker off: `direction` is `both`, `from_worker` or `to_worker`; what was
    sent meanwhile comes at the end. `exhaust` leaves a process no more than it has of a `resource`,
    `memory`, `descriptors` or `processes`, and `headroom`.

    Args:
        kind: one of those.
        target: an isolated instance, a pool, or the number of a process. A partition needs the
            instance, which must have been made with `relayed`, or a layer with a schedule.
        **options: those named above; `worker`, which worker of a pool, the first one unless given.

    Raises:
        ValueError: there is no such kind, option or worker.
        TypeError: this failure cannot befall this target.
    """
    if kind not in list(Kind):
        raise ValueError(f"kind {kind!r}: kinds are {', '.join(Kind)}")
    failure = Kind(kind)
    if isinstance(target, Instance):
        target.faults.append(kind)
    pool = target.pool if isinstance(target, Instance) else target
    _check(failure, options)
    if isinstance(pool, StagedPool):
        with staged_faults.injected(pool, failure, options) as (worker, words):
            yield Injection(failure, worker, pool.pids().get(worker), words)
        return
    victim = _victim(target, pool, options)
    with _FAILURES[failure](victim) as words:
        yield Injection(failure, victim.worker, victim.pid, words)


_OPTIONS: Final = {
    Kind.CRASH: {"signal"},
    Kind.TIMEOUT: set[str](),
    Kind.PARTITION: {"direction"},
    Kind.EXHAUST: {"resource", "headroom"},
}


def _check(kind: Kind, options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - _OPTIONS[kind] - {"worker"})
    if unknown:
        known = ", ".join(sorted(_OPTIONS[kind] | {"worker"}))
        raise ValueError(f"{kind} has no option {', '.join(unknown)}; it has {known}")
    for name, kinds in (("direction", Direction), ("resource", Resource)):
        if name in options and options[name] not in list(kinds):
            raise ValueError(f"{name} {options[name]!r}: it is one of {', '.join(kinds)}")


@frozen
class _Victim:
    target: Any
    pool: Any
    worker: int | None
    pid: int
    options: dict[str, Any]


def _victim(target: Any, pool: Any, options: dict[str, Any]) -> _Victim:
    """Which worker, and its process; a process that is no worker has no number."""
    wanted = options.get("worker")
    if isinstance(pool, int):
        return _Victim(target, pool, None, pool, options)
    known = pool.pids() if hasattr(pool, "pids") else dict(enumerate(worker_pids(pool)))
    number = min(known, default=None) if wanted is None else wanted
    if number not in known:
        there = ", ".join(map(str, sorted(known))) or "none"
        raise ValueError(f"worker {number} is not there; there are {there}")
    return _Victim(target, pool, number, known[number], options)


@contextlib.contextmanager
def _crash(victim: _Victim) -> Iterator[str]:
    pool, pid = victim.pool, victim.pid
    blow = signal.Signals(victim.options.get("signal", signal.SIGKILL))
    workers = len(ready_of(pool.stats())) if hasattr(pool, "stats") else 0
    process = psutil.Process(pid)
    process.send_signal(blow)
    wait_for(lambda: _is_dead(process), EFFECT_S)
    yield f"process {pid} was ended by {blow.name}"
    if workers:  # which counts the dead one until the pool has seen its end
        wait_for(lambda: victim.worker not in ready_of(pool.stats()), EFFECT_S)
        ensure_pool_ready(pool, workers, EFFECT_S)


@contextlib.contextmanager
def _timeout(victim: _Victim) -> Iterator[str]:
    process = psutil.Process(victim.pid)
    process.suspend()
    try:
        wait_for(lambda: process.status() == psutil.STATUS_STOPPED, EFFECT_S)
        yield f"process {victim.pid} is stopped"
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # the pool has ended it meanwhile
            process.resume()


@contextlib.contextmanager
def _partition(victim: _Victim) -> Iterator[str]:
    relay = getattr(victim.target, "relay", None)
    if relay is None or victim.worker is None:
        raise TypeError(
            "a partition needs an isolated instance whose pipes lead through a relay: "
            "isolated(…, relayed=True), and its isolated_instance"
        )
    direction = Direction(victim.options.get("direction", Direction.BOTH))
    with relay.cut(victim.worker, direction):
        yield f"worker {victim.worker} is cut off: {direction}"


@contextlib.contextmanager
def _exhaust(victim: _Victim) -> Iterator[str]:
    what = Resource(victim.options.get("resource", Resource.MEMORY))
    usual = 16 * _MIB if what is Resource.MEMORY else 0
    with exhausted(victim.pid, what, victim.options.get("headroom", usual)) as limit:
        yield f"process {victim.pid} may have {limit} of {what}"


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


_FAILURES: Final[dict[Kind, Callable[[_Victim], AbstractContextManager[str]]]] = {
    Kind.CRASH: _crash,
    Kind.TIMEOUT: _timeout,
    Kind.PARTITION: _partition,
    Kind.EXHAUST: _exhaust,
}

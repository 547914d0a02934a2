"""Failures of a staged pool for the time of a block: what the schedule withholds, and faults."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import psutil

from machines import trace
from machines.gate import Start
from machines.harness.limits import Resource
from machines.harness.relay import Direction
from machines.harness.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from machines.harness.staged import StagedPool


@contextlib.contextmanager
def injected(pool: StagedPool, kind: str, options: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """The failure is in force while this lasts; the worker's number and what was done are yielded.

    Args:
        pool: whose worker it befalls.
        kind: `crash`, `timeout`, `partition` or `exhaust`.
        options: as for `inject_failure`, checked.

    Raises:
        ValueError: there is no such worker, or it cannot befall it now.
    """
    there = pool.workers()
    worker = options.get("worker", min(there, default=-1))
    if worker not in there:
        known = ", ".join(map(str, there)) or "none"
        raise ValueError(f"worker {worker} is not there; there are {known}")
    with _FAILURES[kind](pool, worker, options) as words:
        yield worker, words


@contextlib.contextmanager
def _crash(pool: StagedPool, worker: int, options: dict[str, Any]) -> Iterator[str]:
    del options  # by whichever signal: on these layers a killed process is a dead one
    before = len(pool.workers())
    pool.do(trace.Crash(worker))
    yield f"worker {worker} was killed"
    pool.go_on(lambda: len(pool.workers()) >= before)


@contextlib.contextmanager
def _timeout(pool: StagedPool, worker: int, options: dict[str, Any]) -> Iterator[str]:
    del options
    if not pool.do(trace.Stop(worker)):
        raise ValueError(f"worker {worker} cannot be stopped: it does not run")
    pool.stopped.add(worker)
    pid = pool.pids().get(worker)
    try:
        if pid is not None:  # the kernel stops it a moment after it has taken the signal
            process = psutil.Process(pid)
            wait_for(lambda: process.status() == psutil.STATUS_STOPPED)
        yield f"worker {worker} is stopped"
    finally:
        pool.stopped.discard(worker)
    pool.do(trace.Continue(worker))  # impossible if the pool has ended it meanwhile


@contextlib.contextmanager
def _partition(pool: StagedPool, worker: int, options: dict[str, Any]) -> Iterator[str]:
    direction = Direction(options.get("direction", Direction.BOTH))
    held = {Direction.FROM_WORKER: pool.deaf, Direction.TO_WORKER: pool.mute}
    cut = [held[way] for way in direction.ways]
    for workers in cut:
        workers.add(worker)
    try:
        yield f"worker {worker} is cut off: {direction}"
    finally:
        for workers in cut:
            workers.discard(worker)


@contextlib.contextmanager
def _exhaust(pool: StagedPool, worker: int, options: dict[str, Any]) -> Iterator[str]:
    what = Resource(options.get("resource", Resource.MEMORY))
    if what is not Resource.MEMORY:  # for want of either the next worker does not start
        pool.do(trace.NextStart(Start.REFUSED))
        try:
            yield f"the next start of a worker is refused for want of {what}"
        finally:
            pool.do(trace.NextStart(Start.NORMAL))
        return
    if not pool.do(trace.Swell(worker)):
        raise ValueError(f"worker {worker} runs no task that could take memory")
    yield f"the task that runs on worker {worker} has taken more than its limit"
    # The pool recycles it when it has answered; nothing is to be put back.


_FAILURES: Final[
    dict[str, Callable[[StagedPool, int, dict[str, Any]], AbstractContextManager[str]]]
] = {"crash": _crash, "timeout": _timeout, "partition": _partition, "exhaust": _exhaust}

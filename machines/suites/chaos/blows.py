"""Blows: what is done to a pool's workers, one at a time, each to its end."""

from __future__ import annotations

import contextlib
import errno
import math
import os
from functools import partial
from typing import TYPE_CHECKING, Final

import psutil

from machines.harness import inject_failure, synchronize
from machines.harness.limits import Resource, exhausted
from machines.harness.relay import Direction
from machines.harness.waiting import WaitedTooLong, wait_for
from machines.suites.chaos.ledger import Wish
from machines.suites.chaos.meddling import done_by

if TYPE_CHECKING:
    from machines.suites.chaos.arena import Arena

SHARE: Final = 0.6
LINKS: Final = 4
HERD: Final = 64
STEP_BYTES: Final = 8 << 20
_REPLACED_S: Final = 10.0
_STEPS_MAX: Final = 64
_STEP_S: Final = 5.0
_PATIENT_S: Final = 0.5
_MEDDLED_S: Final = 10.0
_STANDSTILL_S: Final = 0.2
_SCARCE_S: Final = 0.3
_PARTED_S: Final = (0.3, 1.5)


def kill_most(arena: Arena) -> None:
    """60% of the workers are killed, as quickly as one process can; the pool is whole again."""
    there = arena.workers()
    count = min(len(there), math.ceil(SHARE * arena.pool.config.size))
    victims = dict(arena.chance.sample(sorted(there.items()), count))
    arena.mark(f"{count} of {len(there)} workers are killed")
    for worker, pid in victims.items():
        arena.kill(worker, pid)
    arena.recover(set(victims))


def cascade(arena: Arena) -> None:
    """A worker is killed, then whoever took its place, and so on."""
    there = arena.workers()
    if not there:
        return
    worker = arena.chance.choice(sorted(there))
    arena.mark(f"worker {worker} is killed, and each that takes its place")
    victims = set()
    for _ in range(LINKS):
        before = arena.workers()
        if worker not in before:
            break
        arena.kill(worker, before[worker])
        victims.add(worker)
        try:
            fresh = wait_for(partial(_fresh, arena, before), _REPLACED_S)
        except WaitedTooLong:
            break  # whether it comes back at all is demanded at the end
        worker = fresh[0]
    arena.recover(victims)


def _fresh(arena: Arena, before: dict[int, int]) -> list[int]:
    return sorted(set(arena.workers()) - set(before))


def herd(arena: Arena) -> None:
    """No worker answers, clients come all at one moment, and then everybody is let go."""
    with contextlib.ExitStack() as stopped:
        for pid in arena.workers().values():
            with contextlib.suppress(psutil.NoSuchProcess, WaitedTooLong):  # it has just died
                stopped.enter_context(inject_failure("timeout", pid))
        arena.mark(f"all workers stand still, and {HERD} clients come at one moment")
        wishes = [Wish(retries=3 * (at % 2)) for at in range(HERD)]
        came = synchronize([partial(arena.load.wish, wish) for wish in wishes])
        arena.struck["herds"] += 1
        for ended in came.values():
            ended.result()
        arena.hold(_STANDSTILL_S)
    arena.mark("they go on")


def fill_memory(arena: Arena) -> None:
    """A session's worker takes memory step by step, until the pool recycles it and says so."""
    session = arena.chance.randrange(len(arena.load.sessions))
    life = arena.load.lives[session]
    arena.mark(f"session {session} takes {STEP_BYTES >> 20} MiB at each step")
    for step in range(1, _STEPS_MAX + 1):
        number = arena.load.wish(arena.load.in_session(session, "keep", STEP_BYTES))
        arena.struck["steps of memory"] += 1
        arena.load.ledger.await_answer(number, _STEP_S)
        if arena.load.lives[session] != life:
            arena.mark(f"it was told of its loss at step {step}")
            arena.struck["recycled for memory"] += 1
            return


def starve_memory(arena: Arena) -> None:
    """A worker's process may take a little more memory, step by step less, and tasks want it."""
    there = arena.workers()
    if not there:
        return
    worker = arena.chance.choice(sorted(there))
    arena.mark(f"worker {worker} may take hardly any more memory")
    for headroom in (4 * STEP_BYTES, STEP_BYTES, STEP_BYTES // 8, 0):
        with contextlib.ExitStack() as starving:
            starving.enter_context(contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError))
            starving.enter_context(exhausted(there[worker], Resource.MEMORY, headroom))
            wishes = [Wish("keep", size=STEP_BYTES)] * arena.pool.config.size
            for number in [arena.load.wish(wish) for wish in wishes]:
                arena.load.ledger.await_answer(number, _STEP_S)
        arena.struck["starved of memory"] += 1


def take_descriptors(arena: Arena) -> None:
    """The pool's own process gets no more descriptors, while workers die."""
    arena.mark("no descriptor is left to the pool's process, and a worker is killed")
    with exhausted(os.getpid(), Resource.DESCRIPTORS):
        _lose_one(arena)
        arena.struck["without descriptors"] += 1
    arena.recover(arena.killed)


def take_processes(arena: Arena) -> None:
    """The system refuses new processes, while workers die."""
    arena.mark("no process can be started, and a worker is killed")
    arena.relay.refusal = BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    try:
        _lose_one(arena)
        arena.struck["without processes"] += 1
    finally:
        arena.relay.refusal = None
    arena.recover(arena.killed)


def _lose_one(arena: Arena) -> None:
    there = arena.workers()
    if there:
        worker = arena.chance.choice(sorted(there))
        arena.kill(worker, there[worker])
    arena.hold(_SCARCE_S)


def part(arena: Arena) -> None:
    """Some workers and the pool hear nothing of each other for a while."""
    there = sorted(arena.workers())
    parted = arena.chance.sample(there, max(1, len(there) // 3)) if there else []
    seconds = arena.chance.uniform(*_PARTED_S)
    arena.mark(f"{len(parted)} workers are cut off for {seconds:.1f} s")
    with contextlib.ExitStack() as cut:
        for worker in parted:
            direction = arena.chance.choice(list(Direction))
            cut.enter_context(arena.relay.cut(worker, direction))
        arena.struck["parted"] += len(parted)
        arena.hold(seconds)
    arena.mark("they hear each other again")


def wait(arena: Arena) -> None:
    """Nothing is done to workers; it has befallen their frames, if somebody meddles with them."""
    arena.pause(_PATIENT_S)
    if arena.relay.meddler is not None:
        with contextlib.suppress(WaitedTooLong):  # then the run has shown nothing, and says so
            wait_for(lambda: done_by(arena.relay.meddler), _MEDDLED_S)

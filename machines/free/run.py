"""One free run: a real pool, its clients and its nemesis, to the verified end."""

from __future__ import annotations

import concurrent.futures
import os
import random
import signal
import threading
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import frozen

from machines import scratch
from machines.free.clients import Party, attend
from machines.free.nemesis import Nemesis
from machines.free.seen import Notes, Seen
from machines.setting import Setting
from pool import Pool
from pool.record import Record, read_record

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from pool import PoolConfig

RECORD, PIPE = "record.jsonl", "notes"
FLAVOURS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"prefetch": 2},
    {"tasks_max": 7},
    {"queue_limit": 4},
    {"prefetch": 2, "tasks_max": 9},
    {"max_overflow": 1},
)


@frozen
class Plan:
    """What a seed decides of a run, and what it does not.

    Attributes:
        seed: fixes what clients want and whom the nemesis strikes; not who is faster.
        setting: the pool's.
        party: the clients.
        blows: how many signals the nemesis sends.
        start_method: how workers' processes start.
    """

    seed: int
    setting: Setting
    party: Party = attrs.Factory(Party)
    blows: int = 5
    start_method: str = "forkserver"


def plan_of(seed: int, **changes: Any) -> Plan:
    """The plan that this seed stands for is returned.

    Args:
        seed: any number.
        **changes: other fields of the plan.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing here is a secret
    flavour = FLAVOURS[seed % len(FLAVOURS)]
    return Plan(seed, **{"setting": Setting(size=chance.randint(1, 3), **flavour), **changes})


@frozen
class FreeRun:
    """What a run left.

    Attributes:
        plan: what it was.
        seen: what clients and workers saw.
        record: what the flight recorder wrote.
        struck: how often which signal reached a worker that held a task.
        ended: whether the pool ended in time.
        left: what was there after the pool had ended, each in a few words.
        workers: how many processes of workers there were.
    """

    plan: Plan
    seen: Seen
    record: Record
    struck: Counter[str]
    ended: bool
    left: tuple[str, ...]
    workers: int


def free_run(
    plan: Plan, folder: Path, make: Callable[[PoolConfig], Pool] | None = None
) -> FreeRun:
    """The clients have had their answers, the pool has ended, and all that was seen is returned.

    Args:
        plan: what is to happen.
        folder: where the record is written.
        make: makes the pool, perhaps with a bug planted in its loop.
    """
    record = folder / RECORD
    config = attrs.evolve(
        plan.setting.config(),
        record=record,
        start_method=plan.start_method,
        preload=("machines.free.work",) if plan.start_method == "forkserver" else (),
    )
    if plan.start_method == "forkserver":
        scratch.claim()  # before the forkserver runs, which puts its socket there
        forkserver.ensure_running()  # before anything is counted
    before = _census()
    seen = Seen()
    notes = Notes(folder / PIPE, seen)
    pids: set[int] = set()
    try:
        pool = make(config) if make is not None else Pool(config=config)
        try:
            chance = random.Random(f"{plan.seed}/nemesis")  # noqa: S311 - as above
            nemesis = Nemesis(pool, seen, plan.blows, chance)
            nemesis.start()
            attend(pool, seen, str(folder / PIPE), plan.party, plan.seed)
            nemesis.join()
            pids |= set(pool.pids().values())
        finally:
            pool.shutdown(wait=False)
            ended = pool._loop.join(plan.party.limit_s)  # noqa: SLF001 - `shutdown` has no limit
    finally:
        notes.close()
    left = _left(before, pids) if ended else []
    workers = {note.worker for note in seen.notes}
    return FreeRun(
        plan, seen, read_record(record), nemesis.struck, ended, tuple(left), len(workers)
    )


def _census() -> dict[str, int]:
    descriptors = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return {"descriptors": len(os.listdir(descriptors)), "threads": threading.active_count()}


def _left(before: dict[str, int], pids: set[int]) -> list[str]:
    left = [f"process {pid}" for pid in sorted(pids) if _lives(pid)]
    now = _census()
    left += [f"{now[what] - n} {what} more than before" for what, n in before.items() if now[what] > n]
    return left


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

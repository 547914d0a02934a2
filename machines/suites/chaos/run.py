"""One chaos run: a fresh pool under load, its blows, and what is left when they stop.

First faults, then peace: whoever strikes and meddles stops, the clients stop coming, and then
everything that was accepted must resolve, the pool must be whole, answer everybody, and end.
"""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from machines.harness import Instance
from machines.harness.footprint import Leaked
from machines.harness.instance import Plan
from machines.suites.chaos.arena import Arena
from machines.suites.chaos.ledger import Ledger, State, Told, Wish
from machines.suites.chaos.load import SESSIONS, Load
from machines.suites.chaos.meddling import done_by

if TYPE_CHECKING:
    from machines.suites.chaos.scenarios import Scenario
    from pool import PoolStats

# So many more tasks than the load brings can be wished for, by blows and at the end.
_ROOM_MORE: Final = 20_000
_ROOM_RATE: Final = 400
_FAREWELL_TASKS: Final = 3
GRACE_S: Final = 5.0


@frozen
class Peace:
    """What came after the blows.

    Attributes:
        lost: how many accepted tasks had no answer, long after.
        whole: seconds until the pool was at strength; infinitely many if it never was.
        asked: how many tasks were accepted then.
        answered: how many of them returned.
        stats: the pool's own, before its end.
    """

    lost: int
    whole: float
    asked: int
    answered: int
    stats: PoolStats


@frozen(kw_only=True)
class ChaosRun:
    """What a run left.

    Attributes:
        scenario: which one.
        seed: fixes what is wanted and who is struck; not who is faster.
        seconds: how long it was struck, calm before it included.
        arena: what was done to the pool, and what its clients were told.
        memory: private bytes of the pool's process, at moments between the blows.
        peace: what came after them.
        ended_s: seconds that its end took, all that is counted and removed after it included.
        grace_s: seconds that it may take.
        left: what was left behind, each in a few words.
    """

    scenario: Scenario
    seed: int
    seconds: float
    arena: Arena
    memory: list[int]
    peace: Peace
    ended_s: float
    grace_s: float
    left: tuple[str, ...]

    @property
    def ledger(self) -> Ledger:
        """Every task."""
        return self.arena.load.ledger


def run_chaos(
    scenario: Scenario, folder: Path, *, seconds: float, seed: int, tasks: int | None = None
) -> ChaosRun:
    """The scenario has happened to a fresh pool, and what it left is returned.

    Args:
        scenario: which one.
        folder: where workers note their starts.
        seconds: how long it is struck; each kind of blow comes at least once.
        seed: of what is wanted and of who is struck.
        tasks: so many tasks, as fast as the pool takes them, and then it ends; else by the rate.

    Raises:
        OverflowError: clients wanted more than the run has room for.
    """
    room = 2 * tasks if tasks is not None else int((scenario.rate + _ROOM_RATE) * seconds)
    ledger = Ledger(room + _ROOM_MORE)
    notes = folder / "starts"
    notes.touch()
    config = {"size": scenario.size, **scenario.settings}
    plan = Plan(config=config, label=scenario.name, seed=seed, grace=GRACE_S, relayed=True)
    instance = Instance(plan).start()
    memory: list[int] = []
    left: tuple[str, ...] = ()
    try:
        load = Load(instance.pool, ledger, notes, scenario.rate, scenario.mix, seed, tasks)
        arena = Arena(instance, load, instance.random, time.monotonic())
        _war(arena, scenario, seconds, memory)
        peace = _peace(arena, scenario)
        ending = time.monotonic()
    finally:
        try:
            instance.close()
        except Leaked as error:
            left = error.left
    return ChaosRun(
        scenario=scenario,
        seed=seed,
        seconds=seconds,
        arena=arena,
        memory=memory,
        peace=peace,
        ended_s=time.monotonic() - ending,
        grace_s=GRACE_S + instance.pool.config.grace,
        left=left,
    )


def _war(arena: Arena, scenario: Scenario, seconds: float, memory: list[int]) -> None:
    """The load and the blows have come, and so many seconds have passed."""
    arena.load.start()
    timer = threading.Timer(seconds, arena.over.set)
    timer.start()
    try:
        if arena.load.tasks is not None:
            threading.Thread(target=arena.await_load, name="chaos-tasks").start()
        else:
            arena.pause(scenario.calm)
        if scenario.meddler is not None:
            arena.relay.meddler = scenario.meddler(arena.chance)
            arena.mark(scenario.words)
        first = sorted(set(scenario.blows), key=lambda blow: blow.__name__)
        arena.chance.shuffle(first)
        while first or not arena.over.is_set():
            memory.append(own_bytes())
            blow = first.pop() if first else arena.chance.choice(scenario.blows)
            blow(arena)
            arena.pause(scenario.pause)
    finally:
        arena.over.set()
        timer.cancel()
        timer.join()
        arena.load.stop()
        arena.struck.update(done_by(arena.relay.meddler))
        arena.relay.meddler = None
        memory.append(own_bytes())
        arena.mark("peace")


def _peace(arena: Arena, scenario: Scenario) -> Peace:
    """Nobody strikes any more, and what came of everything is known."""
    lost = arena.load.ledger.await_all(scenario.patience)
    whole = arena.await_strength(set(), scenario.patience)
    load = arena.load
    numbers = [load.wish(Wish("short")) for _ in range(_FAREWELL_TASKS * scenario.size)]
    for session in range(SESSIONS):
        first = load.wish(load.in_session(session))
        # Refused, if it was lost and nobody had asked since; then it is open again.
        numbers += [first, load.wish(load.in_session(session))]
    load.ledger.await_all(scenario.patience)
    lines = load.ledger.lines[numbers]
    refused = int(((lines["state"] == State.REFUSED) & (lines["session"] >= 0)).sum())
    answered = int((lines["ending"] == Told.RETURNED).sum())
    return Peace(lost, whole, len(numbers) - refused, answered, arena.pool.stats())


def own_bytes() -> int:
    """The memory that this process shares with no other, after a collection; 0 if nobody says."""
    gc.collect()
    total = 0
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, rest = line.partition(":")
        if name in ("Private_Clean", "Private_Dirty"):
            total += int(rest.split()[0]) * 1024
    return total

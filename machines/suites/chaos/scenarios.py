"""Scenarios: which chaos there is, on what pool, under what load."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from machines.suites.chaos import blows
from machines.suites.chaos.load import Mix
from machines.suites.chaos.meddling import Corrupt, Delay, Forge, Together

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from machines.harness.relay import Meddler
    from machines.suites.chaos.arena import Arena

    Blow = Callable[[Arena], None]

_MIB: Final = 1 << 20
RATE: Final = 500.0
SIZE: Final = 10
# Each damaged frame costs a worker, and its successor's start some 10 ms of a processor.
DAMAGED_RATE: Final = 100.0
CORRUPTED: Final = 0.05


@frozen(kw_only=True)
class Scenario:
    """One kind of chaos.

    Attributes:
        name: how it is asked for.
        words: what happens, in a sentence.
        blows: what is done to workers, one of these at a time, by chance.
        pause: seconds between two blows.
        rate: operations a second.
        size: of the pool.
        settings: other fields of the pool's configuration.
        mix: what clients want.
        meddler: makes whoever comes between the pool and its workers; nobody unless given.
        calm: seconds of load before the first blow.
        patience: seconds that workers get to come back after a blow, and tasks to resolve in peace.
    """

    name: str
    words: str
    blows: tuple[Blow, ...] = (blows.wait,)
    pause: float = 0.2
    rate: float = RATE
    size: int = SIZE
    settings: Mapping[str, Any] = field(factory=dict)
    mix: Mix = field(factory=Mix)
    meddler: Callable[[random.Random], Meddler] | None = None
    calm: float = 0.5
    patience: float = 30.0


def _delayed(chance: random.Random) -> Meddler:
    return Delay(0.01, chance)


def _corrupted(chance: random.Random) -> Meddler:
    return Corrupt(CORRUPTED, chance)


def _forged(chance: random.Random) -> Meddler:
    return Forge(CORRUPTED, chance)


def _everything(chance: random.Random) -> Meddler:
    return Together([Delay(0.01, chance), Corrupt(CORRUPTED, chance), Forge(CORRUPTED, chance)])


_CHECKED: Final = {"health_interval": 0.2, "health_timeout": 0.2, "health_failures_max": 3}
_LIMITED: Final = {"memory_limit": 128 * _MIB}
_QUEUE: Final = {"queue_limit": 200}

ALL: Final = "all"

_SCENARIOS: Final = (
    Scenario(
        name="kill",
        words="60% of the workers are killed at once, again and again",
        blows=(blows.kill_most,),
        mix=Mix(short=30.0, linger=40.0),  # so that those killed hold tasks
        pause=5.0,
        calm=5.0,
    ),
    Scenario(
        name="cascade",
        words="a worker is killed, then whoever takes its place, and so on",
        blows=(blows.cascade,),
    ),
    Scenario(
        name="herd",
        words="no worker answers, and clients come all at one moment",
        blows=(blows.herd,),
        settings=_QUEUE,
    ),
    Scenario(name="delay", words="frames come 100 to 500 ms late", meddler=_delayed),
    Scenario(
        name="corruption",
        words="5% of the frames are damaged, both ways",
        meddler=_corrupted,
        rate=DAMAGED_RATE,
    ),
    Scenario(
        name="byzantine",
        words="5% of the answers are lies in the right form",
        meddler=_forged,
        rate=DAMAGED_RATE,
    ),
    Scenario(
        name="memory",
        words="workers take memory step by step, to the pool's limit and to the system's",
        blows=(blows.fill_memory, blows.fill_memory, blows.starve_memory),
        settings=_LIMITED,
    ),
    Scenario(
        name="scarcity",
        words="descriptors and processes run out while workers die",
        blows=(blows.take_descriptors, blows.take_processes),
    ),
    Scenario(
        name="partition",
        words="workers and pool hear nothing of each other",
        blows=(blows.part,),
        settings=_CHECKED,
        mix=Mix(timed=20.0),
    ),
    Scenario(
        name=ALL,
        words="all of it together",
        blows=(
            blows.kill_most,
            blows.cascade,
            blows.herd,
            blows.fill_memory,
            blows.starve_memory,
            blows.take_descriptors,
            blows.take_processes,
            blows.part,
        ),
        settings={**_CHECKED, **_LIMITED, **_QUEUE},
        mix=Mix(timed=20.0),
        rate=DAMAGED_RATE,
        meddler=_everything,
    ),
)
SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType({one.name: one for one in _SCENARIOS})

"""Pace: a short comparison of speed with a recorded baseline.

Processor time is measured, not the clock, and each measure stands beside a calibration loop in the
same round; what is compared is their ratio, which one computer and the next have nearly in common.
`python -m machines.gatekeeper.pace` measures and prints; `--record` writes the baseline, which is
never allowed to become slower.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import frozen

from machines import garbage
from machines.walker import walk
from pool import Pool
from pool.core import Core

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE: Final = Path("artifacts/baselines/pace.json")
FORMAT: Final = 1
# A slow-down of 30 % must be seen, and none must not be: the bar lies between, equally far from
# both. It is a choice between two errors, and no figure that was ever measured went into it.
SLOWER_MAX: Final = 1.3**0.5
ROUNDS: Final = 9
WALKS: Final = 24
CORE_TIMES: Final = 6
CALLS: Final = 4_000
TURNS: Final = 120_000


@frozen
class Measured:
    """What a measure cost beside the calibration loop.

    Attributes:
        seconds: processor time of the measure, each round's.
        calibration: that of the calibration loop, in the same rounds.
    """

    seconds: tuple[float, ...]
    calibration: tuple[float, ...]

    @property
    def cost(self) -> float:
        """The ratio of the best rounds: what disturbs can only make a round longer."""
        return min(self.seconds) / min(self.calibration)

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles of the rounds' ratios, as a part of their median."""
        ratios = [one / other for one, other in zip(self.seconds, self.calibration, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        return (high - low) / 2 / middle


def measured(rounds: int) -> dict[str, Measured]:
    """Every measure was taken in turn, so many times; each is returned by its name.

    Args:
        rounds: at least 2.
    """
    measures = _measures()
    seconds: dict[str, list[float]] = {name: [] for name in measures}
    calibration: dict[str, list[float]] = {name: [] for name in measures}
    with garbage.set_aside():
        for measure in measures.values():  # what is only done once is not measured
            measure()
        for _ in range(rounds):
            for name, measure in measures.items():
                calibration[name].append(_seconds(_calibration))
                seconds[name].append(_seconds(measure))
    return {name: Measured(tuple(seconds[name]), tuple(calibration[name])) for name in measures}


def _measures() -> dict[str, Callable[[], object]]:
    walks = [walk(seed) for seed in range(WALKS)]
    stories = [
        (trace.setting.config(), [entry for entry in report.log if type(entry) is tuple])
        for trace, report in walks
    ]

    def core() -> None:
        for config, events in stories * CORE_TIMES:
            handle = Core(config).handle
            for now, event in events:
                handle(event, now)

    def machines() -> None:
        for seed in range(WALKS):
            walk(seed)

    return {"core": core, "machines": machines, "pool": _pool}


def _pool() -> None:
    """Processor time of the program that has the pool, for calls that do nothing."""
    with Pool(size=2) as pool:
        for future in [pool.submit(abs, 1) for _ in range(CALLS)]:
            future.result()


def _calibration() -> int:
    """What plain Python costs here: calls, attributes, dictionaries, lists and small objects."""
    known: dict[tuple[str, int], _Small] = {}
    queue: list[int] = []
    for turn in range(TURNS):
        key = ("turn", turn & 4095)
        small = known.get(key)
        if small is None:
            small = known[key] = _Small(turn)
        small.count(turn)
        queue.append(small.total & 7)
        if len(queue) > 64:
            queue.clear()
    return len(known)


class _Small:
    __slots__ = ("total",)

    def __init__(self, total: int) -> None:
        self.total = total

    def count(self, more: int) -> None:
        """It is more."""
        self.total += more if isinstance(more, int) else 0


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def python() -> str:
    """Which baseline is this Python's: another version is faster at one thing than another."""
    return f"{sys.implementation.name}-{platform.python_version().rpartition('.')[0]}"


def load(file: Path = FILE) -> dict[str, Any]:
    """The baselines, by Python and measure; none if there is no file."""
    if not file.exists():
        return {}
    facts = json.loads(file.read_text())
    if facts["format"] != FORMAT:
        raise click.ClickException(f"{file}: format {facts['format']!r} is unknown")
    return dict(facts["costs"])


def recorded(known: Mapping[str, Any], found: Mapping[str, Measured]) -> dict[str, Any]:
    """The baselines with this Python's taken over, where it is faster than what is known.

    Args:
        known: the baselines of before.
        found: what was measured now.
    """
    mine = dict(known.get(python(), {}))
    for name, one in found.items():
        mine[name] = round(min(one.cost, mine.get(name, one.cost)), 4)
    return {**known, python(): mine}


def dumps(costs: Mapping[str, Any]) -> str:
    """The file's text."""
    return json.dumps({"format": FORMAT, "costs": costs}, indent=1, sort_keys=True) + "\n"


def facts(known: Mapping[str, Any], found: Mapping[str, Measured]) -> dict[str, Any]:
    """What is printed.

    Args:
        known: the baselines.
        found: what was measured now.
    """
    mine = known.get(python(), {})
    return {
        "python": python(),
        "slower_max": round(SLOWER_MAX, 4),
        "measures": [
            {
                "name": name,
                "cost": round(one.cost, 4),
                "spread": round(one.spread, 4),
                "rounds": len(one.seconds),
                "baseline": mine.get(name),
                "ratio": round(one.cost / mine[name], 4) if name in mine else None,
            }
            for name, one in found.items()
        ],
    }


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=ROUNDS, show_default=True)
@click.option("--record", is_flag=True, help="Write the baseline, where it is faster than before.")
def main(rounds: int, *, record: bool) -> None:
    """Print what each measure costs beside the calibration loop, and beside the baseline."""
    known, found = load(), measured(rounds)
    if record:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(dumps(recorded(known, found)))
    click.echo(json.dumps(facts(known, found), indent=1))


if __name__ == "__main__":
    main()

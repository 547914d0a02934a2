"""Transition coverage: what fired on each layer, held against what is reachable there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.firings import AFTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from machines.firings import Coverage
    from machines.reachable import Reachable
    from machines.run import Report
    from machines.tally import Tally

KINDS: Final = ("worker", "session", "breaker", "task")
# By the layer's name, the faults that have no meaning there, each with the reason.
MEANINGLESS: Final[Mapping[str, Mapping[str, str]]] = {}
# What clients and the clock do on `free` nobody can choose; there nothing is owed.
OWES_NOTHING: Final = ("free",)
WIDTH: Final = 80
GAPS_MAX: Final = 5


@frozen
class Standing:
    """One layer's fired and missing tuples.

    Attributes:
        layer: its name.
        fired: how often each tuple fired there.
        reachable: the tuples that can fire there, in the file's order.
    """

    layer: str
    fired: Mapping[str, int]
    reachable: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """What could have fired and did not; the plain moves come first."""
        gaps = [name for name in self.reachable if not self.fired.get(name)]
        return sorted(gaps, key=lambda name: AFTER in name)

    @property
    def beyond(self) -> list[str]:
        """What fired although the search, within its bounds, did not come to it."""
        return sorted(set(self.fired) - set(self.reachable))

    @property
    def percent(self) -> float:
        """Of what is reachable, how much fired; rounded down, so that 100 means all of it."""
        fired, reachable = self.counts("")
        return 100.0 if not reachable else fired * 1000 // reachable / 10

    def counts(self, kind: str) -> tuple[int, int]:
        """How many tuples of this kind fired, and how many are reachable."""
        names = [name for name in self.reachable if name.startswith(kind)]
        return sum(1 for name in names if self.fired.get(name)), len(names)


def shortcoming(number: int, fires: Iterable[str], report: Report) -> str | None:
    """Why the run of a trace of the tour is not what it is there for; None if it is.

    Args:
        number: of the trace in the tour.
        fires: what it fires.
        report: of its run.
    """
    if report.impossible:
        return f"trace {number} of the tour: its steps {report.impossible} were impossible"
    missing = set(fires).difference(report.coverage.fired, report.coverage.happened)
    if missing:
        return f"trace {number} of the tour: it does not fire {min(missing)}"
    return None


def standing(layer: str, coverage: Coverage, reachable: Reachable) -> Standing:
    """The layer's coverage against what is reachable there."""
    meaningless = MEANINGLESS.get(layer, {})
    names = tuple(name for name in reachable.tuples if name.partition(AFTER)[2] not in meaningless)
    return Standing(layer, coverage.fired, names)


def facts(standings: list[Standing], reachable: Reachable) -> dict[str, Any]:
    """What `transitions.json` says."""
    layers = {
        each.layer: {
            "fired": dict(sorted(each.fired.items())),
            "missing": [
                {
                    "tuple": name,
                    "shortest": reachable.tuples[name]["steps"],
                    "setting": reachable.tuples[name]["setting"],
                }
                for name in each.missing
            ],
            "percent": each.percent,
            "beyond": each.beyond,
        }
        for each in standings
    }
    return {"reachable": list(reachable.tuples), "layers": layers, "bounds": reachable.bounds}


def write(folder: Path, standings: list[Standing], reachable: Reachable) -> Path:
    """`transitions.json` is in the folder, which is made if need be; its path is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "transitions.json"
    text = json.dumps(facts(standings, reachable), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def table(standings: list[Standing], reachable: Reachable) -> Iterator[str]:
    """The terminal's lines: fired of reachable for each kind, then the first gaps."""
    yield f"{'fired/reachable':<16}" + "".join(f"{kind:>12}" for kind in KINDS) + f"{'all':>15}"
    for each in standings:
        cells = []
        for kind in KINDS:
            fired, of = each.counts(kind)
            cells.append(f"{f'{fired}/{of}':>12}")
        cells.append(f"{f'{each.percent:g} %':>15}")
        yield f"{each.layer:<16}" + "".join(cells)
    for each in standings:
        if each.layer not in OWES_NOTHING:
            yield from _gaps(each, reachable)


def _gaps(each: Standing, reachable: Reachable) -> Iterator[str]:
    for name in each.missing[:GAPS_MAX]:
        yield from gap(each.layer, name, reachable.tuples[name])
    more = len(each.missing) - GAPS_MAX
    if more > 0:
        yield f"and {more} more on {each.layer}"


def gap(layer: str, name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """The lines that tell of one gap: what did not fire, and the shortest steps to it."""
    head = f"not fired on {layer}: {name}"
    before, after, fault = head.partition(AFTER)
    yield from [head] if len(head) <= WIDTH else [before, f"   {after}{fault}"]
    yield from _wrapped(_told(entry))


def _told(entry: Mapping[str, Any]) -> list[str]:
    """The setting, where it is not the usual one, and the steps; each in a few words."""
    setting = ", ".join(f"{key}={value}" for key, value in entry["setting"].items())
    return [f"with {setting}:" if setting else "with:", *(_step(step) for step in entry["steps"])]


def _step(step: Mapping[str, Any]) -> str:
    words = [step["do"]]
    for key, value in step.items():
        if key in ("worker", "task", "seconds", "how", "operation"):
            words.append(f"{value:g}" if isinstance(value, float) else str(value))
        elif key != "do":
            words.append(key if value is True else f"{key}={value}")
    return " ".join(words)


def _wrapped(parts: list[str]) -> Iterator[str]:
    line = "   "
    for at, part in enumerate(parts):
        end = "," if 0 < at < len(parts) - 1 else ""
        if len(line) + 1 + len(part) + len(end) > WIDTH:
            yield line
            line = "     "
        line += f" {part}{end}"
    yield line


def commands(present: list[tuple[str, Tally]]) -> Iterator[str]:
    """How often each command and fault was carried out, and how often with a task in flight."""
    names = sorted({name for _, tally in present for name in tally.coverage.commands})
    first = max([len("times (in flight)"), *map(len, names)])
    rest = (WIDTH - first) // max(1, len(present))
    yield f"{'times (in flight)':<{first}}" + "".join(f"{layer:>{rest}}" for layer, _ in present)
    for name in names:
        cells = []
        for _, tally in present:
            times, flying = tally.coverage.commands[name], tally.coverage.in_flight[name]
            cells.append(f"{f'{_short(times)} ({_short(flying)})':>{rest}}")
        yield f"{name:<{first}}" + "".join(cells)


def _short(count: int) -> str:
    """At most six characters, up to a hundred thousand thousand million."""
    for unit in ("", "k", "M"):
        if count < 100_000:
            return f"{count}{unit}"
        count //= 1_000
    return f"{count}G"

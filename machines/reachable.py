"""What is reachable: the search's result as a file, the denominator of transition coverage.

`python -m machines.reachable` searches every scope again and writes `reachable.json`: the bounds,
every tuple with the fewest steps that fire it, and the tour, a small set of traces that together
fire every tuple. It takes about two minutes and a half.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from machines.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from machines.search import Found, Scope

FILE: Final = Path(__file__).with_name("reachable.json")
FORMAT: Final = 2
_NOTHING: Final[Mapping[str, Trace]] = {}
_ARROW: Final = "→"  # what sets a tuple's name apart
_HAPPENS: Final = "happens"  # the section of what must happen sometimes, beside the tuples


@frozen
class Reachable:
    """The file's content, its traces still as plain data.

    Attributes:
        bounds: of each scope, and how much was searched within them.
        tuples: each with the setting and the steps that fire it soonest.
        happens: the same for what must happen sometimes.
        tour: the traces that together fire everything.
    """

    bounds: list[dict[str, Any]]
    tuples: dict[str, dict[str, Any]]
    happens: dict[str, dict[str, Any]]
    tour: list[dict[str, Any]]

    def trace(self, name: str) -> Trace:
        """The trace that makes this happen soonest.

        Args:
            name: a tuple, or what must happen sometimes.
        """
        from machines.plain import trace_of  # noqa: PLC0415 - the plugin needs no traces

        return trace_of({**self.tuples, **self.happens}[name])

    def traces(self) -> Iterator[Trace]:
        """The tour's traces are yielded, in its order."""
        from machines.plain import trace_of  # noqa: PLC0415 - the plugin needs no traces

        return map(trace_of, self.tour)


def load(file: Path = FILE) -> Reachable:
    """What is reachable, as the last search left it."""
    plain = json.loads(file.read_text())
    return Reachable(plain["bounds"], plain["tuples"], plain[_HAPPENS], plain["tour"])


def regenerate(scopes: Iterable[Scope], besides: Mapping[str, Trace] = _NOTHING) -> str:
    """Every scope is searched; what the file must hold is returned.

    Args:
        scopes: the bounds.
        besides: traces for what no search comes to.
    """
    from machines.search import search  # noqa: PLC0415 - only for this
    from machines.tour import tour  # noqa: PLC0415 - only for this

    traces = dict(besides)
    bounds = []
    for scope in scopes:
        found = search(scope)
        bounds.append(_bounds(scope, found))
        for name, steps in found.steps.items():
            if name not in traces or len(steps) < len(traces[name].steps):
                traces[name] = Trace(scope.setting, steps)
    return _dumps(bounds, traces, tour(traces))


def _bounds(scope: Scope, found: Found) -> dict[str, Any]:
    from machines.plain import plain_trace  # noqa: PLC0415 - only for this

    return {
        "scope": scope.name,
        "setting": plain_trace(Trace(scope.setting, ()))["setting"],
        "first": len(scope.first),
        "depth": scope.depth,
        "tasks": scope.tasks,
        "workers": scope.workers,
        "advances": scope.advances,
        "faults": scope.faults,
        "states": found.states,
        "tried": found.tried,
        "exhausted": found.exhausted,
    }


def _dumps(bounds: list[dict[str, Any]], traces: Mapping[str, Trace], tour: list[Trace]) -> str:
    from machines.plain import plain_trace  # noqa: PLC0415 - only for this

    moves = {name: plain_trace(trace) for name, trace in sorted(traces.items()) if "→" in name}
    happens = {
        name: plain_trace(trace) for name, trace in sorted(traces.items()) if "→" not in name
    }
    parts = [
        f'"format": {FORMAT}',
        f'"bounds": {_lines(map(_line, bounds), "[]")}',
        f'"tuples": {_lines((f"{_line(k)}: {_line(v)}" for k, v in moves.items()), "{}")}',
        f'"{_HAPPENS}": {_lines((f"{_line(k)}: {_line(v)}" for k, v in happens.items()), "{}")}',
        f'"tour": {_lines(map(_line, map(plain_trace, tour)), "[]")}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(lines: Iterable[str], brackets: str) -> str:
    opening, closing = brackets[0], brackets[1]
    return opening + "\n  " + ",\n  ".join(lines) + "\n" + closing


def main() -> None:
    """The file is written anew."""
    from machines.scopes import AT_THE_END, SCOPES  # noqa: PLC0415 - only for this

    FILE.write_text(regenerate(SCOPES, AT_THE_END))


if __name__ == "__main__":
    main()

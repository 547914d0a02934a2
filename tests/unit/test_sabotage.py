"""The machines are not blind: any one row changed, in either table, turns them red.

Each changed table is run through the stories of `machines/test_worker_lifecycle.py` and the saved
counterexamples, in simulation, as `pytest machines/` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from machines import counterexample
from machines.drivers import Layer
from machines.firings import legal_moves
from machines.parts import Parts
from machines.run import execute
from machines.test_worker_lifecycle import IDLE, PLAIN, SETTINGS, STORIES, seconds_to_end
from machines.trace import Trace
from model import worker as specified
from pool.core import Core
from pool.lifecycle import LIFECYCLE, WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pool.lifecycle import Because, Row

SAVED = Path(__file__).parents[2] / "artifacts" / "counterexamples"
CHANGED = list[tuple[str, Parts]]


def traces() -> Iterator[Trace]:
    for title, steps in STORIES.items():
        yield Trace(SETTINGS.get(title, PLAIN), steps)
    for path in sorted(SAVED.glob("*.json")):
        yield counterexample.load(path).trace


def is_red(parts: Parts) -> bool:
    """Whether a promise breaks, a step is impossible, or a specified move does not fire."""
    fired: set[str] = set()
    for trace in traces():
        report = execute(trace, parts=parts)
        fired |= report.coverage.moves("worker")
        if report.violation is not None or report.impossible:
            return True
    slow = any(seconds_to_end(Layer.SIM, parts, steps) > 0 for steps in IDLE.values())
    return slow or fired != legal_moves("worker")


def changed_rows() -> CHANGED:
    """The pool with one row removed, one row's target changed, or one row's effects forgotten."""
    variants: CHANGED = []
    for state, row in LIFECYCLE.items():
        for because, (after, actions) in row.items():
            targets = [target for target in WorkerState if target is not after]
            for target in targets:
                name = f"{state}-{because}-to-{target}"
                variants.append((name, _with(state, because, (target, actions))))
            for action in actions:
                name = f"{state}-{because}-without-{action}"
                variants.append((name, _with(state, because, (after, ()))))
            variants.append((f"{state}-{because}-removed", _with(state, because, None)))
    return variants


def _with(state: WorkerState, because: Because, row: Row | None) -> Parts:
    rows = dict(LIFECYCLE[state])
    if row is None:
        del rows[because]
    else:
        rows[because] = row
    changed = type("Changed", (Core,), {"lifecycle": {**LIFECYCLE, state: rows}})
    return Parts(core=changed)


def test_the_pool_as_it_is_is_green() -> None:
    assert not is_red(Parts())


@pytest.mark.parametrize("parts", [pytest.param(parts, id=name) for name, parts in changed_rows()])
def test_a_changed_row_of_the_pool_is_seen(parts: Parts) -> None:
    assert is_red(parts)


@pytest.mark.parametrize("move", list(specified.moves()), ids=":".join)
def test_a_changed_row_of_the_model_is_seen(
    move: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, because, after = move
    other = next(state for state in specified.LEGAL if state != after)
    monkeypatch.setitem(specified.LEGAL[before], because, other)  # type: ignore[arg-type]
    assert is_red(Parts())


@pytest.mark.parametrize("move", list(specified.moves()), ids=":".join)
def test_a_row_that_the_model_lacks_is_seen(
    move: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, because, _ = move
    monkeypatch.delitem(specified.LEGAL[before], because)  # type: ignore[arg-type]
    assert is_red(Parts())


def test_a_row_that_only_the_model_has_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(specified.LEGAL["ready"], "boredom", "busy")  # type: ignore[arg-type]
    assert is_red(Parts())

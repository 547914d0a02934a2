"""Transitions: what fired is held against what is reachable, and told within eighty columns."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from machines import reachable, transitions
from machines.firings import Coverage
from machines.tally import Tallies, Tally
from machines.transitions import Standing, standing

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FILE = reachable.load()
MOVES = ("worker: a → b (c)", "worker: a → b (c) after crash", "task: d → e (f)")


def of(*fired: str) -> Standing:
    return Standing("sim", Counter(fired), MOVES)


def test_percent_is_of_what_is_reachable_and_100_is_all_of_it() -> None:
    assert of().percent == 0
    assert of(*MOVES[:2]).percent == 66.6
    assert of(*MOVES).percent == 100
    many = tuple(f"worker: {number}" for number in range(3000))
    assert Standing("sim", Counter(many[1:]), many).percent == 99.9


def test_what_fired_beyond_the_bounds_counts_for_nothing() -> None:
    each = of(MOVES[0], "worker: x → y (z)")
    assert each.percent == 33.3
    assert each.beyond == ["worker: x → y (z)"]


def test_plain_moves_are_the_first_of_what_is_missing() -> None:
    assert of().missing == [MOVES[0], MOVES[2], MOVES[1]]
    assert of(MOVES[0]).missing == [MOVES[2], MOVES[1]]


def test_kinds_are_counted_apart() -> None:
    assert of(MOVES[1]).counts("worker") == (1, 2)
    assert of(MOVES[1]).counts("task") == (0, 1)
    assert of(MOVES[1]).counts("session") == (0, 0)


def test_a_fault_without_meaning_on_a_layer_is_not_owed_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transitions, "MEANINGLESS", {"wire": {"crash": "a reason"}})
    wire, sim = (standing(layer, Coverage(), FILE).reachable for layer in ("wire", "sim"))
    assert {name for name in sim if name not in wire} == {
        name for name in FILE.tuples if name.endswith(" after crash")
    }


def test_every_fault_without_meaning_on_a_layer_has_its_reason() -> None:
    reasons = [why for faults in transitions.MEANINGLESS.values() for why in faults.values()]
    assert all(len(reason) > 20 for reason in reasons)


def test_the_table_fits_eighty_columns_and_shows_the_shortest_steps() -> None:
    tally = Tally()
    tally.coverage.commands["deliver"] = 123_456_789
    layers = ("sim", "wire", "real")
    nothing = [standing(layer, Coverage(), FILE) for layer in layers]
    lines = [
        *transitions.table(nothing, FILE),
        *transitions.commands([(layer, tally) for layer in layers]),
    ]
    assert max(map(len, lines)) <= transitions.WIDTH
    first = nothing[0].missing[0]
    assert f"not fired on sim: {first}" in lines
    told = lines[lines.index(f"not fired on sim: {first}") + 1]
    assert told.startswith("    with size=1")


def test_every_gap_that_there_can_be_fits_eighty_columns() -> None:
    lines = [
        line for name, entry in FILE.tuples.items() for line in transitions.gap("real", name, entry)
    ]
    assert max(map(len, lines)) <= transitions.WIDTH


def test_the_file_says_all_of_it(tmp_path: Path) -> None:
    coverage = Coverage(Counter(list(FILE.tuples)[1:]))
    path = transitions.write(tmp_path / "new", [standing("sim", coverage, FILE)], FILE)
    told = json.loads(path.read_text())
    assert told["reachable"] == list(FILE.tuples)
    sim = told["layers"]["sim"]
    gap = next(iter(FILE.tuples))
    assert [each["tuple"] for each in sim["missing"]] == [gap]
    assert sim["missing"][0]["shortest"] == FILE.tuples[gap]["steps"]
    assert (sim["percent"], sim["beyond"], sim["fired"][told["reachable"][1]]) == (99.8, [], 1)


def test_tallies_of_several_processes_add_up() -> None:
    one, other = Tallies(), Tallies()
    for tallies in (one, other):
        tallies.due, tallies.stories = {"sim"}, {"sim"}
        tallies.on("sim").coverage.fired["a"] += 1
        tallies.on("sim").coverage.happened["b"] += 2
    one.merge(json.loads(json.dumps(other.plain())))
    assert one.on("sim").coverage.fired == {"a": 2}
    assert one.on("sim").coverage.happened == {"b": 4}
    assert one.stories == {"sim"}

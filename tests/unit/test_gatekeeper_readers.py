"""The gate's readers: each finds what fell short in what a command printed, and by how much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from machines.gatekeeper import figures, listed, pace, readers
from machines.gatekeeper.check import CannotRead, Command, Plan, Ran, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

SUITE = '<testsuites><testsuite name="pytest">{}</testsuite></testsuites>'
PASSED = '<testcase classname="machines.test_counterexamples" name="{}" time="0.1"/>'
FAILED = (
    '<testcase classname="tests.unit.test_arrows" name="{}"><failure message="no&#10;more"/>'
    "</testcase>"
)
SKIPPED = '<testcase classname="a" name="{}"><skipped message="no"/></testcase>'


def ran(output: Any, **environment: str) -> Ran:
    text = output if isinstance(output, str) else json.dumps(output)
    return Ran(Command(("poolcheck", "it"), environment), 0, text, "", 0.1)


def plan(tmp_path: Path, check: str, *cases: str) -> Plan:
    """A plan whose check has left a JUnit file of these cases."""
    one = Plan(tmp_path, tmp_path, 0, 0, 2)
    one.place(check).mkdir()
    (one.place(check) / "junit.xml").write_text(SUITE.format("".join(cases)))
    return one


def words(reading: Reading) -> list[str]:
    return [short.words for short in reading.shortfalls]


def test_only_tests_that_passed_are_executions(tmp_path: Path) -> None:
    one = plan(tmp_path, "arrows", PASSED.format("a"), FAILED.format("b"), SKIPPED.format("c"))
    reading = readers.tests(one, [], "arrows")
    assert (reading.figure, reading.executions) == ("1 of 3 tests", 1)
    assert words(reading) == ["b: no more"]
    assert reading.shortfalls[0].repeat == "pytest 'tests/unit/test_arrows.py::b'"


def test_without_a_junit_file_nothing_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(CannotRead):
        readers.tests(Plan(tmp_path, tmp_path, 0, 0, 2), [], "arrows")


TABLE = """\
layer  examples     steps   transitions fired  replayed
sim          40      4000          10 of 965         0
wire         12       400          10 of 965         3
real          0         0           0 of 965         3
"""


def test_a_layer_on_which_no_machine_came_to_its_end_is_a_shortfall(tmp_path: Path) -> None:
    one = plan(tmp_path, "fresh", PASSED.format("a"))
    reading = readers.machines(one, [ran(TABLE)], "fresh", readers.LAYERS)
    assert words(reading) == [
        "no example of a machine came to its end on real: that is no pass",
    ]
    assert reading.executions == 52


@pytest.mark.parametrize("order", ["{0}-{1}", "{1}-{0}"])
def test_a_listed_counterexample_that_was_not_replayed_is_missed(
    tmp_path: Path, order: str
) -> None:
    names = [("S1-a", layer) for layer in readers.LAYERS] + [("S2-b", "sim"), ("S2-b", "wire")]
    done = [PASSED.format(f"test_saved_counterexample[{order.format(*name)}]") for name in names]
    one = plan(tmp_path, "counterexamples", *done)
    reading = readers.counterexamples(one, [], ["S1-a", "S2-b"])
    assert words(reading) == [
        "S2-b was not replayed on real, though artifacts/counterexamples/LIST names it"
    ]
    assert reading.figure == "2 files on 3 layers: 5 of 6 replayed"


def test_an_empty_list_is_a_shortfall(tmp_path: Path) -> None:
    reading = readers.counterexamples(plan(tmp_path, "counterexamples"), [], [])
    assert words(reading) == ["artifacts/counterexamples/LIST names nothing"]


def test_every_saved_counterexample_is_listed() -> None:
    assert listed.unlisted() == []
    assert listed.listed() != []


def test_what_did_not_fire_is_named_with_its_layer(tmp_path: Path) -> None:
    one = plan(tmp_path, "transitions", PASSED.format("a"))
    full = {"fired": {"x": 1, "y": 1}, "missing": []}
    layers = {"sim": full, "wire": {"fired": {"x": 1}, "missing": [{"tuple": "y"}]}}
    facts = {"reachable": ["x", "y"], "layers": layers}
    (one.place("transitions") / "transitions.json").write_text(json.dumps(facts))
    reading = readers.transitions(one, [])
    assert words(reading) == [
        "1 of 2 transitions did not fire on wire: y",
        "2 of 2 transitions did not fire on real: x, y",
    ]
    assert reading.executions == 0


def search(**changed: Any) -> Reading:
    bounds = {"workers": 2, "tasks": 3, "symmetry": True, "mutant": None}
    facts = {
        "bounds": bounds,
        "orbits": 10,
        "transitions": 30,
        "complete": True,
        "violations": [],
        "found": [],
        "unknown": None,
        **changed,
    }
    return readers.search(Plan(Path(), Path(), 0, 0, 2), [ran(facts)])


def test_a_complete_search_says_within_which_bounds_it_was() -> None:
    reading = search()
    assert (reading.figure, reading.executions) == ("10 orbits, 30 steps", 10)
    assert reading.notes == ("complete within 2 workers, 3 tasks",)
    assert (reading.shortfalls, reading.unknown) == ((), None)


def test_a_search_that_gave_up_is_unknown() -> None:
    reading = search(complete=False, unknown="60 s are over")
    assert reading.unknown == (
        "the search within 2 workers, 3 tasks was not complete: 60 s are over"
    )


def test_what_a_search_found_is_a_shortfall() -> None:
    reading = search(complete=False, found=[{"promise": "S4"}], violations=["S4-1.json"])
    assert words(reading) == ["S4 is broken: S4-1.json"]


def agreed(layer: str, count: int, of: int, **more: Any) -> dict[str, Any]:
    return {"layer": layer, "agreed": count, "walks": of, "disagreements": [], **more}


def agreement(*parts: dict[str, Any]) -> Reading:
    return readers.agreement(
        Plan(Path(), Path(), 0, 0, 2), [ran({"agreement": parts, "crash_points": []})]
    )


def test_agreement_is_a_percentage_of_walks_and_names_those_that_part() -> None:
    parted = [{"seed": 7, "layer": "real", "sentence": "here"}]
    reading = agreement(agreed("wire", 4, 4), agreed("real", 1, 2, disagreements=parted))
    assert reading.figure == "100 % of 4 walks on wire; 50 % of 2 walks on real"
    assert words(reading) == ["walk 7: sim and real part: here"]
    assert reading.shortfalls[0].repeat == "poolcheck check --agreement 1 --real 1 --seed 7"


def test_agreement_of_one_layer_alone_is_no_execution() -> None:
    assert agreement(agreed("wire", 4, 4)).executions == 0
    assert agreement(agreed("wire", 4, 4), agreed("real", 2, 2)).executions == 2


def planted(canary: str = "found", **changed: Any) -> Reading:
    one = {
        "name": "idle-twice",
        "promise": "S4",
        "found": True,
        "found_as": "S4",
        "examples": 10,
        "real": "3/3",
        "digests": 1,
        "passed": True,
        **changed,
    }
    facts = {"mutants": [one], "canary": canary}
    return readers.planted(Plan(Path(), Path(), 0, 0, 2), [ran(facts)])


def test_a_missed_bug_and_a_missed_canary_are_shortfalls() -> None:
    assert words(planted()) == []
    missed = planted("missed", found=False, found_as=None, passed=False)
    assert words(missed) == [
        "the canary was missed: the machines would not see a pool that is plainly broken",
        "idle-twice (S4): missed in 10 examples",
    ]
    assert missed.shortfalls[1].repeat == "poolcheck selfcheck --mutant idle-twice"
    assert words(planted(found_as="S1", passed=False)) == ["idle-twice (S4): found as S1"]


def test_types_and_lint_count_the_files_that_they_looked_at() -> None:
    where = Plan(Path(), Path(), 0, 0, 2)
    clean = readers.types(where, [ran("Success: no issues found in 12 source files\n")])
    assert (clean.executions, words(clean)) == (12, [])
    wrong = readers.types(where, [ran("a.py:1: error: no  [x]\nFound 1 error in 1 file\n")])
    assert words(wrong) == ["a.py:1: error: no [x]"]
    with pytest.raises(CannotRead):
        readers.types(where, [ran("")])
    complaint = {"filename": "a.py", "location": {"row": 3}, "code": "F401", "message": "unused"}
    linted = readers.lint(
        where, [ran("a.py\nb.py\n"), ran([complaint]), ran("Would reformat: b.py\n")]
    )
    assert words(linted) == ["a.py:3: F401 unused", "Would reformat: b.py"]
    assert readers.lint(where, [ran(""), ran([]), ran("")]).executions == 0


def test_a_run_with_another_digest_under_another_hash_seed_is_named() -> None:
    first = ran({"walk 1": "a", "walk 2": "b"}, PYTHONHASHSEED="1")
    second = ran({"walk 1": "a", "walk 2": "c"}, PYTHONHASHSEED="2")
    reading = figures.determinism(Plan(Path(), Path(), 0, 0, 2), [first, second])
    assert reading.figure == "1 of 2 runs the same"
    assert words(reading) == ["walk 2: another digest under hash seed 2 than under 1"]


def processes(*walks: dict[str, Any]) -> Reading:
    return figures.processes(Plan(Path(), Path(), 0, 0, 2), [ran(list(walks))])


def test_workers_without_a_process_are_a_shortfall() -> None:
    fine = {"walk": 1, "workers": 4, "processes": 4, "diverged": None}
    assert words(processes(fine)) == []
    assert words(processes({**fine, "processes": 1})) == [
        "walk 1: 1 processes were seen for 4 workers"
    ]
    assert words(processes({**fine, "diverged": "no exit"})) == ["walk 1 diverged: no exit"]
    assert processes({**fine, "processes": 0}).executions == 0


def covered(lines: Sequence[int] = (), branches: Sequence[tuple[int, int]] = ()) -> dict[str, Any]:
    summary = {
        "covered_lines": 10 - len(lines),
        "num_statements": 10,
        "covered_branches": 4 - len(branches),
        "num_branches": 4,
    }
    return {"missing_lines": lines, "missing_branches": branches, "summary": summary}


def coverage(tmp_path: Path, **changed: dict[str, Any]) -> Reading:
    one = plan(tmp_path, "coverage", PASSED.format("a"))
    names = [pattern.replace("*", "worker.py") for pattern in figures.COMPLETE]
    files = {name: covered() for name in names} | {"pool/loop.py": covered([1])} | changed
    (one.place("coverage") / "coverage.json").write_text(json.dumps({"files": files}))
    return figures.coverage(one, [])


def test_what_decides_must_be_covered_to_the_last_branch(tmp_path: Path) -> None:
    assert words(coverage(tmp_path)) == []


def test_a_line_and_a_branch_that_were_never_taken_are_named(tmp_path: Path) -> None:
    gap = covered([7], [(3, -1), (7, 8)])
    assert words(coverage(tmp_path, **{"pool/core.py": gap})) == [
        "pool/core.py: never line 7, 3→exit"
    ]


def test_a_file_that_must_be_measured_and_was_not_is_missed(tmp_path: Path) -> None:
    one = plan(tmp_path, "coverage", PASSED.format("a"))
    (one.place("coverage") / "coverage.json").write_text(json.dumps({"files": {}}))
    reading = figures.coverage(one, [])
    assert reading.executions == 0
    assert f"{figures.COMPLETE[0]}: no such file was measured" in words(reading)


def paced(*measures: tuple[str, float | None]) -> Reading:
    facts = {
        "python": "cpython-3.11",
        "slower_max": pace.SLOWER_MAX,
        "measures": [
            {"name": name, "cost": 1.0, "spread": 0.02, "rounds": 9, "ratio": ratio}
            for name, ratio in measures
        ],
    }
    return figures.pace(Plan(Path(), Path(), 0, 0, 2), [ran(facts)])


def test_a_slow_down_of_thirty_percent_is_a_shortfall_and_one_of_ten_is_not() -> None:
    assert words(paced(("core", 1.10))) == []
    assert words(paced(("core", 1.30))) == [
        "core costs 1.30 times what the baseline says; 1.14 is allowed"
    ]
    assert paced(("core", 1.10)).figure == "core +10 % ± 2 %"


def test_without_a_baseline_the_pace_is_unknown() -> None:
    reading = paced(("core", None))
    assert reading.unknown is not None
    assert "no baseline for cpython-3.11" in reading.unknown


def test_a_baseline_is_never_recorded_slower_than_it_was() -> None:
    mine = pace.python()
    known = {mine: {"core": 2.0, "pool": 3.0}, "cpython-3.99": {"core": 1.0}}
    found = {name: pace.Measured((5.0, 6.0), (2.0, 2.0)) for name in ("core", "pool")}
    assert pace.recorded(known, found) == {
        mine: {"core": 2.0, "pool": 2.5},
        "cpython-3.99": {"core": 1.0},
    }

"""Long failing traces, the looking around for shorter ones, the certificate, and the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from machines import counterexample, fifo
from machines.certificate import Certificate
from machines.cli import command
from machines.counterexample import Status
from machines.drivers import Layer
from machines.mutants import BY_NAME
from machines.run import execute
from machines.shrink import shrink
from machines.shrinking.__main__ import total
from machines.shrinking.failing import STEPS_MIN, failing, own
from machines.shrinking.measure import SHRINKABLE, Shrinking, measure
from machines.shrinking.minimal import removable
from machines.singles import certificate, singles
from machines.trace import (
    Crash,
    Deliver,
    OpenSession,
    Receive,
    Setting,
    Submit,
    Trace,
)

if TYPE_CHECKING:
    from pathlib import Path

    from machines.trace import Command

WALKS = 300
# Those that a search of a second or two is enough for; `python -m machines.shrinking` has them all.
SAMPLE = ["checked-out-twice", "youngest-first", "never-replaced"]
LOST = BY_NAME["lost-with-its-worker"]


@pytest.mark.parametrize("name", SAMPLE)
def test_five_long_traces_of_a_bug_are_shrunk_to_one_length(name: str) -> None:
    done = [measure(BY_NAME[name], start, walks=WALKS) for start in range(5)]
    assert [one.steps_before >= STEPS_MIN for one in done] == [True] * 5
    assert [one.removable for one in done] == [()] * 5
    assert len({len(one.trace.steps) for one in done}) == 1


def test_a_long_failing_trace_breaks_its_promise_at_its_end_and_is_the_same_each_time() -> None:
    mutant = BY_NAME["checked-out-twice"]
    long = failing(mutant, 3)
    report = execute(long.trace, mutant.layer, mutant.parts, promises=own(mutant))
    assert report.violation is not None
    assert report.violation.promise == mutant.promise
    assert len(long.trace.steps) >= STEPS_MIN
    assert report.step is not None
    assert report.step >= len(long.trace.steps) - 1
    assert failing(mutant, 3) == long
    assert failing(mutant, 4) != long


def test_a_bug_too_rare_for_a_walk_is_found_in_a_padded_trace() -> None:
    mutant = BY_NAME["taken-for-taken-back"]
    with pytest.raises(LookupError, match="taken-for-taken-back"):
        failing(mutant, 0)
    known = {
        example.origin.get("mutant"): example.trace
        for path in sorted(counterexample.FOLDER.glob("S3-*.json"))
        for example in [counterexample.load(path)]
    }
    long = failing(mutant, 0, known[mutant.name])
    assert long.padded
    assert len(long.trace.steps) >= STEPS_MIN


def test_the_independent_check_sees_what_can_be_left_out() -> None:
    trace = Trace(Setting(1, prefetch=2), (Submit(0, deadline=2.0), OpenSession(0), Crash(0)))
    found = removable(trace, "L1", Layer.SIM, LOST.parts, own(LOST))
    assert found == ["deadline of step 1", "step 2", "prefetch of the setting"]
    minimal = Trace(Setting(1), (Submit(0), Crash(0)))
    assert removable(minimal, "L1", Layer.SIM, LOST.parts, own(LOST)) == []
    assert removable(Trace(Setting(1), ()), "L1", Layer.SIM, LOST.parts, own(LOST)) == ["nothing"]


def test_only_every_planted_bug_at_one_length_within_the_time_reaches_the_bars() -> None:
    def one(mutant: str, steps: int, seconds: float = 1.0, left: tuple[str, ...] = ()) -> Shrinking:
        trace = Trace(Setting(), (Submit(0),) * steps)
        return Shrinking(mutant, 0, False, STEPS_MIN, 1, seconds, trace, left)

    good = [one(name, 2) for name in "abcdefghi" for _ in range(2)]
    assert total([*good, one("j", 2), one("j", 3)])["reached"] is True
    assert total([*good[:-1], one("i", 3), one("j", 2), one("j", 3)])["reached"] is False
    assert total([*good, one("j", 2, 10.5)])["reached"] is False
    assert total([*good, one("j", 2, left=("step 1",))])["reached"] is False


def test_real_only_bugs_are_not_shrunk() -> None:
    assert {mutant.layer for mutant in SHRINKABLE} == {Layer.SIM, Layer.WIRE}


def test_looking_around_leads_out_of_a_dead_end() -> None:
    start = Trace(Setting(1), (Deliver(0), Submit(0), Receive(0), Crash(0)))
    stuck = shrink(failing(LOST, 2).trace, "L1", parts=LOST.parts, promises=own(LOST))
    found = shrink(start, "L1", parts=LOST.parts, promises=own(LOST), walks=WALKS)
    assert len(found.trace.steps) == 2
    assert len(stuck.trace.steps) >= len(found.trace.steps)


def test_the_certificate_names_each_thing_that_was_tried_in_vain() -> None:
    shrunk = shrink(Trace(Setting(2), (Submit(0), Crash(0))), "L1", parts=LOST.parts)
    assert shrunk.trace == Trace(Setting(1), (Submit(0), Crash(0)))
    assert shrunk.certificate == Certificate(
        "sim",
        "L1",
        counterexample.identity(shrunk.trace)[:16],
        {"removal": ("1 submit", "2 crash"), "task": ("0",), "worker": ("0",)},
    )


def test_no_certificate_is_given_for_what_is_not_minimal() -> None:
    whole = Trace(Setting(1), (Submit(0), Deliver(0), Crash(0)))

    def breaks(candidate: Trace) -> bool:
        return execute(candidate, parts=LOST.parts, promises=own(LOST)).violation is not None

    with pytest.raises(ValueError, match="removal of 2 deliver keeps the violation"):
        certificate(whole, "L1", Layer.SIM, LOST.parts, breaks)


def test_singles_are_every_removal_and_every_simplification() -> None:
    whole = Trace(Setting(2, prefetch=1), (OpenSession(3), Submit(0, deadline=2.0, session=3)))
    named = {(kind, what) for kind, what, _ in singles(whole)}
    assert named == {
        ("removal", "1 open_session"),
        ("removal", "2 submit"),
        ("task", "0"),
        ("session", "3"),
        ("setting", "prefetch=0"),
        ("setting", "size=1"),
        ("argument", "2 deadline=None"),
        ("argument", "2 deadline=1.0"),
        ("argument", "2 session=None"),
    }


def test_the_distance_counts_how_often_what_waited_longer_was_passed_over() -> None:
    fair = Trace(Setting(2), (Deliver(0), Deliver(1)))
    assert fifo.distance(fair) == 0
    late = Trace(Setting(2), (Deliver(0), Submit(0), Receive(0), Deliver(1)))
    assert fifo.distance(late) == 1
    nearer = [variant.steps for _, variant in fifo.nearer(late)]
    assert nearer == [(Deliver(0), Submit(0), Deliver(1), Receive(0))]
    assert list(fifo.nearer(fair)) == []


def saved(folder: Path, steps: tuple[Command, ...]) -> Path:
    whole = Trace(Setting(1), steps)
    report = execute(whole, parts=LOST.parts, promises=own(LOST))
    example = counterexample.new(whole, report, Status.FIXED, mutant=LOST.name)
    return counterexample.save(example, folder)


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["shrink", *map(str, args)], standalone_mode=False)
    code = result.return_value if result.exception is None else 2
    return code, result.output + str(result.exception or "")


def test_the_command_saves_what_is_smaller_with_its_certificate(tmp_path: Path) -> None:
    file = saved(tmp_path, (Deliver(0), Submit(0), Receive(0), Crash(0)))
    before = file.read_bytes()
    options = ("--mutant", LOST.name, "--walks", WALKS, "--output", tmp_path / "smaller")
    code, text = run(file, *options)
    assert code == 0
    assert "4 steps became 2" in text
    (smaller,) = (tmp_path / "smaller").iterdir()
    example = counterexample.load(smaller)
    assert len(example.steps) == 2
    assert example.certificate is not None
    assert example.certificate.trace == counterexample.identity(example.trace)[:16]
    assert example.origin["shrunk_from"] == file.name
    assert file.read_bytes() == before
    assert run(smaller, *options[:4])[1].startswith("L1: 2 steps, minimal already")


def test_the_command_prints_its_facts_as_json(tmp_path: Path) -> None:
    file = saved(tmp_path, (Submit(0), Crash(0)))
    code, text = run(file, "--mutant", LOST.name, "--walks", "0", "--json")
    facts = json.loads(text)
    assert (code, facts["steps"], facts["saved"]) == (0, 2, None)
    assert facts["certificate"]["removal"] == ["1 submit", "2 crash"]


def test_the_command_refuses_what_it_cannot_shrink_in_one_line(tmp_path: Path) -> None:
    file = saved(tmp_path, (Submit(0), Crash(0)))
    code, text = run(file)
    assert code == 2
    assert "the pool keeps L1 on its trace" in text
    (tmp_path / "bad.json").write_text("{}")
    assert run(tmp_path / "bad.json")[0] == 2
    assert "format" in run(tmp_path / "bad.json")[1]
    assert run(tmp_path / "none.json")[0] == 2

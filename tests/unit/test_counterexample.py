"""Counterexample files: what is saved comes back; anything else is refused with one line."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from machines import counterexample, upgrades
from machines.certificate import Certificate
from machines.counterexample import (
    BYTES_MAX,
    Counterexample,
    CounterexampleError,
    Status,
    Worlds,
)
from machines.gate import Start
from machines.mutants import BY_NAME
from machines.run import execute
from machines.trace import (
    STEPS_MAX,
    Advance,
    Cancel,
    Continue,
    Crash,
    Deliver,
    How,
    Kill,
    Mangle,
    NextStart,
    Open,
    Receive,
    Setting,
    Shutdown,
    Stop,
    Submit,
    Trace,
)

FOLDER = Path(__file__).parents[2] / "artifacts" / "counterexamples"
SAVED = sorted(FOLDER.glob("*.json"))
OLD = json.loads((FOLDER / "S10-80507e95.json").read_text(encoding="utf-8"))
SOUND = upgrades.upgraded(OLD)
MUTATIONS = 2_000

EVERY_COMMAND = (
    Submit(0),
    Submit(1, "big", 1.5, 2),
    Cancel(0),
    Kill(1),
    Receive(0),
    Open(1),
    Deliver(1),
    Advance(0.25),
    Stop(0),
    Continue(0),
    Crash(0),
    Mangle(1),
    Mangle(0, How.FOREIGN),
    NextStart(),
    NextStart(Start.HANGS),
    Shutdown(),
    Shutdown(cancel_waiting=True, grace=2.0),
)
WHOLE = Counterexample(
    promise="S1",
    sentence='task 0 → »twice«, "quoted" and\ta tab',
    status=Status.OPEN,
    step=3,
    digest="0" * 64,
    setting=Setting(3, queue_limit=0, start_failures_max=9),
    steps=EVERY_COMMAND,
    showed=tuple((f"clause {at} → that", "another") for at in range(len(EVERY_COMMAND) + 1)),
    origin={"seed": "7", "commit": "abc"},
)


def with_step(**step: Any) -> dict[str, Any]:
    return {"steps": [step], "step": 0}


SEAL = {"layer": "sim", "promise": "S1", "trace": "0" * 16}

# What is changed of a sound file, and what the one line must say: what is wrong, and where.
MALFORMED: list[tuple[dict[str, Any], str, str]] = [
    ({"format": 3}, "3", "$.format"),
    ({"format": 0}, "0", "$.format"),
    ({"format": True}, "True", "$.format"),
    ({"format": "1"}, "'1'", "$.format"),
    ({"format": None}, "None", "$.format"),
    ({"format": 10**4000}, "1000", "$.format"),
    ({"promise": "S99"}, "S99", "promise"),
    ({"promise": 5}, "string", "$.promise"),
    ({"promise": ["S1"]}, "string", "$.promise"),
    ({"sentence": 5}, "string", "$.sentence"),
    ({"sentence": ["words"]}, "string", "$.sentence"),
    ({"status": "closed"}, "closed", "$.status"),
    ({"status": ["open"]}, "open", "$.status"),
    ({"step": "4"}, "number", "$.step"),
    ({"step": 2.5}, "number", "$.step"),
    ({"step": True}, "number", "$.step"),
    ({"step": None}, "number", "$.step"),
    ({"step": -1}, "-1", "step"),
    ({"step": 6}, "6", "step"),
    ({"digest": {}}, "string", "$.digest"),
    ({"setting": []}, "", "$.setting"),
    ({"setting": None}, "", "$.setting"),
    ({"setting": {"size": 1000}}, "1000", "$.setting"),
    ({"setting": {"size": 0}}, "0", "$.setting"),
    ({"setting": {"size": "2"}}, "number", "$.setting.size"),
    ({"setting": {"size": True}}, "number", "$.setting.size"),
    ({"setting": {"queue_limit": -1}}, "-1", "$.setting"),
    ({"setting": {"queue_limit": "3"}}, "number", "$.setting.queue_limit"),
    ({"setting": {"start_failures_max": 0}}, "0", "$.setting"),
    ({"setting": {"start_method": "fork"}}, "start_method", "$.setting"),
    ({"steps": ""}, "list", "$.steps"),
    ({"steps": {}}, "list", "$.steps"),
    ({"steps": None}, "", "$.steps"),
    ({"steps": [5]}, "number", "$.steps[0]"),
    (with_step(do="rm"), "rm", "$.steps[0]"),
    (with_step(do=["deliver"], worker=0), "deliver", "$.steps[0]"),
    (with_step(worker=0), "'do' is missing", "$.steps[0]"),
    (with_step(do="deliver"), "worker", "$.steps[0]"),
    (with_step(do="deliver", worker=-1), "-1", "$.steps[0]"),
    (with_step(do="deliver", worker=10_000), "10000", "$.steps[0]"),
    (with_step(do="deliver", worker=10**4000), "1000", "$.steps[0]"),
    (with_step(do="deliver", worker="0"), "number", "$.steps[0].worker"),
    (with_step(do="deliver", worker=0.5), "number", "$.steps[0].worker"),
    (with_step(do="deliver", worker=True), "number", "$.steps[0].worker"),
    (with_step(do="deliver", worker=None), "number", "$.steps[0].worker"),
    (with_step(do="deliver", worker=0, pid=7), "pid", "$.steps[0]"),
    (with_step(do="submit", task=0, operation="os.system"), "os.system", "$.steps[0]"),
    (with_step(do="submit", task=0, operation=["echo"]), "string", "$.steps[0].operation"),
    (with_step(do="submit", task=0, retries=101), "101", "$.steps[0]"),
    (with_step(do="submit", task=0, deadline=-1.0), "-1", "$.steps[0]"),
    (with_step(do="submit", task=0, deadline="1"), "number", "$.steps[0].deadline"),
    (with_step(do="advance", seconds=2e6), "seconds", "$.steps[0]"),
    (with_step(do="advance", seconds=10**400), "1e+06", "$.steps[0].seconds"),
    (with_step(do="advance", seconds=True), "number", "$.steps[0].seconds"),
    (with_step(do="mangle", worker=0, how="gone"), "gone", "$.steps[0].how"),
    (with_step(do="next_start", how="flipped"), "flipped", "$.steps[0].how"),
    (with_step(do="shutdown", cancel_waiting=1), "true or false", "$.steps[0].cancel_waiting"),
    (with_step(do="shutdown", cancel_waiting="no"), "true or false", "$.steps[0].cancel_waiting"),
    (with_step(do="deliver", worker=0, showed="abc"), "list", "showed"),
    (with_step(do="deliver", worker=0, showed=5), "", "showed"),
    (with_step(do="deliver", worker=0, showed=[5]), "string", "showed"),
    ({"steps": [{"do": "deliver", "worker": 0}] * (STEPS_MAX + 1)}, str(STEPS_MAX), "steps"),
    ({"ending": 5}, "list", "$.ending"),
    ({"ending": [["abc"]]}, "string", "$.ending[0]"),
    ({"ending": [5]}, "string", "$.ending[0]"),
    ({"world": "both"}, "both", "$.world"),
    ({"certificate": {}}, "missing", "$.certificate"),
    ({"certificate": {**SEAL, "trace": "A" * 16}}, "AAA", "$.certificate.trace"),
    ({"certificate": {**SEAL, "tried": {"one": [1]}}}, "string", "$.certificate.tried.one[0]"),
    ({"digest": "0" * 63}, "000", "$.digest"),
    ({"digest": "0" * 64 + "\n"}, "000", "$.digest"),
    ({"origin": []}, "", "$.origin"),
    ({"origin": {"seed": 0}}, "string", "$.origin"),
    ({**with_step(do="jump", seconds=1e6), "setting": {"age_max": 0.01}}, "age_max (0.01)", "$"),
    ({"extra": 1}, "extra", "$"),
    ({"showed": []}, "showed", "$"),
]

NO_JSON: list[tuple[bytes, str]] = [
    (b"", "line 1"),
    (b"{", "line 1"),
    (b"\xff", "byte 0xff in position 0"),
    (b'{\n"format": 1,\n"sentence": "\xc3("}', "position"),
    (b"\xef\xbb\xbf{}", "BOM"),
    (b'{"format": NaN}', "NaN"),
    (b'{"format": 1, "step": Infinity}', "Infinity"),
    (b'{"format": 1, "step": -Infinity}', "-Infinity"),
    (b'{"format": 1, "step": ' + b"9" * 5_000 + b"}", "digits"),
    (b'{"format": 1, "format": 1}', "'format'"),
    (b'{"format": 1, "setting": {"size": 1, "size": 2}}', "'size'"),
    (b"[" * 100_000, "deep"),
    (b'{"format": 1, "sentence": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "deep"),
    (b'{"a":' * 100_000, "deep"),
    (b"[]", "at $: an object is needed, not a list"),
    (b'"text"', "a string"),
    (b"null", "null"),
    (b"true", "true or false"),
    (b"1", "a whole number"),
]


def refusal(data: bytes) -> str:
    """The one line with which these bytes are refused."""
    with pytest.raises(CounterexampleError) as caught:
        counterexample.loads(data)
    line = str(caught.value)
    assert line
    assert line.splitlines() == [line]
    assert len(line) <= 400
    return line


def changed(**keys: Any) -> bytes:
    return json.dumps({**SOUND, **keys}).encode()


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_file_says_the_same_in_todays_format(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    written = counterexample.dumps(counterexample.loads(text.encode()))
    assert json.loads(written) == upgrades.upgraded(json.loads(text))
    assert counterexample.dumps(counterexample.loads(written.encode())) == written


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_file_comes_back_as_it_was_saved(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    example = counterexample.load(path)
    assert example.name == path.name
    copied = counterexample.save(example, tmp_path / "new" / "folder")
    assert counterexample.load(copied) == example
    assert path.read_bytes() == before, "a file is never rewritten unasked"


@pytest.mark.parametrize(
    "example",
    [
        WHOLE,
        attrs.evolve(WHOLE, steps=(), showed=(), origin={}, step=0, setting=Setting()),
        attrs.evolve(WHOLE, showed=(), world=Worlds.SIM, certificate=Certificate(**SEAL)),
    ],
)
def test_every_command_and_setting_survives_the_round_trip(
    example: Counterexample, tmp_path: Path
) -> None:
    path = counterexample.save(example, tmp_path)
    assert counterexample.load(path) == example
    assert path.read_text(encoding="utf-8") == counterexample.dumps(example)
    assert [entry.name for entry in tmp_path.iterdir()] == [example.name]


def test_each_step_is_one_line_of_the_file() -> None:
    lines = counterexample.dumps(WHOLE).splitlines()
    steps = [line for line in lines if line.startswith('    {"do": ')]
    assert [json.loads(line.rstrip(","))["do"] for line in steps] == [s.do for s in EVERY_COMMAND]


def test_a_name_depends_on_the_trace_alone() -> None:
    assert attrs.evolve(WHOLE, sentence="else", step=1, origin={}).name == WHOLE.name
    assert attrs.evolve(WHOLE, steps=WHOLE.steps[1:], showed=()).name != WHOLE.name
    assert attrs.evolve(WHOLE, setting=Setting()).name != WHOLE.name


def test_a_run_that_broke_a_promise_becomes_a_counterexample() -> None:
    trace = Trace(Setting(1), (Crash(0),))
    report = execute(trace, parts=BY_NAME["never-replaced"].parts)
    example = counterexample.new(trace, report, Status.OPEN, seed="3")
    assert (example.promise, example.step, example.digest) == ("S16", 1, report.digest)
    assert example.trace == trace
    assert example.origin["seed"] == "3"
    assert {"python", "hypothesis", "poolcheck", "commit"} <= set(example.origin)
    assert counterexample.loads(counterexample.dumps(example).encode()) == example


def test_a_run_that_broke_nothing_is_no_counterexample() -> None:
    trace = Trace(Setting(1), ())
    with pytest.raises(ValueError, match="only a run that broke a promise"):
        counterexample.new(trace, execute(trace), Status.OPEN)


@pytest.mark.parametrize(
    ("keys", "what", "where"), MALFORMED, ids=[str(case[0])[:50] for case in MALFORMED]
)
def test_a_malformed_file_is_refused_with_what_and_where(
    keys: dict[str, Any], what: str, where: str
) -> None:
    line = refusal(changed(**keys))
    assert what in line
    assert where in line


@pytest.mark.parametrize("key", [*sorted(set(SOUND) - {"ending", "origin"})])
def test_a_missing_key_is_named(key: str) -> None:
    assert key in refusal(json.dumps({k: v for k, v in SOUND.items() if k != key}).encode())


@pytest.mark.parametrize(("data", "what"), NO_JSON, ids=[str(case[0][:40]) for case in NO_JSON])
def test_what_is_no_json_object_is_refused_with_what_it_is(data: bytes, what: str) -> None:
    assert what in refusal(data)


def test_a_number_too_large_for_a_float_is_refused() -> None:
    data = changed(**with_step(do="advance", seconds=0.125)).replace(b"0.125", b"1e999")
    assert "$.steps[0].seconds" in refusal(data)


@pytest.mark.parametrize("key", sorted(SOUND))
def test_nesting_of_any_depth_is_refused(key: str) -> None:
    for depth in (4, 100, 500, *range(900, 1000, 3), 1_000, 3_000):
        nested = b"[" * depth + b"]" * depth
        refusal(changed(**{key: "HERE"}).replace(b'"HERE"', nested))


@pytest.mark.parametrize("path", SAVED[:3], ids=lambda path: path.stem)
def test_a_truncated_file_is_refused_wherever_it_ends(path: Path) -> None:
    data = path.read_bytes()
    for end in range(0, len(data.rstrip()), 7):
        assert refusal(data[:end]).startswith("no JSON: ")


def test_text_that_cannot_be_written_again_is_refused() -> None:
    assert "$.sentence" in refusal(changed(sentence="HERE").replace(b"HERE", b"\\ud800"))


def test_load_names_the_file_before_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(b"{")
    with pytest.raises(CounterexampleError, match=r"bad\.json: no JSON: .*line 1") as caught:
        counterexample.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    path.write_bytes(changed(setting={"size": 1000}))
    with pytest.raises(CounterexampleError, match=r"bad\.json: at \$\.setting\.size: .*1000"):
        counterexample.load(path)


def test_a_file_beyond_the_limit_is_refused_and_one_at_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    data = changed()
    path.write_bytes(data + b" " * (BYTES_MAX - len(data)))
    assert counterexample.load(path) == counterexample.loads(data)
    path.write_bytes(data + b" " * (BYTES_MAX - len(data) + 1))
    with pytest.raises(CounterexampleError, match=rf"^\S*large\.json: more than {BYTES_MAX} bytes"):
        counterexample.load(path)


def test_a_folder_and_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none.json", "No such file")):
        with pytest.raises(CounterexampleError, match=f"cannot be read: {why}") as caught:
            counterexample.load(path)
        assert str(caught.value).startswith(f"{path}: ")


def _mutated(chance: random.Random, data: bytes) -> bytes:
    """The bytes with one of them flipped, a key removed, or two values exchanged."""
    kind = chance.choice(("flip", "remove", "swap"))
    if kind == "flip":
        at = chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    raw = json.loads(data)
    places = list(_places(raw))
    owner, key = chance.choice(places)
    if kind == "remove":
        del owner[key]
    else:
        other, there = chance.choice(places)
        owner[key], other[there] = copy.deepcopy(other[there]), copy.deepcopy(owner[key])
    return json.dumps(raw).encode()


def _places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_file_is_refused_or_is_a_sound_example(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a fixed seed, nothing secret
    for _ in range(MUTATIONS // 20):
        data = _mutated(chance, chance.choice(SAVED).read_bytes())
        given = _read(data)
        if isinstance(given, Counterexample):
            assert counterexample.loads(counterexample.dumps(given).encode()) == given
        else:
            assert given.splitlines() == [given]


def _read(data: bytes) -> Counterexample | str:
    """The example in these bytes, or what the refusal says."""
    try:
        return counterexample.loads(data)
    except CounterexampleError as error:
        return str(error)


@pytest.mark.parametrize("broken", ["replace", "chmod"])
def test_a_save_that_fails_leaves_nothing_behind(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fails)
    with pytest.raises(OSError, match="No space left"):
        counterexample.save(WHOLE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_alike_under_every_locale(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from machines import counterexample as c\n"
        "c.save(c.load(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))\n"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = FOLDER / "S10-80507e95.json"
    ran = subprocess.run(
        [sys.executable, "-c", program, str(path), str(tmp_path)],
        env={**os.environ, **plain},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    written = counterexample.dumps(counterexample.load(path))
    assert (tmp_path / path.name).read_text(encoding="utf-8") == written
    assert "→" in written


def test_a_mebibyte_of_quotes_and_backslashes_is_refused_at_once() -> None:
    assert "no JSON" in refusal(b'"' + b'\\"' * (BYTES_MAX // 2 - 1))

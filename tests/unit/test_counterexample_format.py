"""The format of counterexample files: canonical, described by a schema, older ones upgraded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from arbitrary import counterexamples
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from machines import counterexample, plain, schema, upgrades
from machines.counterexample import Counterexample, CounterexampleError, Worlds
from machines.trace import COMMANDS, Advance, Setting, Trace

ROOT = Path(__file__).parents[2]
SAVED = sorted((ROOT / counterexample.FOLDER).glob("*.json"))
DOCUMENT = json.loads((ROOT / schema.FILE).read_text(encoding="utf-8"))
ANYTHING = settings(max_examples=200, deadline=None, database=None)


@given(counterexamples())
@ANYTHING
def test_a_second_write_changes_no_byte(example: Counterexample) -> None:
    text = counterexample.dumps(example)
    again = counterexample.loads(text.encode())
    assert again == example
    assert counterexample.dumps(again) == text
    assert again.name == example.name


@given(counterexamples())
@ANYTHING
def test_the_order_of_keys_and_white_space_is_not_what_a_file_says(example: Counterexample) -> None:
    text = counterexample.dumps(example)
    shuffled = json.dumps(json.loads(text), sort_keys=True, indent=3)
    assert counterexample.dumps(counterexample.loads(shuffled.encode())) == text


@given(counterexamples())
@ANYTHING
def test_every_file_that_is_written_fits_the_documented_schema(example: Counterexample) -> None:
    Draft202012Validator(DOCUMENT).validate(json.loads(counterexample.dumps(example)))


def test_whole_seconds_are_written_as_they_are_read() -> None:
    whole, pointed = (
        Trace(Setting(age_max=3), (Advance(1),)),
        Trace(Setting(age_max=3.0), (Advance(1.0),)),
    )
    assert json.dumps(plain.plain_trace(whole)) == json.dumps(plain.plain_trace(pointed))
    assert counterexample.identity(whole) == counterexample.identity(pointed)


def test_the_documented_schema_is_what_the_classes_say() -> None:
    written = (ROOT / schema.FILE).read_text(encoding="utf-8")
    assert written == schema.dumps(Counterexample), "run `python -m machines.schema`"


def test_the_documented_schema_is_a_schema_and_knows_every_command() -> None:
    Draft202012Validator.check_schema(DOCUMENT)
    assert {*COMMANDS, "setting", "certificate", "step"} == set(DOCUMENT["$defs"])
    assert not DOCUMENT["additionalProperties"]


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_file_upgraded_fits_the_documented_schema(path: Path) -> None:
    today = upgrades.upgraded(json.loads(path.read_text(encoding="utf-8")))
    Draft202012Validator(DOCUMENT).validate(today)


FORMAT_1: dict[str, Any] = {
    "format": 1,
    "promise": "S4",
    "sentence": "words",
    "status": "fixed",
    "step": 1,
    "digest": "0" * 64,
    "setting": {"size": 1},
    "steps": [{"do": "submit", "task": 0, "showed": ["this"]}],
    "ending": [["that", "and that"]],
    "origin": {"seed": "0"},
}


def test_format_1_becomes_format_2_with_one_list_of_clauses_as_its_ending() -> None:
    before = json.dumps(FORMAT_1)
    assert upgrades.from_1(FORMAT_1) == {**FORMAT_1, "format": 2, "ending": ["that", "and that"]}
    assert json.dumps(FORMAT_1) == before, "the function is pure"


def test_format_1_without_an_ending_becomes_one_whose_ending_is_empty() -> None:
    without = {key: value for key, value in FORMAT_1.items() if key != "ending"}
    assert upgrades.from_1(without)["ending"] == []


def test_a_file_of_format_1_is_the_example_that_it_was() -> None:
    example = counterexample.loads(json.dumps(FORMAT_1).encode())
    assert example.showed == (("this",), ("that", "and that"))
    assert (example.world, example.certificate) == (None, None)
    assert (example.promise, example.step, example.origin) == ("S4", 1, {"seed": "0"})


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"ending": ["that"]}, "at $.ending[0]: a list is needed, not a string"),
        ({"ending": 5}, "at $.ending: a list is needed, not a whole number"),
        ({"ending": [[5]]}, "at $.ending[0]: a string is needed, not a whole number"),
        ({"world": Worlds.SIM}, "at $: unknown: 'world'; it came with format 2"),
        ({"certificate": {}}, "at $: unknown: 'certificate'; it came with format 2"),
        ({"format": 3}, "at $.format: 3 is not known; known are 1 and 2"),
    ],
)
def test_what_was_no_file_of_format_1_is_refused_all_the_same(
    keys: dict[str, Any], line: str
) -> None:
    with pytest.raises(CounterexampleError) as caught:
        counterexample.loads(json.dumps({**FORMAT_1, **keys}).encode())
    assert str(caught.value) == line


def test_every_older_format_has_an_upgrade_to_the_one_after_it() -> None:
    assert list(upgrades.UPGRADES) == list(range(1, upgrades.FORMAT))
    for form, upgrade in upgrades.UPGRADES.items():
        assert upgrade({"format": form, "ending": []})["format"] == form + 1

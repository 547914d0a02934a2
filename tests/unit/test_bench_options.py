"""What `poolcheck bench` takes, and what it refuses before anything runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from machines import cli
from machines.bench import contestant, measure
from machines.bench.adapter import ADAPTERS
from machines.bench.contestant import Contestant, Kind
from machines.bench.floor import FLOORS
from machines.bench.options import DEFAULT_MEASURES, Options
from machines.bench.tournament import rotated, schedule
from machines.bench.trial import TRIALS

DOCUMENT = Path(__file__).parents[2] / "docs" / "bench.md"

PEERS = {"ppe-fork", "ppe-forkserver", "mp-pool", "loky", "pebble", "mpire"}


def refusal(**settings: Any) -> str:
    with pytest.raises(ValueError, match=r".") as refused:
        Options(**settings)
    return str(refused.value)


def test_unless_told_otherwise_everything_but_the_long_run_is_measured_in_five_rounds() -> None:
    options = Options()
    assert (options.rounds, options.workers, options.flat) == (5, 2, None)
    assert set(DEFAULT_MEASURES) == set(TRIALS) - {"flat"}
    assert [one.name for one in options.chosen_measures] == list(DEFAULT_MEASURES)
    assert {one.name for one in contestant.CONTESTANTS if one.kind is Kind.PEER} == PEERS


def test_every_measure_has_a_trial_and_every_contestant_that_is_no_floor_an_adapter() -> None:
    assert set(measure.BY_NAME) == set(TRIALS)
    floors = {one.name for one in contestant.CONTESTANTS if one.kind is Kind.FLOOR}
    assert floors == set(FLOORS)
    assert {one.name for one in contestant.CONTESTANTS} - floors == set(ADAPTERS)


def test_names_keep_the_tables_order_whatever_order_they_are_given_in() -> None:
    options = Options(contestants="pipe, ours-fork,pipe", measures="throughput,latency")
    assert [one.name for one in options.present] == ["ours-fork", "pipe"]
    assert [one.name for one in options.chosen_measures] == ["latency", "throughput"]


@pytest.mark.parametrize("given", ["measures", "contestants"])
def test_an_unknown_name_is_refused_with_all_that_are_known(given: str) -> None:
    known = measure.BY_NAME if given == "measures" else contestant.BY_NAME
    words = refusal(**{given: f"{next(iter(known))},bogus"})
    assert words.startswith(f"--{given} 'bogus': {given} are ")
    assert all(name in words for name in known)
    assert refusal(**{given: " , "}).startswith(f"--{given} none: ")


def test_the_long_run_needs_its_length_and_one_of_ours() -> None:
    assert "--flat N" in refusal(measures="flat")
    assert "one of ours" in refusal(flat=10, contestants="ppe-fork")
    options = Options(flat=10, measures="latency", contestants="ours-forkserver,ppe-fork")
    assert [one.name for one in options.chosen_measures] == ["latency", "flat"]
    (asked,) = [one for one in schedule(options) if one.measure == "flat"]
    assert (asked.contestant, asked.samples, asked.round) == ("ours-forkserver", 10, 0)


def test_measures_that_none_of_the_contestants_takes_part_in_are_refused() -> None:
    assert "none of these contestants" in refusal(measures="throughput", contestants="pipe")


def test_a_contestant_that_is_not_installed_is_left_out_and_alone_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ghost = Contestant("loky", Kind.PEER, "no_such_module")
    monkeypatch.setattr(contestant, "CONTESTANTS", (contestant.BY_NAME["pipe"], ghost))
    options = Options(contestants="pipe,loky", measures="latency")
    assert ([one.name for one in options.present], options.absent) == (["pipe"], (ghost,))
    assert "not installed: loky" in refusal(contestants="loky")


def test_a_picture_that_cannot_be_drawn_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ".png or .svg" in refusal(plot=tmp_path / "picture.bmp")
    assert "cannot be written there" in refusal(plot=tmp_path / "none" / "picture.png")
    (tmp_path / "folder.svg").mkdir()
    assert "cannot be written there" in refusal(plot=tmp_path / "folder.svg")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "needs matplotlib" in refusal(plot=tmp_path / "picture.png")


def test_options_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Options().rounds = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rounds", "0"], "--rounds"),
        (["--rounds", "many"], "--rounds"),
        (["--workers", "-1"], "--workers"),
        (["--samples", "0"], "--samples"),
        (["--flat", "0"], "--flat"),
        (["--limit", "nan"], "--limit"),
        (["--limit", "0"], "--limit"),
        (["--measures", "speed"], "--measures 'speed'"),
        (["--measures", ""], "--measures none"),
        (["--contestants", "billiard"], "--contestants 'billiard'"),
        (["--measures", "throughput", "--contestants", "pipe"], "none of these"),
        (["--measures", "flat"], "--flat N"),
        (["--measures", "memory", "--bars"], "--bars: there is none"),
        (["--plot", "picture.txt"], "--plot picture.txt"),
        (["--plot", "two\nlines/picture.png"], "--plot"),
        (["extra"], "extra"),
        (["--bogus"], "--bogus"),
    ],
    ids=" ".join,
)
def test_a_bad_option_is_refused_with_one_line_and_exit_code_2(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["poolcheck", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    output, errors = capsys.readouterr()
    assert (ended.value.code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("poolcheck: ")
    assert says in errors


def test_the_help_names_every_option() -> None:
    told = CliRunner().invoke(cli.command, ["bench", "--help"])
    assert told.exit_code == 0
    options = {"--rounds", "--workers", "--samples", "--measures", "--contestants", "--flat"}
    options |= {"--limit", "--bars", "--json", "--plot"}
    assert options <= {word.strip(",.") for word in told.output.split()}


def cells(heading: str) -> set[str]:
    """The names in the first column of a table of the page."""
    (table,) = [
        part for part in DOCUMENT.read_text().split("\n\n") if part.startswith(f"| {heading} |")
    ]
    first = [line.split(" | ")[0] for line in table.splitlines()]
    return {name for cell in first for name in re.findall("`([^`]+)`", cell)}


def test_the_page_has_every_option_contestant_and_measure() -> None:
    options = {
        name for it in cli.command.commands["bench"].params for name in it.opts if name != "--help"
    }
    assert {name.split(" ")[0] for name in cells("option")} == options
    named = DOCUMENT.read_text().split("| measure |")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", named)) >= set(measure.BY_NAME)
    assert cells("name") == set(contestant.BY_NAME)


def test_each_round_begins_with_another_contestant_and_holds_all() -> None:
    options = Options(
        rounds=3, measures="latency,throughput", contestants="ours-fork,ppe-fork,pipe"
    )
    asked = list(schedule(options))
    latency = [one.contestant for one in asked if one.measure == "latency"]
    assert latency == [
        *("ours-fork", "ppe-fork", "pipe"),
        *("ppe-fork", "pipe", "ours-fork"),
        *("pipe", "ours-fork", "ppe-fork"),
    ]
    throughput = [one.contestant for one in asked if one.measure == "throughput"]
    assert throughput == ["ours-fork", "ppe-fork", "ppe-fork", "ours-fork", "ours-fork", "ppe-fork"]
    assert [one.round for one in asked] == sorted(one.round for one in asked)
    assert rotated([], 3) == []

"""`poolcheck refresh`: what is generated is made anew, with its diff; no bar becomes lower."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from click.testing import CliRunner, Result

from machines import counterexample
from machines.cli import command
from machines.counterexample import Status
from machines.gatekeeper import refresh
from machines.gatekeeper.generated import BY_FILE, GENERATED, Generated
from machines.gatekeeper.listed import LIST
from machines.mutants import BY_NAME
from machines.replay import replay
from machines.trace import Trace

if TYPE_CHECKING:
    from machines.counterexample import Counterexample

ROOT = Path(__file__).parents[2]
SAVED = sorted((ROOT / "artifacts" / "counterexamples").glob("*.json"))


def run(*options: str) -> Result:
    return CliRunner().invoke(command, ["refresh", *options], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with what is generated quickly, and one counterexample."""
    for one in GENERATED:
        if not one.slow:
            (tmp_path / one.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / one.file).write_text((ROOT / one.file).read_text())
    (tmp_path / LIST).write_text(f"{SAVED[0].stem}\n")
    (tmp_path / LIST).with_name(SAVED[0].name).write_text(SAVED[0].read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("one", [one for one in GENERATED if not one.slow], ids=lambda it: it.file)
def test_what_is_generated_is_as_the_code_says(one: Generated) -> None:
    assert refresh.made(one, ROOT).diff == ""


def test_what_differs_is_written_and_shown(folder: Path) -> None:
    page = folder / "docs" / "planted-bugs.md"
    right = page.read_text()
    page.write_text(right.replace("# The planted bugs", "# Bugs"))
    looked = run("--check")
    assert (looked.return_value, page.read_text() == right) == (1, False)
    assert "-# Bugs\n+# The planted bugs\n" in looked.output
    assert (run().return_value, page.read_text() == right) == (0, True)
    assert run("--check").return_value == 0


def test_a_new_counterexample_is_listed_and_one_that_is_gone_stays_listed(folder: Path) -> None:
    (folder / LIST).with_name(SAVED[1].name).write_text(SAVED[1].read_text())
    (folder / LIST).with_name(SAVED[0].name).unlink()
    assert run(LIST).return_value == 0
    assert (folder / LIST).read_text().split() == sorted([SAVED[0].stem, SAVED[1].stem])


@pytest.mark.parametrize(
    ("file", "before", "after", "lost"),
    [
        (LIST, "a\nb\n", "b\n", ["a"]),
        (LIST, "a\n", "a\nb\n", []),
        (
            "machines/reachable.json",
            '{"tuples": {"x": 1, "y": 1}, "happens": {}}',
            '{"tuples": {"x": 2}, "happens": {"z": 1}}',
            ["y"],
        ),
        (
            "artifacts/baselines/pace.json",
            '{"costs": {"cpython-3.11": {"core": 2.0, "pool": 2.0}}}',
            '{"costs": {"cpython-3.11": {"core": 2.1, "pool": 1.0}}}',
            ["cpython-3.11 core"],
        ),
        (
            "artifacts/baselines/pace.json",
            '{"costs": {"cpython-3.11": {"core": 2.0}}}',
            '{"costs": {}}',
            ["cpython-3.11 core"],
        ),
    ],
)
def test_what_a_bar_would_lose_is_named(
    file: str, before: str, after: str, lost: list[str]
) -> None:
    assert BY_FILE[file].loosened(before, after) == lost


def test_what_would_lower_a_bar_is_refused_and_not_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowering = attrs.evolve(BY_FILE[LIST], make=lambda _, __: "")
    monkeypatch.setattr(refresh, "GENERATED", (lowering,))
    told = run()
    assert told.return_value == 1
    assert f"{LIST}: refused: it would lose {SAVED[0].stem}; that is for a person" in told.output
    assert (folder / LIST).read_text() == f"{SAVED[0].stem}\n"


def saved(folder: Path, example: Counterexample) -> Path:
    return counterexample.save(example, folder / "artifacts" / "counterexamples")


def test_one_that_holds_is_marked_as_fixed_with_a_diff(folder: Path) -> None:
    example = attrs.evolve(counterexample.load(SAVED[0]), status=Status.OPEN)
    path = saved(folder, example)
    told = run("--fixed", str(path))
    assert told.return_value == 0
    assert '-  "status": "open",\n+  "status": "fixed",\n' in told.output
    assert counterexample.load(path).status is Status.FIXED


def test_one_that_does_not_hold_stays_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = attrs.evolve(counterexample.load(SAVED[0]), status=Status.OPEN)
    path = saved(folder, example)
    parts = BY_NAME[example.origin["mutant"]].parts
    monkeypatch.setattr(refresh, "replay", _with(parts))
    told = run("--fixed", str(path))
    assert "it does not hold on sim, but is violated: it stays open" in str(told.exception)
    assert counterexample.load(path).status is Status.OPEN


def _with(parts: object) -> object:
    return lambda example, layer: replay(example, layer, parts=parts)  # type: ignore[arg-type]


def test_what_is_stale_is_listed(folder: Path) -> None:
    example = counterexample.load(SAVED[0])
    twice = Trace(example.setting, (*example.steps, *example.steps))
    path = saved(folder, attrs.evolve(example, steps=twice.steps, showed=(), step=0))
    told = json.loads(run("--json").output)
    assert [line.split(":")[0] for line in told["stale"]] == [str(path.relative_to(folder))]


def test_what_is_not_generated_is_refused_in_one_line() -> None:
    told = run("README.md")
    assert str(told.exception).startswith("'README.md': what is generated is docs/graphs.md, ")

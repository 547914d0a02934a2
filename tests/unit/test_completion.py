"""The completion report says what its commands said, and never more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from machines.cli import command
from machines.completion import command as at_work
from machines.completion import readers
from machines.completion.catalogue import COUNT, ITEMS
from machines.completion.count import component, counted
from machines.completion.item import Item, Ran, Result, Speed, Standing, left_out, result
from machines.completion.page import Origin, page
from machines.mutants import MUTANTS
from model.promises import WORDS

if TYPE_CHECKING:
    from click.testing import Result as Told

ROOT = Path(__file__).parents[2]
HERE = Origin("poolcheck report --completion", "c0de" * 10, True, "Python 3.11", "2026-11-26")


def item(program: str, budget_s: float = 30, *, read: object = readers.last_line) -> Item:
    return Item("it", ("python", "-c", program), budget_s, Speed.QUICK, read)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("program", "standing", "why"),
    [
        ("print('fine')", Standing.HOLDS, ""),
        ("import sys; sys.exit('broken')", Standing.VIOLATED, "exit code 1: broken"),
        ("import sys; print('what'); sys.exit(3)", Standing.UNKNOWN, "exit code 3: what"),
        ("pass", Standing.UNKNOWN, "cannot be read: IndexError"),
    ],
)
def test_what_came_of_a_command_is_read_off_its_exit_code(
    program: str, standing: Standing, why: str, tmp_path: Path
) -> None:
    found = result(item(program), tmp_path, {})
    assert found.standing is standing
    assert found.why.startswith(why)
    assert bool(why) == bool(found.why)


def test_a_command_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    program = (
        "import os, threading; open('pid', 'w').write(str(os.getpid())); threading.Event().wait()"
    )
    found = result(item(program, 1.0), tmp_path, {})
    assert (found.standing, found.why) == (Standing.UNKNOWN, "not at its end after 1 s")
    if (tmp_path / "pid").exists():  # else it was ended before it could say so
        assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_patterns_are_replaced_by_files_and_told_as_typed(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    (tmp_path / "b.json").touch()
    words = ("python", "-c", "import sys; print(sys.argv[1:])", "*.json")
    one = Item("it", words, 30, Speed.QUICK, readers.last_line)
    assert result(one, tmp_path, {}).figures == (("said", "['a.json', 'b.json']"),)
    assert one.line.endswith(" *.json")


def test_each_folder_is_counted_once_with_what_it_says() -> None:
    facts = counted(ROOT)
    rooms = {one["room"]: one for one in facts["components"]}
    assert {"model", "pool", "machines", "machines/history", "tests/unit"} <= set(rooms)
    assert rooms["pool"]["says"].startswith("A process pool that tells the truth")
    assert sum(one["lines"] for one in facts["components"]) == facts["statistics"]["lines in them"]
    assert facts["statistics"]["promises of the model"] == len(WORDS)
    assert facts["statistics"]["planted bugs"] == len(MUTANTS)


def test_a_folder_of_two_files_has_two(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").write_text('"""Says so.\n\nAnd more."""\n')
    (room / "noun.py").write_text("x = 1\n")
    assert component(tmp_path, room) == {"room": "room", "says": "Says so", "files": 2, "lines": 4}


def test_what_commands_print_is_read() -> None:
    def read(reader: object, output: object) -> dict[str, str]:
        text = output if isinstance(output, str) else json.dumps(output)
        return dict(reader(Ran(0, text, "", 1.0)))  # type: ignore[operator]

    assert read(readers.tests, "…\n12 passed, 3 skipped in 1.2s\n") == {
        "passed": "12",
        "skipped": "3",
    }
    assert read(readers.covered, "TOTAL  90 10 4 2  89%\n12 passed in 1.2s\n") == {
        "passed": "12",
        "lines and branches": "89 %",
    }
    assert read(readers.collected, "1990/2000 tests collected (10 deselected) in 1s\n") == {
        "tests": "2,000",
        "of them run by default": "1,990",
    }
    assert read(readers.collected, "20 tests collected in 1s\n")["tests"] == "20"
    line = "sim                  358/358     186/186       41/41     380/380          100 %"
    assert read(readers.fired, f"{line}\n195 passed in 6.09s\n") == {
        "passed": "195",
        "fired on sim": "100 %",
    }
    two = [{"layer": "sim", "verdict": "holds"}, {"layer": "sim", "verdict": "holds"}]
    assert read(readers.replayed, two) == {"sim: holds": "2"}
    planted = [{"name": "a", "found": True}, {"name": "b", "found": False}]
    assert read(readers.hunted, {"mutants": planted, "canary": "found"}) == {
        "found": "1 of 2",
        "missed": "b",
        "canary": "found",
    }
    with pytest.raises(ValueError, match="pytest did not count"):
        read(readers.tests, "no tests ran\n")


def results() -> dict[str, Result]:
    found = {one.name: left_out(one) for one in ITEMS}
    found[COUNT.name] = Result(COUNT, Standing.HOLDS, (("promises", "24"),), 1.0)
    broken = ITEMS[2]
    found[broken.name] = Result(broken, Standing.VIOLATED, (), 2.0, "exit code 1: a | b")
    return found


def test_the_page_says_what_holds_what_does_not_and_what_was_not_run() -> None:
    rooms = [{"room": "pool", "says": "A pool", "files": 2, "lines": 1_234}]
    text = page(results(), rooms, "| gap | there |\n", HERE)
    assert "with changes that are in no commit" in text
    assert "| `pool/` | A pool | 2 | 1,234 |" in text
    assert f"| promises | 24 | `{COUNT.line}` |" in text
    assert f"(**does not hold**: exit code 1: a \\| b; `{ITEMS[2].line}`)" in text
    assert f"Of {len(ITEMS)} commands: 1 hold, 1 do not, {len(ITEMS) - 2} not run." in text
    assert "| gap | there |" in text
    for one in ITEMS:
        assert one.line in text


def asked(*words: str) -> Told:
    return CliRunner().invoke(command, ["report", *words], standalone_mode=False)


def test_the_list_says_every_command_with_its_budget() -> None:
    quick = asked("--completion", "--quick", "--list").output.splitlines()
    whole = asked("--completion", "--list").output.splitlines()
    assert len(whole) == len(ITEMS)
    assert set(quick) < set(whole)
    assert all("; at most " in line for line in whole)
    assert "--completion" in str(asked().exception)


def test_the_report_is_written_whole_and_its_exit_code_says_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "known-gaps.md is not here" in str(asked("--completion").exception)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "known-gaps.md").write_text("# Known gaps\n\nNone that we know.\n")
    codes = {"print(1)": 0, "raise SystemExit(3)": 3, "raise SystemExit(1)": 1}
    facts = 'print(\'{"components": [], "statistics": {"files": 3}}\')'
    for program, code in codes.items():
        count = Item(COUNT.name, ("python", "-c", facts), 30, Speed.QUICK, readers.counts)
        items = (count, item(program), *ITEMS[1:])
        monkeypatch.setattr(at_work, "ITEMS", items)
        assert at_work.completion(items[:2], Path("out/report.md"), quick=True) == code
        text = (tmp_path / "out" / "report.md").read_text()
        assert "| files | 3 |" in text
        assert "None that we know." in text
        assert "# Known gaps\n\nFrom" in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.md"]

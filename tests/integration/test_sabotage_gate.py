"""Sabotages: the cheap ones turn the gate red where they must; the tree as it is keeps it green."""

from __future__ import annotations

from pathlib import Path

import pytest

from machines.gatekeeper.sabotage import checked, copied, tried
from machines.gatekeeper.sabotages import BY_NAME, SABOTAGES, CannotApply, Edit, Sabotage

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
CHEAP = ("broken-arrow", "no-processes")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copied(ROOT, folder)
    return folder


@pytest.mark.parametrize("name", CHEAP)
def test_a_sabotage_turns_the_gate_red_at_the_right_check(name: str) -> None:
    found = tried(BY_NAME[name], ROOT)
    assert found.seen, found.line()


@pytest.mark.parametrize("name", CHEAP)
def test_without_it_the_same_check_is_passed(name: str, copy: Path) -> None:
    found = checked(BY_NAME[name], copy)
    assert (found.verdict, found.seen) == ("holds", False)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
def test_every_sabotage_still_finds_what_it_breaks(sabotage: Sabotage, tmp_path: Path) -> None:
    files = [edit.file for edit in sabotage.edits]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text((ROOT / file).read_text())
    sabotage.apply(tmp_path)
    changed = [file for file in files if (tmp_path / file).read_text() != (ROOT / file).read_text()]
    assert changed == files


def test_what_is_not_there_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\none\n")
    for before in ("one", "two"):
        with pytest.raises(CannotApply):
            Edit("a.py", before, "three").apply(tmp_path)


def test_there_are_the_twelve_that_the_page_lists() -> None:
    page = (ROOT / "docs" / "gate.md").read_text()
    rows = [f"| {one.name} | " for one in SABOTAGES]
    assert len(rows) == 12
    assert [row for row in rows if row not in page] == []
    assert all(f"| {one.check} |" in page for one in SABOTAGES)

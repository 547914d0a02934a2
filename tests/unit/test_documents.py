"""What the documentation says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from machines.gate import Start
from machines.mutants import MUTANTS
from machines.trace import COMMANDS, How
from model.promises import WORDS
from model.worker import moves

ROOT = Path(__file__).parents[2]


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page, without headings and rules."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    tables = [line for line in lines if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in tables]


def test_the_lifecycle_page_lists_exactly_the_specified_moves() -> None:
    documented = {
        (before, because, after)
        for before, after, reasons, *_ in rows("worker-lifecycle.md")
        if before != "from"
        for because in reasons.split(", ")
    }
    assert set(moves()) == documented


def test_the_promises_page_quotes_every_checker() -> None:
    quoted = {
        name: words.replace("`", "")
        for name, words, *built in rows("promises.md")
        if built == ["yes"]
    }
    assert quoted == WORDS


def test_the_counterexample_page_names_every_command_and_fault() -> None:
    page = (ROOT / "docs" / "counterexamples.md").read_text()
    named = set(re.findall(r"`(\w+)`", page))
    starts = {start.value for start in Start if start is not Start.NORMAL}
    assert {*COMMANDS, *(how.value for how in How), *starts} <= named


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_readme_counts_the_planted_bugs_rightly() -> None:
    assert f"plants {len(MUTANTS)} bugs" in (ROOT / "README.md").read_text()

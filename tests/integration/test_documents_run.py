"""Every Python block of the documentation runs by itself, and prints what its comments say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^ *(?:```|~~~)(.*)$", re.MULTILINE)
PRINTED = re.compile(r"# → (.*)$", re.MULTILINE)
# What need not run: anything else than these is Python, or is to be named here.
OTHER_LANGUAGES = {"json", "mermaid", "sh", "text"}
PAGES = sorted(DOCS.rglob("*.md"))
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{at}")
    for page in PAGES
    for at, block in enumerate(BLOCK.findall(page.read_text()))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs_and_prints_what_its_comments_say(block: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(block)
    ran = subprocess.run(
        [sys.executable, "-W", "error", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == PRINTED.findall(block)


def test_there_are_blocks_on_the_pages_for_users() -> None:
    pages = {str(block.id).rpartition("-")[0] for block in BLOCKS}
    assert {"migrating", "sessions", "configuration", "errors"} <= pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_block_has_a_language_and_what_is_python_is_called_so(page: Path) -> None:
    text = page.read_text()
    opening, closing = FENCE.findall(text)[::2], FENCE.findall(text)[1::2]
    assert len(opening) == len(closing)
    assert set(opening) <= {"python", *OTHER_LANGUAGES}
    assert set(closing) <= {""}
    assert opening.count("python") == len(BLOCK.findall(text))

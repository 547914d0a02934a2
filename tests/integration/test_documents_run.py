"""Every Python block of the documentation runs, as a program of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{at}")
    for page in sorted(DOCS.rglob("*.md"))
    for at, block in enumerate(BLOCK.findall(page.read_text()))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block: str, tmp_path: Path) -> None:
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


def test_there_are_blocks_on_the_pages_for_users() -> None:
    pages = {str(block.id).rpartition("-")[0] for block in BLOCKS}
    assert {"migrating", "sessions", "configuration"} <= pages

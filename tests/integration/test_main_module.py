"""A program's main module is imported once by the forkserver, and not by each worker."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

PROGRAM = """
import os
import sys

from pool import Pool

print(f"imported in {os.getpid()}", file=sys.stderr, flush=True)

if __name__ == "__main__":
    with Pool(size=2) as pool:
        print("server", pool.submit(os.getppid).result())
        pool.submit(os.abort).exception()
        pool.submit(os.getpid).result()
"""


def test_a_main_module_that_imports_the_pool_is_imported_by_the_forkserver_alone(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, check=True
    )
    server = ran.stdout.split()[-1]
    imported = [line.split()[-1] for line in ran.stderr.splitlines() if "imported in" in line]
    assert len(imported) == 2
    assert imported[1] == server

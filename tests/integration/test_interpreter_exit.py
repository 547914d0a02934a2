"""A program that ends lets its pool finish what it accepted, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path

    from pool import Pool

    def write(path):
        Path(path).write_text("done")

    if __name__ == "__main__":
        method, path, end = sys.argv[1:]
        pool = Pool(size=1, start_method=method)
        pool.submit(write, path)
    """
)
ENDINGS = {
    "by itself": "",
    "after dropping the pool": "        del pool\n",
    "after shutdown without waiting": "        pool.shutdown(wait=False)\n",
    "by an exception": '        raise SystemExit("on purpose")\n',
}


@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
@pytest.mark.parametrize("end", ENDINGS)
def test_an_accepted_task_is_done_when_the_program_has_ended(
    tmp_path: Path, method: str, end: str
) -> None:
    program, result = tmp_path / "program.py", tmp_path / "result"
    program.write_text(PROGRAM + ENDINGS[end][4:])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", program, method, result, end],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.stderr == ("on purpose\n" if end == "by an exception" else "")
    assert result.read_text() == "done"

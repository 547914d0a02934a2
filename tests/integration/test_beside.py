"""What works beside a command is gone when the command was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0

# Two processes beside it are at work that never ends.
PROGRAM = """
import threading
from machines.beside import executor

def forever(_):
    threading.Event().wait()

if __name__ == "__main__":
    apart = executor(2)
    print(apart.submit(abs, -1).result(), flush=True)
    [apart.submit(forever, number) for number in range(2)]
    threading.Event().wait()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_processes_beside_a_command_end_with_it(how: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "1\n"
        beside = psutil.Process(command.pid).children(recursive=True)
        assert len(beside) >= 1
        command.send_signal(how)
        _, left = psutil.wait_procs(beside, timeout=LIMIT_S)
        assert left == []

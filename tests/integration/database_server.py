"""A PostgreSQL server of a test's own, with nothing in it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN = Path("/usr/lib/postgresql")


def _program(name: str) -> str:
    """Where a program of the server is; without one the test is skipped."""
    debian = sorted(str(path) for path in DEBIAN.glob("*/bin"))
    found = shutil.which(name, path=os.pathsep.join([*debian[::-1], os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"there is no PostgreSQL server ({name}) on this machine")
    return found


def _somebody() -> dict[str, Any]:
    """Who the server runs as: root it refuses."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("a PostgreSQL server does not run as root, and there is nobody else here")


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A server that listens to this machine alone while the block runs; its URL."""
    initdb, postgres = _program("initdb"), _program("postgres")
    somebody = _somebody()
    folder = Path(tempfile.mkdtemp(prefix="poolcheck-postgres-"))
    try:
        if somebody:
            os.chown(folder, somebody["user"], somebody["group"])
        data = folder / "data"
        words = [initdb, "--pgdata", data, "--username=me", "--auth=trust", "--no-sync"]
        options = {
            "cwd": folder,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            **somebody,
        }
        made = subprocess.run([*words, "--encoding=UTF8", "--locale=C"], **options, check=False)
        assert made.returncode == 0, made.stdout
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [postgres, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        words += ["-c", "fsync=off", "-c", "logging_collector=off", "-c", "lc_messages=C"]
        with subprocess.Popen(words, text=True, **options) as server:
            assert server.stdout is not None
            assert any("ready to accept connections" in line for line in server.stdout)
            try:
                yield f"postgresql://me@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)  # whoever is connected is not waited for
                server.stdout.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

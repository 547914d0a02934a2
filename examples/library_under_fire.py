"""Compress and hash Python's standard library while the workers are killed again and again.

Each file is one idempotent task. After every few results the worker of the task that is waited
for next is killed. The results must equal a serial run, and nothing may be left behind.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import sysconfig
import zlib
from pathlib import Path

from pool import Pool

KILL_EVERY = 40
RETRIES = 100


def digest(path: str) -> tuple[str, int, str]:
    """The file's path, compressed size in bytes, and the SHA-256 of what was compressed."""
    compressed = zlib.compress(Path(path).read_bytes(), 6)
    return path, len(compressed), hashlib.sha256(compressed).hexdigest()


def library() -> list[str]:
    """Every source file of the running Python's standard library, without installed packages."""
    root = Path(sysconfig.get_path("stdlib"))
    files = (path for path in root.rglob("*.py") if "site-packages" not in path.parts)
    return sorted(str(path) for path in files if path.is_file())


def under_fire(paths: list[str], size: int) -> tuple[list[tuple[str, int, str]], int]:
    """Each path's result, from a pool whose workers are killed; and how many kills there were."""
    kills = 0
    with Pool(size=size) as pool:
        steady = pool.options(idempotent=True, retries=RETRIES)
        futures = [steady.submit(digest, path) for path in paths]
        results = []
        for number, future in enumerate(futures):
            results.append(future.result())
            if number % KILL_EVERY == 0:
                kills += _kill_one(pool, number)
    return results, kills


def _kill_one(pool: Pool, number: int) -> int:
    pids = sorted(pool.pids().values())
    if not pids:
        return 0
    try:
        os.kill(pids[number % len(pids)], signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def main() -> int:
    """The comparison has been made and told; 0 if the results are equal."""
    paths = library()
    serial = [digest(path) for path in paths]
    parallel, kills = under_fire(paths, size=2)
    equal = serial == parallel
    print(f"{len(paths)} files, {kills} workers killed, results equal: {equal}")  # noqa: T201
    return 0 if equal and kills else 1


if __name__ == "__main__":
    sys.exit(main())

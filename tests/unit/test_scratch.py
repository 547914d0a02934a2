"""The scratch folder: a dead run's is removed, a living one's and anyone else's are not."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from machines import scratch

if TYPE_CHECKING:
    from pathlib import Path


def test_a_dead_runs_folder_is_removed(tmp_path: Path) -> None:
    dead = tmp_path / f"{scratch.PREFIX}dead"
    dead.mkdir()
    (dead / "owner.lock").touch()
    (dead / "listener").touch()
    assert scratch.sweep(tmp_path) == [dead]
    assert not dead.exists()


def test_a_living_runs_folder_is_kept(tmp_path: Path) -> None:
    living = tmp_path / f"{scratch.PREFIX}living"
    living.mkdir()
    lock = os.open(living / "owner.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert scratch.sweep(tmp_path) == []
    finally:
        os.close(lock)
    assert living.exists()


def test_a_folder_without_our_lock_is_kept(tmp_path: Path) -> None:
    foreign = tmp_path / f"{scratch.PREFIX}foreign"
    foreign.mkdir()
    other = tmp_path / "pymp-something"
    other.mkdir()
    assert scratch.sweep(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == sorted([foreign, other])

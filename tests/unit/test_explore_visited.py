"""The visited set knows what is in it, and spools give back what was put in."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from machines.explore.spool import Spool, read
from machines.explore.visited import WIDTH, Visited, column, fingerprint, prints

if TYPE_CHECKING:
    from pathlib import Path


def test_a_set_of_fingerprints_agrees_with_pythons_own() -> None:
    rng = random.Random(5)  # noqa: S311 - a test's choice
    # Few distinct bytes, zeros at the end among them: what numpy's text is careless about.
    pool = sorted({bytes(rng.choices((0, 1, 255), k=4)) + bytes(WIDTH - 4) for _ in range(80)})
    pool += [fingerprint(bytes([number])) for number in range(80)]
    visited, known = Visited(), set[bytes]()
    for _ in range(60):
        batch = rng.sample(pool, 7)
        wanted = prints(b"".join(batch))
        new = visited.unseen(wanted)
        assert new.tolist() == [one not in known for one in batch]
        visited.add(wanted[new])
        known |= set(batch)
        assert len(visited) == len(known)


def test_a_fingerprint_takes_sixteen_bytes_and_no_more() -> None:
    visited = Visited()
    for number in range(100):
        visited.add(prints(b"".join(fingerprint(bytes((number, n))) for n in range(100))))
    assert visited.bytes == 16 * 100 * 100


def test_columns_of_pairs_come_apart() -> None:
    pairs = [(fingerprint(bytes([n])), fingerprint(bytes([n, n]))) for n in range(5)]
    joined = b"".join(one + other for one, other in pairs)
    assert column(joined, 0).tolist() == [one for one, _ in pairs]
    assert column(joined, 1).tolist() == [other for _, other in pairs]
    assert len(column(b"", 0)) == 0


@pytest.mark.parametrize("memory_max", [0, 10, 1 << 20])
def test_a_spool_gives_back_its_records_in_order(tmp_path: Path, memory_max: int) -> None:
    spool = Spool(tmp_path / "spool", memory_max)
    records = [bytes([n % 251]) * (n % 7) for n in range(1_000)]
    for record in records:
        spool.add(record)
    spool.close()
    assert list(spool) == records
    assert spool.count == 1_000
    assert spool.spilled == (tmp_path / "spool").exists() == (memory_max < 1 << 20)
    spool.remove()
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("cut", [1, 4, 6])
def test_a_spool_that_is_cut_is_no_spool(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path / "spool", 0)
    spool.add(b"whole")
    spool.close()
    whole = (tmp_path / "spool").read_bytes()
    (tmp_path / "spool").write_bytes(whole[:-cut])
    with pytest.raises(ValueError, match="ends within a record"):
        list(read(tmp_path / "spool"))

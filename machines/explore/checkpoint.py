"""The checkpoint: a folder from which a search goes on, the same as if it had never stopped.

The search's files lie there as they come, each written once; `checkpoint.json` says which of them
count, and is replaced whole at the end of each level, when they are on the disk. What it does not
name is left over from a level that was given up.
"""

from __future__ import annotations

import json
import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cattrs
from attrs import asdict, field, frozen

from machines.explore.outcome import Counts  # noqa: TC001 - cattrs resolves it

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = 1
WIDTH: Final = 16
CHUNK: Final = 1 << 20
NAME: Final = "checkpoint.json"
PACKAGES: Final = ("pool", "model", "machines")
_CONVERTER: Final = cattrs.Converter(forbid_extra_keys=True)


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message is one line."""


@frozen
class Checkpoint:
    """Where a search stands between two levels.

    Attributes:
        bounds: what is searched, in words.
        code: the digest of the code that searched.
        level: which one is expanded next.
        counts: how far it has come.
        files: the digest of each file that counts, by its name.
    """

    bounds: str
    code: str
    level: int
    counts: Counts
    files: dict[str, str] = field(factory=dict)
    format: int = FORMAT


def code_digest() -> str:
    """The digest of all code that a search depends on."""
    root = Path(__file__).parents[2]
    total = blake2b(digest_size=WIDTH)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            total.update(f"{path.relative_to(root)}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """The folder's checkpoint is this one, whole or not at all."""
    part = folder / f"{NAME}.part"
    with part.open("w") as file:
        json.dump(asdict(checkpoint), file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / NAME)
    _sync(folder)


def sealed(paths: Iterable[Path]) -> dict[str, str]:
    """These files are on the disk; the digest of each, by its name."""
    digests = {}
    for path in paths:
        _sync(path)
        digests[path.name] = _digest(path)
    return digests


def load(folder: Path, bounds: str) -> Checkpoint:
    """The folder's checkpoint is returned; every file that it names is as it was left.

    Args:
        folder: where.
        bounds: what is to be searched on.

    Raises:
        CheckpointError: there is none, or it is of other bounds, code or format, or damaged.
    """
    found = _read(folder / NAME)
    if found.bounds != bounds:
        raise CheckpointError(f"{folder}: a checkpoint of {found.bounds}, not of {bounds}")
    if found.code != code_digest():
        raise CheckpointError(f"{folder}: a checkpoint of other code than this; begin again")
    for name, digest in sorted(found.files.items()):
        path = folder / name
        if "/" in name or not path.is_file() or _digest(path) != digest:
            raise CheckpointError(f"{path}: is missing or damaged; begin again")
    return found


def _read(path: Path) -> Checkpoint:
    try:
        raw: Any = json.loads(path.read_text())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: no JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise CheckpointError(f"{path}: no checkpoint of format {FORMAT}, which this reads")
    try:
        return _CONVERTER.structure(raw, Checkpoint)
    except Exception as error:  # whatever is wrong with it, it is of no use
        raise CheckpointError(f"{path}: no checkpoint of format {FORMAT}") from error


def _digest(path: Path) -> str:
    total = blake2b(digest_size=WIDTH)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
    return total.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

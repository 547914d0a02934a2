"""Fetches the standard library's executor tests from the source distribution of this very Python.

    python tests/stdlib/fetch.py [--from ARCHIVE]

For a Python that was installed without them. They are put where `run.py` looks. An archive is
believed only if its checksum is right. Exit codes: 0 they are there, 2 they cannot be had.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath

from releases import SHA256
from standard_tests import FETCHED, NAME, find

ARCHIVE_BYTES_MAX = 1 << 26
PATIENCE_S = 60.0


class Unfetchable(Exception):
    """The tests cannot be had, and why."""


def version() -> str:
    """This Python's version, as its source distribution is named."""
    if sys.version_info.releaselevel != "final":
        raise Unfetchable(f"this Python, {sys.version.split()[0]}, is no final release")
    return ".".join(map(str, sys.version_info[:3]))


def download(release: str) -> bytes:
    """The archive of a release, as it came."""
    url = f"https://www.python.org/ftp/python/{release}/Python-{release}.tar.xz"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            data: bytes = answer.read(ARCHIVE_BYTES_MAX + 1)
    except (OSError, urllib.error.URLError) as error:
        raise Unfetchable(f"{url} cannot be reached: {error}") from error
    if len(data) > ARCHIVE_BYTES_MAX:
        raise Unfetchable(f"{url} is longer than {ARCHIVE_BYTES_MAX} bytes")
    return data


def verify(data: bytes, release: str) -> None:
    """The archive is the release that it says it is."""
    known = SHA256.get(release)
    if known is None:
        raise Unfetchable(f"no checksum is known of Python {release}; add it to releases.py")
    found = hashlib.sha256(data).hexdigest()
    if found != known:
        raise Unfetchable(f"the checksum of Python {release} is {found}, not {known}")


def extract(data: bytes, release: str, into: Path) -> int:
    """The executor tests of a verified archive are in the folder; how many files, is returned."""
    root = PurePosixPath(f"Python-{release}/Lib/test")
    wanted: dict[PurePosixPath, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:xz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if not member.isfile() or not path.is_relative_to(root) or ".." in path.parts:
                continue
            inside = path.relative_to(root)
            if inside.suffix == ".py" and PurePosixPath(inside.parts[0]).stem == NAME:
                file = archive.extractfile(member)
                wanted[inside] = b"" if file is None else file.read()
    if not wanted:
        raise Unfetchable(f"there is no {NAME} in the source distribution of Python {release}")
    shutil.rmtree(into, ignore_errors=True)
    for inside, text in wanted.items():
        target = into / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
    return len(wanted)


def main() -> int:
    """The tests are where `run.py` looks, or it is said why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="archive", type=Path, help="a source distribution, on disk")
    options = parser.parse_args()
    found = find()
    if found is not None and options.archive is None:
        sys.stdout.write(f"they are there: {found.path}\n")
        return 0
    try:
        release = version()
        data = download(release) if options.archive is None else options.archive.read_bytes()
        verify(data, release)
        count = extract(data, release, FETCHED)
    except (Unfetchable, OSError, tarfile.TarError) as error:
        sys.stderr.write(f"the standard library's executor tests cannot be had: {error}\n")
        return 2
    sys.stdout.write(f"{count} files of Python {release} are in {FETCHED}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

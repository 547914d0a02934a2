"""Where the standard library's executor tests are, and how they come to be importable.

They are a part of Python's `test` package which many distributions leave out. Then they are taken
from a folder that `fetch.py` filled from Python's source distribution, or from another Python of
the same minor version on this machine. A small `test` package beside the installed one makes them
importable under the names that they have in the standard library, in worker processes too.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from attrs import frozen

NAME = "test_concurrent_futures"
FETCHED = Path(__file__).parent / ".cpython" / ".".join(map(str, sys.version_info[:3]))
HOW = (
    "the standard library's executor tests are not installed with this Python; "
    "`python tests/stdlib/fetch.py` fetches its source distribution's"
)

_EXTENDED = '''"""A part of the standard library's test package that was left out of this Python."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
'''


@frozen
class Found:
    """The executor tests of a Python of this version.

    Attributes:
        path: the package or module.
        installed: whether they are where `import test.test_concurrent_futures` finds them.
    """

    path: Path
    installed: bool


def find() -> Found | None:
    """The tests, if this machine has them; this very Python's are preferred."""
    package = importlib.util.find_spec("test")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := _in(Path(folder))) is not None:
            return Found(path, installed=True)
    major, minor = sys.version_info[:2]
    others = [Path(f"{prefix}/lib/python{major}.{minor}/test") for prefix in ("/usr", "/usr/local")]
    for folder in (FETCHED, *others):
        if (path := _in(folder)) is not None:
            return Found(path, installed=False)
    return None


def lay(found: Found, folder: Path) -> Path | None:
    """What must be on the path of modules; None if the tests are importable as they are.

    Args:
        found: the tests.
        folder: an empty one, to lay them in if need be.
    """
    if found.installed:
        return None
    package = folder / "test"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_EXTENDED, encoding="utf-8")
    if found.path.is_dir():
        shutil.copytree(found.path, package / found.path.name)
    else:
        shutil.copy(found.path, package)
    return folder


def _in(folder: Path) -> Path | None:
    for path in (folder / NAME, folder / f"{NAME}.py"):
        if path.exists():
            return path
    return None

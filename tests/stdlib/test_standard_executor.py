"""The standard library's own executor tests hold for `Pool`, with each start method.

Each group runs in a process of its own: these tests stop the forkserver and count threads.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import fetch
import pytest
import run
import standard_tests
from not_applicable import NOT_APPLICABLE, Row

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
LIMIT = 600.0  # seconds; the driver itself says where it hangs, long before
LEAST = {"fork": 50, "forkserver": 50, "spawn": 50, "future": 20}  # of every Python's, so many pass


@pytest.mark.parametrize("group", run.GROUPS)
def test_the_standard_library_s_executor_tests_hold(group: str) -> None:
    if standard_tests.find() is None:
        pytest.skip(standard_tests.HOW)
    command = [sys.executable, str(HERE / "run.py"), group, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == []
    assert sum(one["ended"] == "passed" for one in told["ran"]) >= LEAST[group]


def test_each_row_says_why_and_stands_once() -> None:
    assert all(row.reason for row in NOT_APPLICABLE)
    assert len({row.test for row in NOT_APPLICABLE}) == len(NOT_APPLICABLE)


ROW = Row("Test.listed", "for this test's sake", since=(3, 11))


@pytest.mark.parametrize(
    ("ran", "words"),
    [
        ([run.Ran("A.listed", "Test.listed", "failed")], None),
        ([run.Ran("A.listed", "Test.listed", "skipped")], None),
        ([run.Ran("A.listed", "Test.listed", "passed")], "passes, and is listed"),
        ([], "there is no such test"),
        ([run.Ran("A.other", "Test.other", "failed", "because")], "A.other failed: because"),
        ([run.Ran("A.other", "Test.other", "skipped", "because")], "A.other skipped: because"),
    ],
)
def test_the_table_is_held_against_what_ran(ran: list[run.Ran], words: str | None) -> None:
    others = [] if not ran or ran[0].key == ROW.test else [run.Ran("B", ROW.test, "failed")]
    wrong = run.judged([*ran, *others], [ROW], whole=True)
    assert wrong == [] if words is None else words in wrong[0]


def archive_of(*names: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"pass"))
    return data.getvalue()


@pytest.mark.parametrize(
    "names", [("test_concurrent_futures.py",), ("test_concurrent_futures/util.py",)]
)
def test_the_tests_are_taken_from_a_source_distribution(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    inside = [f"Python-3.99.0/Lib/test/{name}" for name in (*names, "test_os.py")]
    data = archive_of("Python-3.99.0/Lib/os.py", *inside)
    assert fetch.extract(data, "3.99.0", tmp_path / "into") == 1
    written = [path for path in (tmp_path / "into").rglob("*") if path.is_file()]
    assert written == [tmp_path / "into" / names[0]]


def test_an_archive_of_a_wrong_checksum_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive_of("Python-3.99.0/Lib/test/test_concurrent_futures.py")
    with pytest.raises(fetch.Unfetchable, match=r"no checksum is known of Python 3\.99\.0"):
        fetch.verify(data, "3.99.0")
    monkeypatch.setitem(fetch.SHA256, "3.99.0", "0" * 64)
    with pytest.raises(fetch.Unfetchable, match=r"the checksum of Python 3\.99\.0 is"):
        fetch.verify(data, "3.99.0")
    monkeypatch.setitem(fetch.SHA256, "3.99.0", hashlib.sha256(data).hexdigest())
    fetch.verify(data, "3.99.0")


def test_the_tests_become_importable_under_their_own_names(tmp_path: Path) -> None:
    module = tmp_path / "elsewhere" / "test_concurrent_futures.py"
    module.parent.mkdir()
    module.write_text("HERE = 'taken'\n")
    path = standard_tests.lay(standard_tests.Found(module, installed=False), tmp_path / "laid")
    script = "import test.support, test.test_concurrent_futures as t; print(t.HERE)"
    printed = subprocess.check_output([sys.executable, "-c", script], cwd=path, text=True)
    assert printed == "taken\n"

"""Damaged counterexample files by the thousand: each is refused in one line, or replayed.

They go through the command's own entry, in this process, on `sim`. An audit hook sees whatever
Python is about to import, execute, start, connect to or write meanwhile; there must be nothing of
it. Seeds are fixed, so a failure comes back. `pytest -m fuzz` runs the ten thousand; a twentieth of
it always runs.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from machines import cli, counterexample, upgrades
from machines.trace import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[2]
SAVED: Final = sorted((ROOT / counterexample.FOLDER).glob("*.json"))
LIMIT_S: Final = 20  # for one file
counts = pytest.mark.parametrize(
    "count", [500, pytest.param(10_000, marks=pytest.mark.fuzz)], ids=["few", "ten_thousand"]
)

# Whatever a name of an audit event begins with that no loading and no simulated run may cause.
FORBIDDEN: Final = (
    "import", "exec", "compile", "code.", "pickle.", "marshal.", "ctypes.", "subprocess.",
    "os.", "socket.", "shutil.", "tempfile.", "urllib.", "webbrowser.", "glob.", "mmap.",
    "sys.settrace", "sys.setprofile", "_thread.start", "fcntl.", "signal.",
)  # fmt: skip
ALLOWED: Final = ("os.listdir",)
WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NASTY: Final = (
    "__import__('os').system('touch PWNED')", "../../../etc/passwd", "machines.cli:main",
    "\x00", "\ud800", "$ref", "file:///etc/passwd", "cos\nsystem\n(S'touch PWNED'\ntR.", "é" * 3000,
)  # fmt: skip
NUMBERS: Final = (
    -1, 10**9, 10**18, 10**400, -(10**400), 1e308, 1e-308, -0.0, 0, 0.5, 1e6, 1e-3, 9_999, 2**63,
)  # fmt: skip


class Audit:
    """While it watches, every forbidden act is noted. A hook, once added, stays for ever."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.seen: list[tuple[str, str]] = []
        sys.addaudithook(self._hear)

    @contextlib.contextmanager
    def watching(self, folder: Path) -> Iterator[None]:
        """What is done in this block is heard; in this folder files may be opened."""
        self.folder = str(folder)
        try:
            yield
        finally:
            self.folder = None

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event == "open":
            self._open(*arguments)
        elif event.startswith(FORBIDDEN) and event not in ALLOWED:
            self.seen.append((event, repr(arguments)[:200]))

    def _open(self, path: Any, _: Any, flags: int) -> None:
        if not str(path).startswith(f"{self.folder}/") or flags & WRITES:
            self.seen.append(("open", f"{path!r} {flags:#o}"))


AUDIT: Final = Audit()


def whole_file() -> dict[str, Any]:
    """A file with every key and every command, so that what comes later needs nothing new."""
    given: dict[str, Any] = upgrades.upgraded(json.loads(SAVED[0].read_text(encoding="utf-8")))
    needed = {"task": 0, "worker": 0, "session": 0, "seconds": 1.0}
    steps = []
    for do, kind in COMMANDS.items():
        known = [it.name for it in attrs.fields(kind) if it.default is attrs.NOTHING]
        steps.append({"do": do, **{name: needed[name] for name in known}})
    seal = {"layer": "sim", "promise": "S1", "trace": "0" * 16, "tried": {"removal": ["1"]}}
    return {**given, "world": "sim only", "certificate": seal, "steps": steps, "step": 0}


def bases() -> list[bytes]:
    """What is damaged: files as they are saved, and as they would be saved today."""
    saved = [path.read_bytes() for path in SAVED]
    today = [counterexample.dumps(counterexample.loads(data)).encode() for data in saved[::8]]
    return [*saved, *today, json.dumps(whole_file()).encode()]


def flipped(chance: random.Random, data: bytes) -> bytes:
    """Some bytes are others."""
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 8, 50))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def spliced(chance: random.Random, data: bytes) -> bytes:
    """A piece is missing, or stands where it should not."""
    first, last = sorted(chance.randrange(len(data)) for _ in range(2))
    if chance.random() < 0.5:
        return data[:first] + data[last:]
    at = chance.randrange(len(data))
    return data[:at] + data[first:last] + data[at:]


def without(chance: random.Random, data: bytes) -> bytes:
    """A key or an element is removed."""
    given = json.loads(data)
    owner, key = chance.choice(list(places(given)))
    del owner[key]
    return json.dumps(given).encode()


def replaced(chance: random.Random, data: bytes) -> bytes:
    """A value is a huge number, a nasty text, or another's value."""
    given = json.loads(data)
    found = list(places(given))
    for _ in range(chance.choice((1, 1, 2, 5))):
        owner, key = chance.choice(found)
        there, where = chance.choice(found)
        other = copy.deepcopy(there[where]) if _has(there, where) else None
        value = chance.choice((chance.choice(NUMBERS), chance.choice(NASTY), other, None, True))
        if _has(owner, key):
            owner[key] = value
    return json.dumps(given).encode()


def _has(owner: Any, key: Any) -> bool:
    return key in owner if isinstance(owner, dict) else key < len(owner)


def nested(chance: random.Random, data: bytes) -> bytes:
    """A value is nested deeply."""
    given = json.loads(data)
    owner, key = chance.choice(list(places(given)))
    owner[key] = "HERE"
    depth = chance.choice((1, 5, 14, 17, 100, 990, 5_000, 100_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return json.dumps(given).encode().replace(b'"HERE"', opening * depth + b"0" + closing * depth)


def repeated(chance: random.Random, data: bytes) -> bytes:
    """Steps come many times, in another order."""
    given = json.loads(data)
    steps = given["steps"] * chance.choice((1, 2, 10, 50))
    chance.shuffle(steps)
    given["steps"] = steps
    given.pop("ending", None)
    for step in steps:
        step.pop("showed", None)
    return json.dumps(given).encode()


DAMAGES: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    flipped, spliced, without, replaced, replaced, nested, repeated,
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value in an object or list."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def command(*arguments: str) -> tuple[int, str, str]:
    """The exit code, output and error output of the command, run in this process."""
    output, errors = io.StringIO(), io.StringIO()
    usual = sys.argv
    sys.argv = ["poolcheck", *arguments]
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            cli.main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = usual
    assert isinstance(code, int)
    return code, output.getvalue(), errors.getvalue()


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """The system's alarm ends a command that never returns; called, it begins anew."""

    def ring(*_: Any) -> None:
        raise TimeoutError(f"one file took more than {LIMIT_S} s")

    usual = signal.signal(signal.SIGALRM, ring)
    yield lambda: signal.alarm(LIMIT_S) and None
    signal.alarm(0)
    signal.signal(signal.SIGALRM, usual)


@counts
def test_a_damaged_file_is_refused_in_one_line_or_replayed_and_nothing_else_happens(
    count: int, tmp_path: Path, alarm: Callable[[], None]
) -> None:
    chance = random.Random(count)  # noqa: S311 - a fixed seed, nothing secret
    path = tmp_path / "damaged.json"
    known = bases()
    # What is first needed is imported now, and cattrs writes its functions for our classes: for
    # some a second time, after others are known.
    for data, expected in ((known[-1], 3), (known[-1], 3), (b"{", 2)):
        path.write_bytes(data)
        code, output, errors = command("replay", str(path), "--layer", "sim")
        assert code == expected, output + errors
    codes = dict.fromkeys((0, 2, 3), 0)
    for number in range(count):
        damage = chance.choice(DAMAGES)
        path.write_bytes(damage(chance, chance.choice(known)))
        alarm()
        with AUDIT.watching(tmp_path):
            code, output, errors = command("replay", str(path), "--layer", "sim")
        where = f"file {number}, {damage.__name__}"
        assert AUDIT.seen == [], where
        assert code in codes, f"{where}: {output}{errors}"
        codes[code] += 1
        if code == cli.CANNOT_RUN:
            assert output == ""
            assert errors.startswith(f"poolcheck: {path}: "), where
            assert errors.count("\n") == 1, where
            assert len(errors) <= len(str(path)) + 400, where
        else:
            assert errors == "", where
        assert "Traceback" not in output, where
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert min(codes.values()) > count // 100, f"{codes}: some way was hardly taken"


def test_the_hook_hears_what_must_not_happen(tmp_path: Path) -> None:
    inside, outside = tmp_path / "run" / "file", tmp_path / "file"
    inside.parent.mkdir()
    inside.touch()
    with AUDIT.watching(inside.parent):
        inside.read_bytes()
    assert AUDIT.seen == []
    acts: tuple[Callable[[], object], ...] = (
        lambda: eval("1"),  # noqa: S307 - what must be heard
        lambda: __import__("this_module_is_nowhere"),
        outside.touch,
        inside.unlink,
        lambda: pickle.loads(b"cos\nsystem\n."),
        lambda: subprocess.run(["true"], check=True),  # noqa: S607 - whichever is here
    )
    for act in acts:
        with AUDIT.watching(inside.parent), contextlib.suppress(ModuleNotFoundError):
            act()
        assert AUDIT.seen != []
        AUDIT.seen.clear()
